"""AMI: any bytes at all from Asterisk, to the real connection and everything that hears of it."""

import asyncio
import re
from collections.abc import Callable

from dialer.model.attempt import Attempt, AttemptEvent, AttemptState, SubscriberAnswered, apply_event
from dialer.model.task import InnerNumType
from dialer.pbx.ami import AmiClient, AmiState
from dialer.pbx.link import PbxLink
from dialer.pbx.presence import Presence
from tests.fuzz.loops import TimelessLoop, Wire, run_timeless

GREETING = b"Asterisk Call Manager/9.0.0\r\n"
ACCEPTED = GREETING + b"Response: Success\r\nActionID: @\r\nMessage: Authentication accepted\r\n\r\n"
BOOTED = b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n"
GOOD_ATTEMPT = 424_242
GOOD = f"Event: UserEvent\r\nUserEvent: AutodialerAnswered\r\nAttempt: {GOOD_ATTEMPT}\r\nCall: good\r\n\r\n".encode()
PATIENCE_S = 100
_ACTION = re.compile(rb"Action: (\w+)\r\nActionID: ([^\r]+)\r\n")
_OURS = re.compile(rb"ActionID: @(\w*)")
_TURNS = 8
"""Of the event loop, for a task to be woken and to go on."""


class Ledger:
    """Notes what happened to which attempt; the state machine takes all of it."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, AttemptEvent]] = []
        self.on_committed: Callable[[int, tuple[str, ...]], None] = lambda attempt_id, keys: None
        self.on_silence: Callable[[int], None] = lambda attempt_id: None

    def in_progress(self) -> dict[int, Attempt]:
        states = (AttemptState.SPOOLED, AttemptState.DIALLING, AttemptState.POLLING)
        return {
            number: Attempt(number, 1, InnerNumType.POLLING, state, "rig-1.1")
            for number, state in enumerate(states, start=1)
        }

    def note(self, attempt_id: int, event: AttemptEvent) -> None:
        assert 0 <= attempt_id < 1 << 63
        self.noted.append((attempt_id, event))
        for attempt in self.in_progress().values():
            str(apply_event(attempt, event).verdict)
        self.on_committed(attempt_id, ("out",))

    def take_back(self, attempt_id: int) -> None:
        assert attempt_id in self.in_progress()


class CallFiles:
    """A spool with one call file."""

    def attempts(self) -> list[int]:
        return [1]

    def remove(self, attempt_id: int) -> None:
        assert attempt_id == 1


async def connected(loop: TimelessLoop, greeting: bytes = ACCEPTED + BOOTED) -> tuple[AmiClient, Wire]:
    """A client, and its connection to an Asterisk that has said this."""
    client = AmiClient("asterisk", 5038, "autodialer", "secret")
    client.start()
    wire = await loop.dialled_first()
    if greeting:
        await feed(wire, greeting)
    return client, wire


async def feed(wire: Wire, data: bytes) -> None:
    """What Asterisk says. `ActionID: @Ping` answers the Ping that has waited longest; `@` alone, any action."""
    for part in re.split(rb"(?<=\r\n\r\n)", data):
        if ours := _OURS.search(part):
            for _ in range(_TURNS):
                if _waiting(wire, ours[1]):
                    break
                await asyncio.sleep(0)
        await wire.feed(_OURS.sub(lambda found, part=part: _answer(wire, found, part), part))
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _waiting(wire: Wire, name: bytes) -> list[bytes]:
    """The ids of these actions, or of all, that have no answer yet."""
    asked = [action_id for action, action_id in _ACTION.findall(wire.written) if name in {b"", action}]
    return [action_id for action_id in asked if action_id not in wire.answered]


def _answer(wire: Wire, found: re.Match[bytes], part: bytes) -> bytes:
    waiting = _waiting(wire, found[1])
    if not waiting:
        return found[0]
    if b"EventList: Complete" in part or (b"Response: " in part and b"EventList: start" not in part):
        wire.answered.add(waiting[0])
    return b"ActionID: " + waiting[0]


def check_ami(data: bytes) -> None:
    """Whatever is said, the daemon goes on: it hears the next good event, on this connection or on its next one. Bytes
    that begin with a greeting have the login to themselves."""
    run_timeless(lambda loop: _listen(loop, data), "dialer")


async def _listen(loop: TimelessLoop, data: bytes) -> None:
    client = AmiClient("asterisk", 5038, "autodialer", "secret")
    ledger = Ledger()
    presence = Presence(client, "internal")
    link = PbxLink(client, ledger, CallFiles(), presence, contexts=["outgoing"], on_ready=lambda ready: None)
    presence.is_free("201")
    running = asyncio.create_task(link.run())
    wire = await loop.dialled_first()
    if not data.startswith(b"Asterisk"):
        await feed(wire, ACCEPTED + BOOTED)
        assert client.state is AmiState.READY
    await feed(wire, data)
    try:
        await _hear_good(loop, client, ledger)
    finally:
        if running.done():
            running.result()
    assert all(isinstance(presence.is_free(inner_num), bool) for inner_num in ("201", "700"))
    assert link.trouble is None or isinstance(link.trouble, str)
    assert not running.done(), running
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled(), running.exception()


async def _hear_good(loop: TimelessLoop, client: AmiClient, ledger: Ledger) -> None:
    """The next good event is heard. A connection that has ended, or never was logged in, is followed by another."""
    known = loop.dialled[0]
    for _ in range(PATIENCE_S):
        wire = loop.dialled[-1]
        if wire is not known and not wire.is_closing():
            known = wire
            await feed(wire, ACCEPTED + BOOTED)
        if client.state is AmiState.READY:
            assert not wire.is_closing(), "ready without a connection"
            await feed(wire, b"\r\n\r\n" + GOOD)
            if (GOOD_ATTEMPT, SubscriberAnswered("good")) in ledger.noted:
                return
            assert wire.is_closing(), "a good event was not heard"
        if client.state is AmiState.REFUSED:
            wire.close()  # so does Asterisk
        await asyncio.sleep(1)
    raise AssertionError(f"no good event in {PATIENCE_S} s: {client.state}, {client.problem}")
