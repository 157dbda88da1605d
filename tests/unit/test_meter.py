"""Calls counted minute by minute."""

from dialer.dispatch.meter import KEPT_MINUTES, Meter
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType
from dialer.model.verdict import Verdict


class Calls:
    """A meter, and calls that go by it."""

    def __init__(self) -> None:
        self.now_s = 60_000.0
        self.meter = Meter(lambda: self.now_s)

    def move(self, attempt_id: int, state: AttemptState, task_id: int = 1) -> None:
        self.meter.call_moved(*_of(attempt_id, state, task_id))

    def end(self, attempt_id: int, outcome: Outcome | None = Outcome.FAIL, task_id: int = 1) -> None:
        verdict = None if outcome is None else Verdict(outcome, None)
        self.meter.call_over(*_of(attempt_id, AttemptState.DIALLING, task_id, verdict))

    def minute(self) -> tuple[int, dict[str, int]]:
        ((_, minute),) = self.meter.minutes(1)
        return minute.begun, dict(minute.results)


def _of(
    attempt_id: int, state: AttemptState, task_id: int, verdict: Verdict | None = None
) -> tuple[CallOrder, Attempt]:
    order = CallOrder(attempt_id, task_id, "79520000001", "", "201", InnerNumType.EXTEN)
    return order, Attempt(attempt_id, task_id, InnerNumType.EXTEN, state, verdict=verdict)


def test_a_call_is_begun_once_however_often_it_moves() -> None:
    calls = Calls()
    calls.move(1, AttemptState.SPOOLED)
    assert calls.minute() == (0, {})
    for state in (AttemptState.DIALLING, AttemptState.DIALLING, AttemptState.CONNECTING):
        calls.move(1, state)
    calls.end(1, Outcome.SUCCESS_CLIENT_H)
    assert calls.minute() == (1, {"SUCCESS_CLIENT_H": 1})


def test_what_was_not_dialled_or_was_begun_by_an_earlier_daemon_is_not_begun() -> None:
    calls = Calls()
    calls.move(1, AttemptState.SPOOLED)
    calls.end(1, None)
    calls.move(2, AttemptState.DIALLING)
    assert calls.minute() == (0, {})
    calls.end(2)
    assert calls.minute() == (0, {"FAIL": 1})


def test_lately_is_a_minute_for_each_task() -> None:
    calls = Calls()
    calls.end(1, task_id=1)
    calls.now_s += 30
    calls.end(2, task_id=1)
    calls.end(3, task_id=2)
    assert (calls.meter.finished_lately(1), calls.meter.finished_lately(2)) == (2, 1)
    calls.now_s += 31
    assert (calls.meter.finished_lately(1), calls.meter.finished_lately(2)) == (1, 1)
    calls.now_s += 30
    assert (calls.meter.finished_lately(1), calls.meter.finished_lately(2)) == (0, 0)


def test_calls_that_nobody_asks_about_are_forgotten() -> None:
    calls = Calls()
    for _ in range(1000):
        calls.end(1)
    calls.now_s += 61
    for _ in range(200):
        calls.end(1, task_id=2)
    assert len(calls.meter._recent) == 200
    assert (calls.meter.finished_lately(1), calls.meter.finished_lately(2)) == (0, 200)


def test_a_day_is_kept_and_no_more() -> None:
    calls = Calls()
    for _ in range(KEPT_MINUTES + 10):
        calls.end(1)
        calls.now_s += 60
    minutes = calls.meter.minutes(KEPT_MINUTES)
    assert len(minutes) == KEPT_MINUTES
    assert [time_s for time_s, _ in minutes] == sorted({time_s for time_s, _ in minutes})
    assert minutes[-1][1].results == {}
    assert sum(minute.results["FAIL"] for _, minute in minutes) == KEPT_MINUTES - 1


def test_what_was_before_the_start_is_told_once_and_added() -> None:
    calls = Calls()
    calls.now_s += 30
    calls.meter = Meter(lambda: calls.now_s)  # begins amid a minute
    assert calls.meter.unknown(1) == (60_000, 60_030.0)
    assert calls.meter.unknown(3) == (59_880, 60_030.0)
    calls.end(1)
    for _ in range(2):  # two who ask at once
        calls.meter.recall(59_880, {59_940: {"FAIL": 2}, 60_000: {"FAIL": 1, "SUCCESS": 3}})
    told = [(time_s, dict(minute.results)) for time_s, minute in calls.meter.minutes(3)]
    assert told == [(59_880, {}), (59_940, {"FAIL": 2}), (60_000, {"FAIL": 2, "SUCCESS": 3})]
    assert calls.meter.unknown(3) is None
    assert calls.meter.unknown(5) == (59_760, 59_880)
    calls.meter.recall(59_760, {59_760: {"FAIL": 7}})
    assert [minute.results["FAIL"] for _, minute in calls.meter.minutes(5)] == [7, 0, 0, 2, 2]
