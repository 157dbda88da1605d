"""Metrics: what is measured, and what is not."""

import asyncio
from collections.abc import Callable

import pytest

from dialer.dispatch.observing import CallObserver
from dialer.metrics.exposition import Metrics
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType
from dialer.model.verdict import Verdict
from tests.rig.prometheus import Exposed, promtool
from tests.rig.waiting import wait_for_answer

REFILLS = "autodialer_channel_refill_seconds"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Calls:
    """Tells metrics of calls as the ledger does."""

    def __init__(self, observer: CallObserver) -> None:
        self._observer = observer
        self._orders: dict[int, CallOrder] = {}

    def begin(self, attempt_id: int, task_id: int = 1) -> None:
        order = CallOrder(attempt_id, task_id, "79520000100", "", "201", InnerNumType.EXTEN)
        self._orders[attempt_id] = order
        self._observer.call_began(order)
        self.move(attempt_id, AttemptState.SPOOLED)

    def move(self, attempt_id: int, state: AttemptState) -> None:
        self._observer.call_moved(self._orders[attempt_id], self._attempt(attempt_id, state))

    def end(self, attempt_id: int, outcome: Outcome | None = Outcome.FAIL) -> None:
        attempt = self._attempt(attempt_id, AttemptState.DIALLING)
        if outcome is not None:
            attempt = attempt._replace(verdict=Verdict(outcome, None))
        self._observer.call_over(self._orders[attempt_id], attempt)

    def _attempt(self, attempt_id: int, state: AttemptState) -> Attempt:
        return Attempt(attempt_id, self._orders[attempt_id].task_id, InnerNumType.EXTEN, state)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("0.0")


async def exposed(metrics: Metrics) -> Exposed:
    body, _ = await metrics.render("")
    return Exposed.parse(body.decode())


@pytest.fixture
def clock(metrics: Metrics) -> Clock:
    clock = Clock()
    metrics.calls._clock = clock
    return clock


@pytest.fixture
def calls(metrics: Metrics) -> Calls:
    return Calls(metrics.calls)


async def test_a_channel_s_idle_time_is_from_the_end_of_a_call_to_the_leave_of_the_next(
    metrics: Metrics, clock: Clock, calls: Calls
) -> None:
    calls.begin(1)
    calls.move(1, AttemptState.DIALLING)
    clock.now_s += 10
    calls.end(1)
    clock.now_s += 0.25
    calls.begin(2)
    clock.now_s += 0.25
    calls.move(2, AttemptState.DIALLING)
    calls.move(2, AttemptState.CONNECTING)
    seen = await exposed(metrics)
    assert (seen.total(f"{REFILLS}_count"), seen.total(f"{REFILLS}_sum")) == (1, 0.5)
    assert seen.total("autodialer_attempts_begun_total") == 2


async def test_a_call_that_stood_by_takes_the_channel_of_the_call_that_gave_it_one(
    metrics: Metrics, clock: Clock, calls: Calls
) -> None:
    calls.begin(1)
    calls.move(1, AttemptState.DIALLING)
    metrics.calls.stands_by = {2, 3}.__contains__
    calls.begin(2)
    clock.now_s += 10
    metrics.calls.called_up(2, 1)  # the subscriber of the first one has left
    metrics.calls.held(1)
    clock.now_s += 0.25
    calls.end(1)
    calls.begin(3)
    calls.move(2, AttemptState.DIALLING)
    clock.now_s += 60
    calls.begin(4)
    calls.move(4, AttemptState.DIALLING)
    seen = await exposed(metrics)
    assert (seen.total(f"{REFILLS}_count"), seen.total(f"{REFILLS}_sum")) == (1, 0.25)
    assert not metrics.calls._given[1]


@pytest.mark.parametrize(
    "happens",
    [
        lambda metrics, calls: metrics.calls.held(1),
        lambda metrics, calls: metrics.calls.held(None),
    ],
    ids=["the task has nothing to dial", "no task may dial"],
)
async def test_a_channel_that_may_not_be_used_is_not_idle(
    metrics: Metrics, clock: Clock, calls: Calls, happens: Callable[[Metrics, Calls], None]
) -> None:
    calls.begin(1)
    calls.move(1, AttemptState.DIALLING)
    calls.end(1)
    happens(metrics, calls)
    clock.now_s += 3600
    calls.begin(2)
    calls.move(2, AttemptState.DIALLING)
    assert (await exposed(metrics)).total(f"{REFILLS}_count") == 0


async def test_a_channel_of_a_task_that_is_not_dialled_is_not_idle(
    metrics: Metrics, clock: Clock, calls: Calls
) -> None:
    calls.begin(1)
    calls.move(1, AttemptState.DIALLING)
    metrics.calls.is_dialled = lambda task_id: False
    calls.end(1)
    metrics.calls.is_dialled = lambda task_id: True
    clock.now_s += 3600
    calls.begin(2)
    calls.move(2, AttemptState.DIALLING)
    assert (await exposed(metrics)).total(f"{REFILLS}_count") == 0


