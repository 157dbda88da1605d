"""AMI messages that one core can take in: those of real calls, read by the real client, up to the ledger's note.

Calls are made through the real Asterisk, and what it tells the daemon of them is kept. Then it is told again, as fast
as it is taken: to the daemon's AMI client with its metrics, its reading of events and its removal of records from
AstDB, whose every action is answered; and, beside it, to a bare panoramisk with a callback that does nothing. The clock
is the processor time of the thread that reads.
"""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panoramisk.manager import Manager
from prometheus_client import CollectorRegistry

from bench.rig import running_line
from bench.rows import Place, Row
from dialer.dispatch.ledger import kept_under
from dialer.metrics.pbx import AmiMetrics
from dialer.model.attempt import Attempt, AttemptEvent
from dialer.pbx.ami import AmiClient, AmiState, Forgetter
from dialer.pbx.link import PbxLink
from dialer.pbx.presence import Presence
from tests.rig.daemon import Dialer
from tests.rig.relay import Relay
from tests.rig.waiting import wait_until

CALLS_PER_S = 100
"""Whose messages are to be taken in …"""
TIMES = 10
"""… so many times over."""
_END = b"\r\n\r\n"
_AT_ONCE = 50
"""Messages that are sent together."""
_ACTION_ID = re.compile(rb"ActionID: ([^\r]*)\r\n", re.IGNORECASE)


async def measure(place: Place) -> Sequence[Row]:
    told = await _record(place, calls=place.scaled(500, 50))
    per_call = len(told.messages) / told.calls
    rounds = place.scaled(40, 4)
    ours, bare = [], []
    for _ in range(3):
        ours.append(await _take_in(told, rounds))
        bare.append(await _take_in_bare(told, rounds))
    seen, beside, wanted = max(ours), max(bare), TIMES * CALLS_PER_S * per_call
    return [
        Row(
            "events: AMI messages/s that one core takes in",
            f"{seen:,.0f}/s, {seen / wanted * TIMES:.0f}x what {CALLS_PER_S} calls/s make",
            f"{CALLS_PER_S} calls/s make {CALLS_PER_S * per_call:,.0f}/s, {per_call:.1f} a call; "
            f"a bare panoramisk with an empty callback takes {beside:,.0f}/s",
            f">= {TIMES}x of {CALLS_PER_S} calls/s",
            seen >= wanted,
            "Python: a third goes into splitting headers, a third into reading what they mean and counting them, a "
            "third into removing records from AstDB, each by an action with a task and an answer of its own",
            "several records in one action: Asterisk has none that removes some keys of a family (DBDelTree: 61/s)",
            {
                "messages_per_s": seen,
                "bare_panoramisk_messages_per_s": beside,
                "messages_per_call": per_call,
                "times_100_calls": seen / (CALLS_PER_S * per_call),
            },
        )
    ]


@dataclass(frozen=True)
class _Told:
    """What Asterisk said to the daemon of some calls."""

    calls: int
    messages: Sequence[bytes]

    def events(self) -> list[bytes]:
        return [message for message in self.messages if message.startswith(b"Event:")]


class _Listening(Relay):
    """Keeps what passes towards who connected."""

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self.heard = bytearray()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = self.heard if writer.get_extra_info("sockname")[1] == self.port else bytearray()
        while data := await reader.read(65_536):
            kept += data
            writer.write(data)
            await writer.drain()


@dataclass
class _Behind:
    """An Asterisk whose AMI is reached by another port."""

    ami_port: int
    ami_username: str
    ami_secret: str
    spool_dir: Path


async def _record(place: Place, calls: int) -> _Told:
    """Make calls, and return what was said from their beginning to their end."""
    async with running_line(place.folder, "instant.xml") as line:
        relay = _Listening(line.pbx.ami_port)
        await relay.start()
        pbx = line.pbx
        behind = _Behind(relay.port, pbx.ami_username, pbx.ami_secret, pbx.spool_dir)
        dialer = Dialer(place.folder / "daemon", behind, {"log": {"level": "WARNING"}})
        try:
            await dialer.start()
            await dialer.wait_dialling()
            began = len(relay.heard)
            numbers = [f"7952{call:07d}" for call in range(calls)]
            body = {"name": "events", "innerNum": "900", "maxCountChannels": 20, "numbers": numbers}
            task = await dialer.data("POST", "/task", body)
            await dialer.wait_finished(task["id"], 120)
            removed = 2 * calls  # the records of both legs
            await wait_until(lambda: relay.heard.count(b"Key deleted", began) >= removed, "records are removed", 30)
            said = bytes(relay.heard[began:])
        finally:
            await dialer.close()
            await relay.close()
    return _Told(calls, [message + _END for message in said.split(_END) if _is_of_calls(message)])


