"""The bound of the daemon: a bare script. It renames ready-made call files into the spool, as many at once as it is
told, says yes to every claim, and reads the events; it knows no task, no list and no database."""

import asyncio
import contextlib
import math
import os
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.pbx import Pbx

GRANTED = b'SET VARIABLE AUTODIALER_CLAIM "granted"\n'
LOOK_S = 0.002
"""How often the spool is looked at for calls that are over."""


class _Yes(asyncio.Protocol):
    """FastAGI that grants everything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = b""
        self._asked = False

    def data_received(self, data: bytes) -> None:
        if self._asked:
            self._transport.close()
            return
        self._heard += data
        if self._heard.endswith(b"\n\n"):
            self._asked = True
            self._transport.write(GRANTED)


@dataclass
class Finished:
    """What a run of the script came to."""

    calls: int
    took_s: float
    lags_s: list[float] = field(default_factory=list)
    """Of the events: from the time that Asterisk wrote into each to its arrival."""

    @property
    def calls_per_s(self) -> float:
        return self.calls / self.took_s

    @property
    def lag_p99_s(self) -> float:
        return sorted(self.lags_s)[int(0.99 * (len(self.lags_s) - 1))] if self.lags_s else 0.0


class Script:
    """Calls by call files of one kind; `number` counts up over all runs, so that no number is dialled twice."""

    def __init__(self, pbx: Pbx, *, bare: bool) -> None:
        """`bare`: by a bare Dial; else through the dialer's own dialplan."""
        self._pbx = pbx
        self._bare = bare
        self._ready: deque[Path] = deque()
        self._made = 0
        self._agi = ""
        self.lags_s: list[float] = []

    async def run(self, at_once: int, warm_s: float, run_s: float, calls_per_s: float = math.inf) -> Finished:
        """Keep so many calls in progress, but begin no more than `calls_per_s`; counted are those that end within
        `run_s` after the first `warm_s`."""
        server = await asyncio.get_running_loop().create_server(_Yes, "127.0.0.1", 0, backlog=1024)
        self._agi = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        listening = None if self._bare else asyncio.create_task(self._listen(), name="events")
        try:
            began_s = time.monotonic()
            self._make(at_once)
            out, done, begun, counted_from, counted_at_s = 0, 0, 0, 0, 0.0
            while (now_s := time.monotonic()) < began_s + warm_s + run_s:
                left = self._in_spool()
                done, out = done + out - left, left
                if not counted_at_s and now_s >= began_s + warm_s:
                    counted_from, counted_at_s, self.lags_s = done, now_s, []
                while out < at_once and begun <= (now_s - began_s) * calls_per_s:
                    self._put()
                    out, begun = out + 1, begun + 1
                self._make(at_once)
                await asyncio.sleep(LOOK_S)
            finished = Finished(done - counted_from, time.monotonic() - counted_at_s, self.lags_s)
            while self._in_spool():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(LOOK_S)
            for file in self._ready:
                file.unlink()
            self._ready.clear()
        finally:
            server.close()
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        return finished

    def _in_spool(self) -> int:
        return len(os.listdir(self._pbx.spool_dir))  # noqa: PTH208 - no objects, hundreds of times a second

    def _make(self, least: int) -> None:
        """Have so many call files ready."""
        while len(self._ready) < least:
            self._made += 1
            file = self._pbx.spool_dir.parent / "tmp" / f"script-{self._bare}-{self._made}.call"
            file.write_text(self._text(self._made))
            self._ready.append(file)

    def _put(self) -> None:
        file = self._ready.popleft()
        file.rename(self._pbx.spool_dir / file.name)

    def _text(self, made: int) -> str:
        number = f"7952{made % 10_000_000:07d}"
        if self._bare:
            return (
                f"Channel: Local/{number}@bare/n\nContext: bare-answered\nExtension: s\nPriority: 1\n"
                "WaitTime: 45\nMaxRetries: 0\nRetryTime: 86400\nArchive: no\n"
            )
        return (
            f"Channel: Local/{made}@autodialer-out/n\nContext: autodialer-answered\nExtension: exten\nPriority: 1\n"
            "WaitTime: 45\nMaxRetries: 0\nRetryTime: 86400\nArchive: no\n"
            f"Setvar: AUTODIALER_ATTEMPT={made}\nSetvar: AUTODIALER_AGI={self._agi}\n"
            f"Setvar: AUTODIALER_NUMBER={number}\nSetvar: AUTODIALER_OUTGOING=outgoing\n"
            "Setvar: AUTODIALER_LIMIT_S=7200\nSetvar: AUTODIALER_INTERNAL=internal\nSetvar: AUTODIALER_EXTEN=900\n"
        )

    async def _listen(self) -> None:
        """The daemon's own AMI user: the same events."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._pbx.ami_port)
        login = f"Action: Login\r\nUsername: {self._pbx.ami_username}\r\nSecret: {self._pbx.ami_secret}\r\n\r\n"
        writer.write(login.encode())
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                message = await reader.readuntil(b"\r\n\r\n")
                at = message.find(b"\r\nSent: ")
                if at >= 0:
                    sent_s = float(message[at + 8 : message.index(b"\r\n", at + 8)])
                    self.lags_s.append(max(0.0, time.time() - sent_s))