async def test_an_attempt_that_comes_back_is_neither_begun_nor_finished(metrics: Metrics, calls: Calls) -> None:
    calls.begin(1)
    calls.end(1, None)
    seen = await exposed(metrics)
    assert seen.total("autodialer_attempts_given_back_total") == 1
    assert seen.total("autodialer_attempts_begun_total") == 0
    assert seen.total("autodialer_calls_finished_total") == 0


async def test_a_call_found_in_progress_is_finished_and_was_not_begun_here(metrics: Metrics, calls: Calls) -> None:
    order = CallOrder(1, 1, "79520000100", "", "201", InnerNumType.EXTEN)
    attempt = Attempt(1, 1, InnerNumType.EXTEN, AttemptState.DIALLING)
    metrics.calls.call_began(order)
    metrics.calls.call_moved(order, attempt)
    metrics.calls.call_over(order, attempt._replace(verdict=Verdict(Outcome.SUCCESS, None)))
    seen = await exposed(metrics)
    assert seen.total("autodialer_attempts_begun_total") == 0
    assert seen.counts("autodialer_calls_finished_total", "outcome") == {"SUCCESS": 1}


async def test_nothing_is_kept_of_calls_that_are_over(metrics: Metrics, calls: Calls) -> None:
    for attempt_id in range(1, 50):
        calls.begin(attempt_id, task_id=attempt_id)
        if attempt_id % 2:
            calls.move(attempt_id, AttemptState.DIALLING)
        calls.end(attempt_id, Outcome.FAIL if attempt_id % 3 else None)
        metrics.calls.held(attempt_id)
    assert not metrics.calls._asking
    assert not metrics.calls._taking
    assert not metrics.calls._free


async def test_every_outcome_of_a_call_is_shown_from_the_start(metrics: Metrics) -> None:
    shown = (await exposed(metrics)).labels_of("autodialer_calls_finished_total")
    without_a_call = {"SUCCESS_ANOTHER_PHONE", "SUCCESS_EXTERNAL_SIGNAL"}
    assert shown["outcome"] == {outcome.value for outcome in Outcome} - without_a_call
    assert shown["kind"] == {"polling", "exten", "script"}


async def test_the_age_of_an_event_is_by_the_time_that_the_dialplan_wrote_into_it(metrics: Metrics) -> None:
    metrics.ami._wall = lambda: 1000.5
    metrics.ami.events = frozenset({"UserEvent"})
    metrics.ami.heard({"event": "UserEvent", "sent": "1000.250000"})
    metrics.ami.heard({"event": "UserEvent", "sent": "1000.750000"})  # a clock that is a little ahead
    metrics.ami.heard({"event": "UserEvent", "sent": "soon"})
    metrics.ami.heard({"event": "UserEvent"})
    metrics.ami.heard({"response": "Success", "sent": "1.0"})
    seen = await exposed(metrics)
    lag = "autodialer_ami_event_lag_seconds"
    assert (seen.total(f"{lag}_count"), seen.total(f"{lag}_sum")) == (2, 0.25)
    assert seen.counts("autodialer_ami_messages_total", "event") == {"UserEvent": 4, "Response": 1}


async def test_labels_take_no_word_of_strangers(metrics: Metrics) -> None:
    metrics.ami.heard({"event": "79520000100"})
    metrics.agi.replied("79520000100", 0.1)
    metrics.agi.ended("../../etc", "failed")
    metrics.rest.answered("BREW79520000100", "", 405, 0.1)
    seen = await exposed(metrics)
    assert seen.labels_of("autodialer_ami_messages_total")["event"] == {"Response", "other"}
    assert seen.labels_of("autodialer_agi_reply_seconds_count")["script"] == {"claim", "dialogue", "other"}
    assert seen.labels_of("autodialer_http_requests_total")["method"] == {"other"}
    assert "7952" not in seen.text


async def test_two_daemons_of_one_process_count_by_themselves() -> None:
    one, other = Metrics("1"), Metrics("2")
    one.database.failed()
    failed = "autodialer_database_commits_failed_total"
    assert ((await exposed(one)).total(failed), (await exposed(other)).total(failed)) == (1, 0)


@pytest.mark.parametrize(
    ("accept", "media_type", "ends"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
         "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n"),
    ],
)  # fmt: skip
async def test_the_format_is_the_one_that_is_asked_for(
    metrics: Metrics, accept: str, media_type: str, ends: str
) -> None:
    body, told = await metrics.render(accept)
    assert told.startswith(media_type)
    assert body.decode().endswith(ends)


async def test_names_and_units_are_those_prometheus_wants(metrics: Metrics) -> None:
    assert promtool("check", "metrics", given=(await exposed(metrics)).text) == ""


async def test_a_busy_event_loop_is_seen(metrics: Metrics) -> None:
    watch = asyncio.create_task(metrics.daemon.watch_loop())
    try:
        await wait_for_answer(
            lambda: exposed(metrics), lambda seen: seen.total("autodialer_event_loop_lag_seconds_count"), "a look"
        )
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
