"""The attempt's state machine: the whole table, and random sequences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.attempt import (
    DIALLED_STATES,
    Attempt,
    AttemptEvent,
    AttemptState,
    CallFileWritten,
    CallLost,
    ClaimGranted,
    DialogueFinished,
    DialogueStarted,
    LegEnded,
    NeverDialled,
    SubscriberAnswered,
    TalkBegan,
    apply_event,
    shown_state,
)
from dialer.model.outcome import Outcome
from dialer.model.records import InRecord, OutRecord
from dialer.model.task import InnerNumType

S = AttemptState
OPEN_STATES = (S.CREATED, S.SPOOLED, S.DIALLING, S.CONNECTING, S.POLLING, S.POLLED)
OUT_BUSY = OutRecord("BUSY", 17, (486,), False)
OUT_ANSWERED = OutRecord("ANSWER", 16, (200,), True)
OUT_EARLY = OutRecord("", 16, (), False, early=True)
IN_LEFT = InRecord("", "", "", 16, "", "HANGUP")
IN_BUSY = InRecord("BUSY", "", "", 17, "", "SUCCESS", (486,))
IN_TALKED = InRecord("ANSWER", "", "4", 16, "", "SUCCESS", (200,))

EVENTS: dict[str, AttemptEvent] = {
    "spooled": CallFileWritten(),
    "granted": ClaimGranted("call-1"),
    "undialled": NeverDialled(),
    "this call did not dial": NeverDialled("call-1"),
    "another call did not dial": NeverDialled("call-2"),
    "answered": SubscriberAnswered(),
    "dialogue on": DialogueStarted(),
    "dialogue end": DialogueFinished(),
    "talk began": TalkBegan("call-1", "call-1"),
    "out busy": LegEnded(OUT_BUSY),
    "out answered": LegEnded(OUT_ANSWERED),
    "in": LegEnded(IN_LEFT),
    "lost": CallLost(),
}
# (state, event) -> state; "closed" and "noted" speak for themselves; what is not here changes nothing
RULES: dict[tuple[AttemptState, str], AttemptState | str] = {
    (S.CREATED, "spooled"): S.SPOOLED,
    (S.SPOOLED, "granted"): S.DIALLING,
    (S.SPOOLED, "undialled"): S.CREATED,
    (S.SPOOLED, "this call did not dial"): S.CREATED,
    (S.SPOOLED, "another call did not dial"): S.CREATED,
    (S.DIALLING, "this call did not dial"): S.CREATED,
    (S.DIALLING, "answered"): S.CONNECTING,
    (S.DIALLING, "dialogue on"): S.POLLING,
    (S.DIALLING, "dialogue end"): S.POLLED,
    (S.POLLING, "dialogue end"): S.POLLED,
    **{(state, "out busy"): "closed" for state in DIALLED_STATES},  # the routes may answer by themselves
    **{(state, "out answered"): "noted" for state in DIALLED_STATES},
    **{(state, "in"): "noted" for state in DIALLED_STATES},
    **{(state, "talk began"): "talking" for state in DIALLED_STATES},
    **{(state, "lost"): "closed" for state in DIALLED_STATES},
}
CALLBACK_EVENTS: dict[str, AttemptEvent] = {
    **{name: event for name, event in EVENTS.items() if not isinstance(event, LegEnded)},
    "employee busy": LegEnded(IN_BUSY),
    "employee talked": LegEnded(IN_TALKED),
    "internal number said nothing": LegEnded(InRecord("", "", "", 16, "", "")),
    "subscriber busy": LegEnded(OUT_BUSY),
    "subscriber answered": LegEnded(OUT_ANSWERED),
    "employee left early": LegEnded(OUT_EARLY),
}
CALLBACK_RULES: dict[tuple[AttemptState, str], AttemptState | str] = {
    **{key: rule for key, rule in RULES.items() if key[1] in CALLBACK_EVENTS},
    (S.CONNECTING, "this call did not dial"): S.CREATED,  # the employee has answered, the subscriber was not dialled
    **{(state, "employee busy"): "closed" for state in DIALLED_STATES},
    **{
        (state, name): "noted"
        for state in DIALLED_STATES
        for name in CALLBACK_EVENTS
        if name.startswith(("employee talked", "internal", "subscriber", "employee left"))
    },
}


def attempt_in(state: AttemptState, kind: InnerNumType = InnerNumType.POLLING, *, callback: bool = False) -> Attempt:
    linked_id = "call-1" if state in DIALLED_STATES else ""
    return Attempt(1, 1_000_000_001, kind, state, linked_id, callback=callback)


@pytest.mark.parametrize("state", OPEN_STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_every_state_and_event_follows_the_table(state: AttemptState, event: str) -> None:
    check(attempt_in(state), EVENTS[event], RULES.get((state, event)))


@pytest.mark.parametrize("state", [S.CREATED, S.SPOOLED, S.DIALLING, S.CONNECTING])
@pytest.mark.parametrize("event", CALLBACK_EVENTS)
def test_every_state_and_event_of_a_callback_follows_the_table(state: AttemptState, event: str) -> None:
    before = attempt_in(state, InnerNumType.EXTEN, callback=True)
    check(before, CALLBACK_EVENTS[event], CALLBACK_RULES.get((state, event)))


def check(before: Attempt, event: AttemptEvent, rule: AttemptState | str | None) -> None:
    after = apply_event(before, event)
    if rule is None:
        assert after is before
    elif isinstance(rule, AttemptState):
        assert after == before._replace(state=rule, linked_id="call-1" if rule in DIALLED_STATES else "")
    elif rule == "closed":
        assert after.closed
    elif rule == "talking":
        assert after == before._replace(talking=True)
        assert after.answered
        assert apply_event(after, event) is after
    else:
        assert rule == "noted"
        assert after.awaits_record
        assert after.state is before.state


@pytest.mark.parametrize("employee", ["employee talked", "internal number said nothing"])
@pytest.mark.parametrize(
    ("subscriber", "outcome"),
    [
        ("subscriber busy", Outcome.FAIL),
        ("subscriber answered", Outcome.SUCCESS_CLIENT_H),
        ("employee left early", Outcome.FAIL_USER_H_BEFORE_CLIENT_ANSWER),
    ],
)
def test_both_legs_of_a_callback_close_it_in_either_order(employee: str, subscriber: str, outcome: Outcome) -> None:
    for first, second in ((employee, subscriber), (subscriber, employee)):
        noted = apply_event(attempt_in(S.CONNECTING, InnerNumType.EXTEN, callback=True), CALLBACK_EVENTS[first])
        closed = apply_event(noted, CALLBACK_EVENTS[second])
        assert closed.verdict is not None, (first, second)
        assert closed.verdict.outcome is outcome


def test_an_employees_leg_that_ended_first_does_not_keep_a_callback_that_did_not_dial() -> None:
    noted = apply_event(attempt_in(S.CONNECTING, InnerNumType.EXTEN, callback=True), LegEnded(IN_TALKED))
    back = apply_event(noted, NeverDialled("call-1"))
    assert back == attempt_in(S.CREATED, InnerNumType.EXTEN, callback=True)


@pytest.mark.parametrize("event", EVENTS)
def test_a_closed_attempt_never_changes(event: str) -> None:
    closed = apply_event(attempt_in(S.DIALLING), LegEnded(OUT_BUSY))
    assert closed.closed
    assert apply_event(closed, EVENTS[event]) is closed


@pytest.mark.parametrize("first", ["out answered", "in"])
def test_records_of_both_legs_close_in_either_order(first: str) -> None:
    second = {"out answered": "in", "in": "out answered"}[first]
    noted = apply_event(attempt_in(S.POLLING), EVENTS[first])
    closed = apply_event(noted, EVENTS[second])
    assert closed.verdict is not None
    assert closed.verdict.outcome is Outcome.FAIL_POLLING


@pytest.mark.parametrize("record", ["out answered", "in"])
def test_a_record_that_stays_alone_closes_when_the_call_has_no_channel_any_more(record: str) -> None:
    noted = apply_event(attempt_in(S.POLLED), EVENTS[record])
    closed = apply_event(noted, CallLost())
    assert closed.verdict is not None
    assert closed.verdict.outcome is Outcome.SUCCESS_POLLING


def test_a_call_that_nobody_can_account_for_fails_and_says_so() -> None:
    closed = apply_event(attempt_in(S.DIALLING), CallLost())
    assert closed.verdict is not None
    assert closed.verdict.outcome is Outcome.FAIL
    assert "Lost" in (closed.verdict.cause or "")
    assert shown_state(closed) is S.NOT_REACHED


def test_a_lost_call_whose_dialogue_had_ended_is_a_success() -> None:
    closed = apply_event(attempt_in(S.POLLED), CallLost())
    assert closed.verdict is not None
    assert closed.verdict.outcome is Outcome.SUCCESS_POLLING


out_records = st.builds(
    OutRecord,
    st.sampled_from(["", "ANSWER", "BUSY", "NOANSWER", "CANCEL", "CHANUNAVAIL", "CONGESTION", "odd"]),
    st.integers(0, 200),
    st.lists(st.integers(0, 699), max_size=4).map(tuple),
    st.booleans(),
)
DIALOGUES = ["", "finished", "unplayable", "unstored", "abandoned", "apologised"]
DIALOGUES += ["listening", "machine", "unsaid", "message", "unspoken", "endless"]
in_records = st.builds(
    InRecord,
    st.sampled_from(["", "ANSWER", "BUSY", "NOANSWER", "CANCEL", "CHANUNAVAIL", "CONGESTION"]),
    st.sampled_from(["", "TIMEOUT", "JOINEMPTY", "LEAVEEMPTY", "FULL", "CONTINUE"]),
    st.sampled_from(["", "0", "12"]),
    st.integers(0, 200),
    st.sampled_from(DIALOGUES),
    st.sampled_from(["", "SUCCESS", "FAILURE", "HANGUP"]),
    st.lists(st.integers(0, 699), max_size=4).map(tuple),
    st.booleans(),
)
outs_of_callbacks = st.builds(lambda out, early: out._replace(early=early), out_records, st.booleans())
plain_events = st.sampled_from([event for event in EVENTS.values() if not isinstance(event, LegEnded)])
events = st.one_of(plain_events, outs_of_callbacks.map(LegEnded), in_records.map(LegEnded))


@given(st.sampled_from(InnerNumType), st.booleans(), st.lists(events, max_size=12))
def test_any_sequence_of_events_ends_in_at_most_one_verdict_and_never_dials_twice(
    kind: InnerNumType, callback: bool, sequence: list[AttemptEvent]
) -> None:
    attempt = attempt_in(S.CREATED, kind, callback=callback)
    verdict = None
    for event in sequence:
        before, attempt = attempt, apply_event(attempt, event)
        if verdict is not None:
            assert attempt.verdict is verdict
        verdict = attempt.verdict
        if before.state in DIALLED_STATES and attempt.state is S.CREATED:
            # back to the queue only on the dialplan's own word that no trunk was reached, and without a trace of one
            assert isinstance(event, NeverDialled)
            assert event.linked_id == before.linked_id != ""
            assert before.out_record is None
            assert not before.talking
            assert before.state is S.DIALLING or callback
            assert not before.awaits_record or callback


@given(st.sampled_from(InnerNumType), st.booleans(), st.lists(events, max_size=12))
def test_every_dialled_attempt_can_be_brought_to_an_end(
    kind: InnerNumType, callback: bool, sequence: list[AttemptEvent]
) -> None:
    attempt = attempt_in(S.DIALLING, kind, callback=callback)
    for event in sequence:
        attempt = apply_event(attempt, event)
    if attempt.state in DIALLED_STATES:
        assert apply_event(attempt, CallLost()).closed


@pytest.mark.parametrize("state", sorted(DIALLED_STATES))
@pytest.mark.parametrize(
    "event",
    [
        LegEnded(OUT_BUSY._replace(call="call-2")),
        LegEnded(IN_LEFT._replace(call="call-2")),
        SubscriberAnswered("call-2"),
        NeverDialled("call-2"),
        TalkBegan("call-2", "call-2"),
    ],
)
def test_what_another_call_under_the_same_number_says_is_ignored(state: AttemptState, event: AttemptEvent) -> None:
    """A call of the database that stood here before this one: a backup was put in its place, or a new one made."""
    before = attempt_in(state)
    assert apply_event(before, event) is before


def test_what_the_call_with_the_leave_says_counts() -> None:
    assert apply_event(attempt_in(S.DIALLING), LegEnded(OUT_BUSY._replace(call="call-1"))).closed
    assert apply_event(attempt_in(S.DIALLING), SubscriberAnswered("call-1")).state is S.CONNECTING
    for talk in (TalkBegan("call-1", "its ;1"), TalkBegan("an employee's older call", "call-1"), TalkBegan()):
        assert apply_event(attempt_in(S.CONNECTING), talk).talking


@pytest.mark.parametrize(
    ("success_after_s", "talked_s", "outcome"),
    [
        (10, 10, Outcome.SUCCESS_POLLING),
        (10, 9, Outcome.FAIL_POLLING),
        (10, None, Outcome.FAIL_POLLING),
        (None, 900, Outcome.FAIL_POLLING),
        (0, None, Outcome.SUCCESS_POLLING),
    ],
)
def test_a_call_that_lasted_long_enough_is_a_success_whatever_came_of_its_dialogue(
    success_after_s: int | None, talked_s: int | None, outcome: Outcome
) -> None:
    attempt = Attempt(1, 1, InnerNumType.SCRIPT, S.POLLING, success_after_s=success_after_s)
    closed = attempt
    for record in (InRecord("", "", "", 16, "missed", "SUCCESS"), OUT_ANSWERED._replace(talked_s=talked_s)):
        closed = apply_event(closed, LegEnded(record))
    assert closed.verdict is not None
    assert closed.verdict.outcome is outcome


def test_a_call_that_nobody_answered_has_not_lasted() -> None:
    attempt = Attempt(1, 1, InnerNumType.SCRIPT, S.DIALLING, success_after_s=0)
    closed = apply_event(attempt, LegEnded(OUT_BUSY))
    assert closed.verdict is not None
    assert closed.verdict.outcome is Outcome.FAIL
