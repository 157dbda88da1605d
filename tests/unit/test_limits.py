"""How many calls at once and how many a second."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.backing_off import RISE_S, AdaptiveRate
from dialer.model.limits import ANY_NUMBER, Limit, Nest


def test_0_is_no_limit() -> None:
    limit = Limit("task 1")
    for attempt_id in range(1000):
        limit.took_one(0.0)
        limit.begin(attempt_id)
    assert limit.wait_s(0.0) == 0.0
    assert limit.refusal(0.0) is None


def test_only_the_end_of_a_call_helps_when_all_channels_are_in_use() -> None:
    limit = Limit("trunk mts", max_channels=2)
    limit.begin(1)
    assert limit.wait_s(0.0) == 0.0
    limit.begin(2)
    assert limit.wait_s(1e9) == math.inf
    refusal = limit.refusal(0.0)
    assert refusal is not None
    assert refusal.limit is limit
    assert refusal.reason == "2 calls are in progress, trunk mts allows 2"
    limit.end(1)
    assert limit.wait_s(0.0) == 0.0


def test_a_call_counts_once_and_ends_once() -> None:
    limit = Limit("trunk mts", max_channels=2)
    limit.begin(1)
    limit.begin(1)
    assert limit.in_use == 1
    limit.end(1)
    limit.end(1)
    limit.end(99)
    assert limit.in_use == 0


def test_calls_can_be_counted_by_somebody_else() -> None:
    in_use = [3]
    limit = Limit("task 1", max_channels=3, counted=lambda: in_use[0])
    limit.begin(1)
    assert limit.in_use == 3
    assert limit.wait_s(0.0) == math.inf
    in_use[0] = 2
    assert limit.wait_s(0.0) == 0.0


def test_calls_are_evenly_spaced() -> None:
    limit = Limit("[dialing] max_calls_per_s", max_calls_per_s=4.0)
    assert limit.wait_s(100.0) == 0.0
    limit.took_one(100.0)
    assert limit.wait_s(100.0) == 0.25
    assert limit.wait_s(100.125) == 0.125
    assert limit.wait_s(100.25) == 0.0
    refusal = limit.refusal(100.0)
    assert refusal is not None
    assert (refusal.reason, refusal.wait_s) == ("[dialing] max_calls_per_s allows 4 calls a second", 0.25)


def test_after_a_pause_a_burst_may_begin_at_once() -> None:
    limit = Limit("trunk mts", max_calls_per_s=2.0, burst=3)
    for _ in range(3):
        assert limit.wait_s(50.0) == 0.0
        limit.took_one(50.0)
    assert limit.wait_s(50.0) == 0.5
    assert limit.wait_s(50.5) == 0.0


def test_a_changed_rate_holds_for_the_next_call() -> None:
    limit = Limit("trunk mts", max_calls_per_s=1.0)
    limit.took_one(0.0)
    limit.max_calls_per_s = 10.0
    assert limit.wait_s(0.0) == 0.1
    limit.max_calls_per_s = 0.0
    assert limit.wait_s(0.0) == 0.0


def test_a_trunk_that_refuses_calls_is_slowed_down_and_calls_are_spaced_again() -> None:
    rate = AdaptiveRate()
    limit = Limit("trunk mts", burst=5, max_calls_per_s=10.0, adaptive=rate)
    for _ in range(5):
        limit.took_one(0.0)
    rate.refused(0.1)
    assert limit.calls_per_s(0.1) == 2.5
    refusal = limit.refusal(0.1)
    assert refusal is not None
    assert refusal.reason == "trunk mts: SIP 503 Service Unavailable, slowed down to 2.5 calls a second"
    limit.took_one(1.0)
    assert limit.wait_s(1.0) == pytest.approx(0.4, rel=0.1)
    assert limit.calls_per_s(RISE_S) == 10.0


def test_the_configured_rate_is_told_when_it_is_the_lower_one() -> None:
    rate = AdaptiveRate()
    limit = Limit("trunk mts", max_calls_per_s=1.0, adaptive=rate)
    for _ in range(9):
        limit.took_one(0.0)
    rate.refused(0.0)
    refusal = limit.refusal(0.0)
    assert refusal is not None
    assert refusal.reason == "trunk mts allows 1 calls a second"


def nest() -> tuple[Nest, Limit, Limit, Limit]:
    everything = Limit("[dialing] max_calls_per_s", max_calls_per_s=1.0)
    trunk = Limit("trunk mts", max_channels=1)
    task = Limit("task 1", max_channels=5)
    return Nest((everything, trunk, task)), everything, trunk, task


def test_a_call_that_all_limits_allow_takes_one_of_each() -> None:
    limits, everything, trunk, task = nest()
    assert limits.refusal(0.0) is None
    assert limits.begin(17, 0.0) is None
    assert (everything.wait_s(0.0), trunk.in_use, task.in_use) == (1.0, 1, 1)
    limits.end(17)
    assert (trunk.in_use, task.in_use) == (0, 0)


def test_the_first_limit_that_refuses_is_told_and_nothing_is_taken() -> None:
    limits, everything, trunk, task = nest()
    trunk.begin(1)
    refusal = limits.begin(17, 0.0)
    assert refusal is not None
    assert refusal.limit is trunk
    assert (everything.wait_s(0.0), task.in_use) == (0.0, 0)
    everything.took_one(0.0)
    told = limits.refusal(0.0)
    assert told is not None
    assert told.limit is everything


def test_the_longest_wait_of_all_is_told() -> None:
    limits, everything, trunk, _ = nest()
    everything.took_one(0.0)
    assert limits.wait_s(0.0) == 1.0
    trunk.begin(1)
    assert limits.wait_s(0.0) == math.inf
    assert Nest(()).wait_s(0.0) == 0.0


RATES = st.floats(0.1, 100.0)
PAUSES = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=100)


@given(RATES, st.integers(1, 5), PAUSES)
def test_never_more_calls_than_the_rate_and_the_burst_allow(per_s: float, burst: int, pauses: list[float]) -> None:
    limit = Limit("trunk mts", max_calls_per_s=per_s, burst=burst)
    now_s, begun = 0.0, list[float]()
    for pause_s in pauses:
        now_s += pause_s
        if limit.wait_s(now_s) == 0.0:
            limit.took_one(now_s)
            begun.append(now_s)
    for first, first_s in enumerate(begun):
        for last in range(first, len(begun)):
            assert last - first + 1 <= burst + (begun[last] - first_s) * per_s + 0.01


@given(RATES, st.integers(1, 5), st.lists(st.floats(0.0, 1.0), max_size=20), st.floats(0, 1e7))
def test_who_waits_as_long_as_told_may_begin(per_s: float, burst: int, pauses: list[float], now_s: float) -> None:
    limit = Limit("trunk mts", max_calls_per_s=per_s, burst=burst)
    for pause_s in pauses:
        now_s += pause_s
        limit.took_one(now_s)
    assert limit.wait_s(now_s + limit.wait_s(now_s)) == 0.0


@given(RATES, st.integers(1, 5), st.integers(0, 4), PAUSES)
def test_as_many_calls_as_there_is_room_for_may_begin_at_once(
    per_s: float, burst: int, max_channels: int, pauses: list[float]
) -> None:
    limit, now_s = Limit("trunk mts", max_channels, per_s, burst), 0.0
    for begun, pause_s in enumerate(pauses):
        now_s += pause_s
        limit.end(begun - 2)
        for attempt_id in range(begun, begun + (limit.room(now_s) if limit.wait_s(now_s) == 0.0 else 0)):
            assert limit.wait_s(now_s) == 0.0
            limit.took_one(now_s)
            limit.begin(attempt_id)


def test_room_is_what_burst_and_channels_leave() -> None:
    limit = Limit("trunk mts", max_channels=7, max_calls_per_s=2.0, burst=5)
    assert limit.room(100.0) == 5
    limit.took_one(100.0)
    assert limit.room(100.0) == 4
    for attempt_id in range(4):
        limit.begin(attempt_id)
    assert limit.room(100.0) == 3
    assert Limit("task 1").room(100.0) == ANY_NUMBER


STEPS = st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.floats(0, 3)), max_size=100)


@given(STEPS)
def test_calls_at_once_never_exceed_any_limit_and_nothing_leaks(steps: list[tuple[int, bool, float]]) -> None:
    trunk, task = Limit("trunk mts", max_channels=3), Limit("task 1", max_channels=5, max_calls_per_s=2.0)
    limits, in_progress, now_s = Nest((trunk, task)), set[int](), 0.0
    for attempt_id, begins, later_s in steps:
        now_s += later_s
        if not begins:
            limits.end(attempt_id)
            in_progress.discard(attempt_id)
        elif attempt_id not in in_progress and limits.begin(attempt_id, now_s) is None:
            in_progress.add(attempt_id)
        assert trunk.in_use == task.in_use == len(in_progress) <= 3
