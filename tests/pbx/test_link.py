"""The link to an Asterisk that is not there."""

import asyncio
from collections.abc import Callable, Iterable

import pytest

from dialer.model.attempt import Attempt, AttemptEvent, AttemptState, CallLost, TalkBegan
from dialer.model.situation import Rule
from dialer.model.task import InnerNumType
from dialer.pbx import link
from dialer.pbx.ami import AmiClient, AmiState
from dialer.pbx.presence import Presence
from dialer.pbx.reconcile import Reconciler, _attempt_of_channel
from tests.rig.ports import PortBlock
from tests.rig.waiting import wait_until


def attempt_in(state: AttemptState, *, callback: bool = False) -> Attempt:
    return Attempt(17, 1_000_000_001, InnerNumType.EXTEN, state, "call-1", callback=callback)


class Ledger:
    def __init__(self, *states: AttemptState) -> None:
        self.attempts = {
            place: Attempt(place, 1_000_000_001, InnerNumType.POLLING, state) for place, state in enumerate(states)
        }
        self.noted: list[tuple[int, AttemptEvent]] = []
        self.on_committed: Callable[[int, tuple[str, ...]], None] = lambda attempt_id, keys: None
        self.on_silence: Callable[[int], None] = lambda attempt_id: None

    def in_progress(self) -> dict[int, Attempt]:
        return dict(self.attempts)

    def knows(self, attempt_id: int) -> bool:
        return attempt_id in self.attempts

    def note(self, attempt_id: int, event: AttemptEvent) -> None:
        self.noted.append((attempt_id, event))
        self.attempts.pop(attempt_id)

    def take_back(self, attempt_id: int) -> None:
        raise AssertionError("nobody can know that it was not dialled")


class NoCallFiles:
    def attempts(self) -> Iterable[int]:
        return []

    def remove(self, attempt_id: int) -> None:
        raise AssertionError


async def test_calls_of_an_asterisk_that_does_not_come_back_end_after_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "SWEEP_S", 0.01)
    monkeypatch.setattr(link, "ABSENCE_LIMIT_S", 0.1)
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    client = AmiClient("127.0.0.1", ports.port(1), "autodialer", "secret")  # nobody listens
    ledger = Ledger(AttemptState.SPOOLED, AttemptState.DIALLING, AttemptState.POLLING)
    pbx = link.PbxLink(
        client, ledger, NoCallFiles(), Presence(client, "internal"), contexts=(), on_ready=lambda ready: None
    )
    running = asyncio.create_task(pbx.run())
    try:
        await wait_until(lambda: len(ledger.noted) == 2, "both dialled calls are given up")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ports.release()
    assert ledger.noted == [(1, CallLost()), (2, CallLost())]
    assert list(ledger.attempts) == [0], "what was not dialled waits for Asterisk"