def _is_of_calls(message: bytes) -> bool:
    """Not what the presence of employees asks for."""
    return b"ActionID:" not in message if message.startswith(b"Event:") else b"Key deleted" in message


class _Player:
    """An AMI that lets anybody in, tells what it was given, and answers every action. In a thread of its own."""

    def __init__(self, messages: Sequence[bytes], rounds: int) -> None:
        self._said = [b"".join(messages[at : at + _AT_ONCE]) for at in range(0, len(messages), _AT_ONCE)]
        self._rounds = rounds
        self._sending = threading.Lock()
        """An answer within a message would be lost."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._play, name="AMI player", daemon=True).start()

    def _play(self) -> None:
        connection, _ = self._listening.accept()
        self._listening.close()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Asterisk 22 manager.c does
        answering = threading.Thread(target=self._answer, args=(connection,), daemon=True)
        connection.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        self._heard = threading.Event()
        answering.start()
        self._heard.wait()
        connection.sendall(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted" + _END)
        with suppress(OSError):
            for _ in range(self._rounds):
                for some in self._said:
                    with self._sending:
                        connection.sendall(some)

    def _answer(self, connection: socket.socket) -> None:
        rest = b""
        with suppress(OSError):
            while data := connection.recv(65_536):
                *actions, rest = (rest + data).split(_END)
                for action in actions:
                    found = _ACTION_ID.search(action + b"\r\n")
                    action_id = found.group(1) if found else b""
                    with self._sending:
                        connection.sendall(b"Response: Success\r\nActionID: " + action_id + b"\r\nMessage: Done" + _END)
                self._heard.set()
        connection.close()


class _Ledger:
    """Notes nothing, and says that all of it is committed."""

    def __init__(self) -> None:
        self.notes = 0
        self.on_committed: Callable[[int, tuple[str, ...]], None] = lambda attempt_id, keys: None
        self.on_silence: Callable[[int], None] = lambda attempt_id: None

    def note(self, attempt_id: int, event: AttemptEvent) -> None:
        self.notes += 1
        keys = kept_under(event)
        if keys:
            self.on_committed(attempt_id, keys)

    def in_progress(self) -> dict[int, Attempt]:
        return {}

    def take_back(self, attempt_id: int) -> None:
        """Nothing is in progress."""


class _NoCallFiles:
    def attempts(self) -> Collection[int]:
        return ()

    def remove(self, attempt_id: int) -> None:
        """There is none."""


async def _take_in(told: _Told, rounds: int) -> float:
    """Messages a second of processor time, answers to the removal of records included."""
    events = told.events()
    player = _Player(events, rounds)
    client, registry, ledger = AmiClient("127.0.0.1", player.port, "bench", "bench"), CollectorRegistry(), _Ledger()
    metrics = AmiMetrics(registry)
    PbxLink(client, ledger, _NoCallFiles(), Presence(client, "internal"), contexts=(), on_ready=lambda ready: None)
    metrics.events = frozenset({*client.events, "FullyBooted"})
    client.on_message = metrics.heard
    forgetter = Forgetter(client)
    ledger.on_committed = forgetter.forget
    forgetting = asyncio.create_task(forgetter.run(), name="forgetter")
    began_s = time.thread_time()
    client.start()
    wanted = len(events) * rounds
    await _until(lambda: ledger.notes >= wanted and not len(forgetter) and not client.actions_waiting)
    took_s = time.thread_time() - began_s
    forgetting.cancel()
    client.close()
    assert client.state is AmiState.AWAY
    read = sum(
        sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "autodialer_ami_messages_total"
    )
    return read / took_s


async def _take_in_bare(told: _Told, rounds: int) -> float:
    """Messages a second of processor time."""
    player = _Player(told.messages, rounds)
    heard = 0

    def hear(_manager: Manager, _event: Any) -> None:
        nonlocal heard
        heard += 1

    manager = Manager(host="127.0.0.1", port=player.port, username="b", secret="", ping_interval=3600)
    for name in ("UserEvent", "Hangup", "BridgeEnter"):
        manager.register_event(name, hear)
    wanted = rounds * len(told.events())
    began_s = time.thread_time()
    manager.connect()
    await _until(lambda: heard >= wanted)
    took_s = time.thread_time() - began_s
    manager.close()
    return rounds * len(told.messages) / took_s


async def _until(is_done: Callable[[], bool]) -> None:
    """Look seldom: each look is a round of the loop that is measured."""
    await wait_until(is_done, "everything is read", 60, poll_s=0.05)
