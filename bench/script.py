"""The bound of the daemon: a bare script. It renames call files, made before, into the spool, as many at once as it is
told, says yes to every claim, and reads the events; it knows no task, no list and no database.

What it needs of a processor is told, too: its own work must not lower the bound. So it does not look for calls that are
over, but is told by the kernel of each call file that Asterisk removes (inotify(7)).
"""

import asyncio
import ctypes
import math
import os
import re
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from tests.rig.pbx import Pbx

GRANTED = b'SET VARIABLE AUTODIALER_CLAIM "granted"\n'
TICK_S = 0.01
"""How often calls are begun that a rate allows."""
MOST_PER_S = 600.0
"""More calls than two cores bear: so many files are made before a run without a rate."""
_SENT = re.compile(rb"\r\nSent: ([0-9.]+)\r\n")
_IN_DELETE = 0x200
_EVENT = struct.Struct("iIII")
"""inotify(7): wd, mask, cookie, length of the name that follows."""


class _Yes(asyncio.Protocol):
    """FastAGI that grants everything."""

    def __init__(self, on_granted: Callable[[], None]) -> None:
        self._on_granted = on_granted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
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
            self._on_granted()


class _Events(asyncio.Protocol):
    """The daemon's AMI user: the same events."""

    def __init__(self, login: bytes) -> None:
        self._login = login
        self._heard = b""
        self.lags_s: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._login)

    def data_received(self, data: bytes) -> None:
        whole, end, self._heard = (self._heard + data).rpartition(b"\r\n\r\n")
        now_s = time.time()
        self.lags_s += [max(0.0, now_s - float(sent_s)) for sent_s in _SENT.findall(whole + end)]


class _Removed:
    """Calls back with how many files of a folder were removed."""

    def __init__(self, folder: Path, on_removed: Callable[[int], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(folder), _IN_DELETE) < 0:
            raise OSError(ctypes.get_errno(), "no inotify here")
        self._on_removed = on_removed
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

    def _read(self) -> None:
        told, place, removed = os.read(self._fd, 1 << 16), 0, 0
        while place < len(told):
            length = _EVENT.unpack_from(told, place)[3]
            place += _EVENT.size + length
            removed += 1
        self._on_removed(removed)


@dataclass
class Finished:
    """What a run of the script came to."""

    calls: int
    took_s: float
    cpu_s: float
    """Of the script itself."""
    lags_s: list[float] = field(default_factory=list)
    """Of the events: from the time that Asterisk wrote into each to its arrival."""

    @property
    def calls_per_s(self) -> float:
        return self.calls / self.took_s

    @property
    def cpu_ms_per_call(self) -> float:
        return 1000 * self.cpu_s / max(1, self.calls)

    @property
    def lag_p99_s(self) -> float:
        return sorted(self.lags_s)[int(0.99 * (len(self.lags_s) - 1))] if self.lags_s else 0.0


class Script:
    """Calls by call files of one kind; numbers count up over all runs, so that none is dialled twice by one script."""

    def __init__(self, pbx: Pbx, *, bare: bool, listens: bool | None = None) -> None:
        """`bare`: by a bare Dial; else through the dialer's own dialplan. `listens`: whether it is
        connected to AMI as the daemon's user, which Asterisk then makes events for; by default not beside a bare
        Dial."""
        self._pbx = pbx
        self._bare = bare
        self._listens = not bare if listens is None else listens
        self._ready: deque[Path] = deque()
        self._made = 0
        self._agi = ""
        self._done = self._out = self._at_once = self._granted = 0
        self._may_begin = 0.0
        """How many calls the rate still allows."""

    async def run(self, at_once: int, warm_s: float, run_s: float, calls_per_s: float = math.inf) -> Finished:
        """Keep so many calls in progress, but begin no more than `calls_per_s`; counted are those that end within
        `run_s` after the first `warm_s`."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Yes(self._grant), "127.0.0.1", 0, backlog=1024)
        self._agi = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._make(at_once + round((warm_s + run_s) * min(calls_per_s, MOST_PER_S)))
        self._done = self._out = self._granted = 0
        self._at_once, self._may_begin = at_once, 0.0
        user, secret = self._pbx.ami_username, self._pbx.ami_secret
        events = _Events(f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n".encode())
        listening = None
        if self._listens:
            listening, _ = await loop.create_connection(lambda: events, "127.0.0.1", self._pbx.ami_port)
        removed = _Removed(self._pbx.spool_dir, self._ended)
        try:
            began_s = time.monotonic()
            await self._go_on(began_s, began_s + warm_s, calls_per_s)
            counted_from, counted_at_s, cpu_s, events.lags_s = self._done, time.monotonic(), time.process_time(), []
            await self._go_on(began_s, began_s + warm_s + run_s, calls_per_s)
            took_s, used_s = time.monotonic() - counted_at_s, time.process_time() - cpu_s
            finished = Finished(self._done - counted_from, took_s, used_s, events.lags_s)
            self._may_begin = -math.inf
            while self._out:  # noqa: ASYNC110 - nothing is counted any more
                await asyncio.sleep(TICK_S)
            for file in self._ready:
                file.unlink()
            self._ready.clear()
            if not self._bare and self._granted != self._done:
                raise AssertionError(
                    f"{self._done} calls, {self._granted} claims: not the calls that are to be counted"
                )
        finally:
            removed.close()
            server.close()
            if listening is not None:
                listening.close()
        return finished

    async def _go_on(self, began_s: float, until_s: float, calls_per_s: float) -> None:
        while (now_s := time.monotonic()) < until_s:
            self._may_begin = math.inf if calls_per_s == math.inf else (now_s - began_s) * calls_per_s + 1
            self._begin()
            await asyncio.sleep(TICK_S)

    def _grant(self) -> None:
        self._granted += 1

    def _ended(self, calls: int) -> None:
        self._done, self._out = self._done + calls, self._out - calls
        self._begin()

    def _begin(self) -> None:
        while self._out < self._at_once and self._done + self._out < self._may_begin:
            if not self._ready:  # a machine that bears more
                self._make(self._at_once)
            self._put()
            self._out += 1

    def _make(self, count: int) -> None:
        """Make so many call files."""
        for _ in range(count):
            self._made += 1
            file = self._pbx.spool_dir.parent / "tmp" / f"script-{self._bare}-{self._listens}-{self._made}.call"
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
            f"Setvar: AUTODIALER_ATTEMPT={made}\nSetvar: AUTODIALER_SETTINGS={self._agi}/outgoing/internal/7200\n"
            f"Setvar: AUTODIALER_NUMBER={number}\nSetvar: AUTODIALER_EXTEN=900\n"
        )