async def test_calls_of_an_asterisk_that_is_only_set_up_wrongly_are_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is dialled through it, but it can be asked what became of its calls, however long they last."""
    looked = 0

    async def look(_self: Reconciler) -> None:
        nonlocal looked
        looked += 1

    async def fault(*_: object, **__: object) -> str:
        return "modules are not loaded: func_timeout"

    monkeypatch.setattr(link, "SWEEP_S", 0.01)
    monkeypatch.setattr(link, "ABSENCE_LIMIT_S", 0.2)
    monkeypatch.setattr(link, "FAULT_RETRY_S", 0.02)
    monkeypatch.setattr(link, "find_fault", fault)
    monkeypatch.setattr(Reconciler, "run", look)
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    client = AmiClient("127.0.0.1", ports.port(1), "autodialer", "secret")
    ledger = Ledger(AttemptState.DIALLING)
    pbx = link.PbxLink(
        client, ledger, NoCallFiles(), Presence(client, "internal"), contexts=(), on_ready=lambda ready: None
    )
    running = asyncio.create_task(pbx.run())
    try:
        await wait_until(lambda: pbx.trouble, "it runs")
        client._set_state(AmiState.READY)
        await wait_until(lambda: looked > 30, "it was asked again and again, for longer than the limit")
        assert "func_timeout" in (pbx.trouble or "")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ports.release()
    assert ledger.noted == []


def a_link(client: AmiClient) -> link.PbxLink:
    presence = Presence(client, "internal")
    return link.PbxLink(client, Ledger(), NoCallFiles(), presence, contexts=(), on_ready=lambda ready: None)


async def test_an_asterisk_that_is_away_is_told_with_the_seconds_to_the_next_try() -> None:
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    client = AmiClient("127.0.0.1", ports.port(1), "autodialer", "secret")  # nobody listens
    pbx = a_link(client)
    assert client.next_try_in_s is None, "it has not been tried yet"
    client.start()
    try:
        left_s = await wait_until(lambda: client.next_try_in_s, "the first try has failed")
        blocked = pbx.blocked
        assert left_s is not None
        assert 0 < left_s <= 1
        assert blocked is not None
        assert blocked.rule is Rule.AMI_AWAY
        assert blocked.next_look_s is not None
        assert blocked.next_look_s <= left_s
        await wait_until(lambda: 0 < (client.next_try_in_s or 0) < 0.5, "half of it has passed")
        await wait_until(lambda: (client.next_try_in_s or 0) > 0.5, "the next try has failed")
    finally:
        client.close()
        ports.release()


@pytest.mark.parametrize(
    ("state", "rule", "words"),
    [
        (AmiState.AWAY, Rule.AMI_AWAY, "away"),
        (AmiState.REFUSED, Rule.AMI_REFUSED, "login refused"),
        (AmiState.BOOTING, Rule.ASTERISK_BOOTING, "booting"),
        (AmiState.READY, Rule.ASTERISK_LOOKING, "looking for calls in progress"),
    ],
)
async def test_what_keeps_asterisk_from_being_used_is_told_by_rule(state: AmiState, rule: Rule, words: str) -> None:
    client = AmiClient("192.0.2.1", 5038, "autodialer", "secret")
    pbx = a_link(client)
    client.state = state
    assert pbx.blocked is not None
    assert pbx.blocked.rule is rule
    assert words in pbx.blocked.reason
    assert pbx.trouble == pbx.blocked.reason
    ready = a_link(client)
    ready.ready = True
    assert ready.blocked is None
    assert ready.trouble is None


@pytest.mark.parametrize(
    ("attempt", "ended"),
    [
        (attempt_in(AttemptState.DIALLING), True),
        (attempt_in(AttemptState.CONNECTING), False),  # an employee has declined
        (attempt_in(AttemptState.DIALLING, callback=True), False),  # likewise: in a callback they are called first
        (attempt_in(AttemptState.CONNECTING, callback=True), True),
    ],
)
async def test_only_the_outbound_leg_of_a_subscriber_who_declined_is_hung_up(attempt: Attempt, ended: bool) -> None:
    client = AmiClient("192.0.2.1", 5038, "autodialer", "secret")
    pbx = a_link(client)
    pbx._ledger.in_progress = lambda: {17: attempt}  # type: ignore[method-assign]
    pbx._hear({"Event": "Hangup", "TechCause": "603", "Linkedid": "call-1"})
    assert pbx._declined.empty() is not ended


async def test_the_beginning_of_a_talk_is_told_to_the_ledger() -> None:
    ledger = Ledger(AttemptState.CONNECTING)
    client = AmiClient("192.0.2.1", 5038, "autodialer", "secret")
    presence = Presence(client, "internal")
    pbx = link.PbxLink(client, ledger, NoCallFiles(), presence, contexts=(), on_ready=lambda ready: None)
    talk = {"Event": "BridgeEnter", "Linkedid": "call-0", "Uniqueid": "call-1"}
    for other in ("Local/0@autodialer-out-0000002a;2", "Local/0@autodialer-callback-0000002a;1", "PJSIP/201-00000001"):
        pbx._hear({**talk, "Channel": other})
    assert ledger.noted == []
    pbx._hear({**talk, "Channel": "Local/0@autodialer-out-0000002a;1"})
    assert ledger.noted == [(0, TalkBegan("call-0", "call-1"))]


@pytest.mark.parametrize(
    ("channel", "attempt_id"),
    [
        ("Local/17@autodialer-out-0000002a;2", 17),
        ("Local/17@autodialer-callback-0000002a;1", 17),
        ("Local/17@outgoing-0000002a;1", None),
        ("PJSIP/17@autodialer-out-0000002a", None),
        ("Local/x@autodialer-out-0000002a;2", None),
    ],
)
def test_a_live_channel_is_of_an_attempt(channel: str, attempt_id: int | None) -> None:
    assert _attempt_of_channel(channel) == attempt_id
