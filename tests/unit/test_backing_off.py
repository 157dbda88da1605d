"""Fewer calls a second while a trunk is overloaded, and more again by itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.backing_off import FLOOR_PER_S, QUIET_S, RISE_S, ROUND_S, AdaptiveRate, RefusalWatch


def used(calls_per_s: float, seconds: float = 10.0) -> AdaptiveRate:
    """A rate that was used evenly up to second 0."""
    rate = AdaptiveRate()
    count = int(seconds * calls_per_s)
    for index in range(count):
        rate.began((index + 1 - count) / calls_per_s)
    return rate


def lowered(calls_per_s: float) -> AdaptiveRate:
    """A rate of so many calls a second, halved at second 0."""
    rate = used(calls_per_s)
    rate.refused(0.0)
    return rate


def test_there_is_no_limit_while_nothing_is_refused() -> None:
    rate = used(10.0)
    rate.accepted(0.0)
    assert rate.calls_per_s(0.0) == math.inf
    assert not rate.is_backing_off(0.0)
    assert rate.reason(0.0) is None
    assert rate.news(0.0) is None


@pytest.mark.parametrize("calls_per_s", [2.0, 10.0, 50.0])
def test_a_refusal_halves_what_was_really_begun(calls_per_s: float) -> None:
    assert lowered(calls_per_s).calls_per_s(0.0) == pytest.approx(calls_per_s / 2, rel=0.15)


def test_a_burst_counts_as_that_many_calls_a_second() -> None:
    rate = AdaptiveRate()
    for _ in range(40):
        rate.began(0.0)
    rate.refused(0.1)
    assert rate.calls_per_s(0.1) == 20.0


def test_a_burst_of_refusals_halves_once() -> None:
    rate = lowered(20.0)
    calls_per_s = rate.calls_per_s(0.0)
    for index in range(9):
        rate.refused(ROUND_S * index / 10)
    assert rate.calls_per_s(0.0) == calls_per_s
    rate.refused(ROUND_S)
    assert rate.calls_per_s(ROUND_S) == pytest.approx(calls_per_s / 2, rel=0.05)


def test_it_never_falls_below_the_floor() -> None:
    rate = lowered(50.0)
    for second in range(1, 60):
        rate.refused(float(second))
    assert rate.calls_per_s(59.0) == FLOOR_PER_S


def test_a_late_refusal_without_any_calls_means_the_floor() -> None:
    rate = AdaptiveRate()
    rate.refused(0.0)
    assert rate.calls_per_s(0.0) == FLOOR_PER_S
    assert rate.calls_per_s(RISE_S) == math.inf


def test_it_recovers_by_itself_without_any_call() -> None:
    rate = lowered(10.0)
    half = rate.calls_per_s(0.0)
    assert rate.calls_per_s(RISE_S / 4) == pytest.approx(half * 1.5)
    assert rate.is_backing_off(RISE_S / 2 - 1)
    assert not rate.is_backing_off(RISE_S / 2 + 1)


def test_from_the_floor_it_takes_no_longer_than_from_half() -> None:
    rate = lowered(50.0)
    for second in range(1, 10):
        rate.refused(float(second))
    assert rate.calls_per_s(9.0) == FLOOR_PER_S
    assert rate.calls_per_s(9.0 + RISE_S / 2) == math.inf


def test_accepted_calls_raise_it_twice_as_fast() -> None:
    silent, accepting = lowered(10.0), lowered(10.0)
    now_s = 0.0
    while now_s < RISE_S / 5:
        now_s += 1 / accepting.calls_per_s(now_s)
        accepting.began(now_s)
        accepting.accepted(now_s)
    half = silent.calls_per_s(0.0)
    risen, risen_twice = silent.calls_per_s(now_s) - half, accepting.calls_per_s(now_s) - half
    assert risen_twice == pytest.approx(2 * risen, rel=0.05)


def saturate(rate: AdaptiveRate, from_s: float, until_s: float, bears_per_s: float = math.inf) -> tuple[int, int]:
    """Begin calls as fast as allowed (at most 50 a second); the other side refuses what is above what it bears.

    Returns how many were accepted and refused.
    """
    now_s, accepted, refused, bucket, last_s = from_s, 0, 0, bears_per_s, from_s
    while (now_s := now_s + 1 / min(50.0, rate.calls_per_s(now_s))) < until_s:
        rate.began(now_s)
        bucket, last_s = min(bears_per_s, bucket + (now_s - last_s) * bears_per_s), now_s
        if bucket >= 1:
            bucket -= 1
            accepted += 1
            rate.accepted(now_s)
        else:
            refused += 1
            rate.refused(now_s)
    return accepted, refused


@pytest.mark.parametrize("bears_per_s", [1.0, 5.0, 20.0])
def test_a_trunk_gets_nearly_as_many_calls_as_it_bears_and_refuses_few(bears_per_s: float) -> None:
    rate = used(50.0)
    saturate(rate, 0.0, 30.0, bears_per_s)
    accepted, refused = saturate(rate, 30.0, 630.0, bears_per_s)
    assert accepted > 0.65 * bears_per_s * 600
    assert refused < 0.1 * accepted
    assert rate.is_backing_off(630.0)


def test_who_has_more_calls_than_it_allows_gets_no_leap() -> None:
    """As long as each call waits for the one before, the limit rises but is not taken away."""
    rate = lowered(10.0)
    half = rate.calls_per_s(0.0)
    saturate(rate, 0.0, RISE_S / 4)
    assert rate.calls_per_s(RISE_S / 4) == pytest.approx(2 * half, rel=0.1)
    saturate(rate, RISE_S / 4, RISE_S / 2)
    assert 2 * half < rate.calls_per_s(RISE_S / 2) < 4 * half


def test_after_an_outage_the_old_rate_is_back_within_minutes() -> None:
    rate = lowered(50.0)
    for second in range(1, 60):
        rate.refused(float(second))
    saturate(rate, 60.0, 60.0 + 3 * RISE_S)
    assert rate.calls_per_s(60.0 + 3 * RISE_S) > 50.0


def test_it_is_gone_when_it_holds_nothing_back() -> None:
    rate = lowered(10.0)
    now_s = 0.0
    while now_s < RISE_S / 2 + QUIET_S:
        now_s += 0.5
        rate.began(now_s)
    assert rate.calls_per_s(now_s) == math.inf


def test_a_second_refusal_starts_from_what_was_used_when_that_is_less() -> None:
    rate = lowered(20.0)
    for index in range(10):
        rate.began(20.0 + index)
    rate.refused(30.0)
    assert rate.calls_per_s(30.0) < 1.0


def test_news_are_told_once() -> None:
    rate = AdaptiveRate()
    for _ in range(5):
        rate.began(0.0)
    rate.refused(0.0)
    assert rate.news(0.0) == "SIP 503 Service Unavailable, slowed down to 2.5 calls a second"
    assert rate.news(10.0) is None
    rate.overloaded(11.0, "Asterisk's load is above its maxload")
    assert rate.news(11.0) == "Asterisk's load is above its maxload, slowed down to 0.5 calls a second"
    assert rate.news(11.0 + RISE_S) == "recovered, calls are not slowed down any more"
    assert rate.news(11.0 + RISE_S) is None


def test_what_was_told_already_is_no_news() -> None:
    """A trunk that is filled to its limit refuses a call now and then, for hours."""
    rate = used(50.0)
    told = 0
    for minute in range(60):
        saturate(rate, minute * 60.0, minute * 60.0 + 60.0, 5.0)
        told += rate.news(minute * 60.0 + 60.0) is not None
    assert told < 5


EVENTS = st.lists(
    st.tuples(st.sampled_from(["began", "accepted", "refused"]), st.floats(0, 30, allow_nan=False)), max_size=100
)


@given(EVENTS)
def test_whatever_happens_it_is_at_least_the_floor_and_recovers(events: list[tuple[str, float]]) -> None:
    rate, now_s = AdaptiveRate(), 0.0
    for what, later_s in events:
        now_s += later_s
        getattr(rate, what)(now_s)
        assert rate.calls_per_s(now_s) >= FLOOR_PER_S
        assert rate.is_backing_off(now_s) == (rate.reason(now_s) is not None)
    assert rate.calls_per_s(now_s + RISE_S) == math.inf


@given(EVENTS, st.floats(0, 200), st.floats(0, 200))
def test_time_only_raises_it(events: list[tuple[str, float]], one_s: float, other_s: float) -> None:
    rate, now_s = AdaptiveRate(), 0.0
    for what, later_s in events:
        now_s += later_s
        getattr(rate, what)(now_s)
    sooner_s, later_s = sorted((one_s, other_s))
    assert rate.calls_per_s(now_s + sooner_s) <= rate.calls_per_s(now_s + later_s)


def test_one_refusal_among_many_calls_is_that_number_s_own() -> None:
    watch = RefusalWatch()
    assert not any(watch.call_ended(second, refused=second == 5) for second in range(10))


def test_several_refusals_at_once_are_the_provider_s() -> None:
    watch = RefusalWatch()
    assert [watch.call_ended(0.1 * place, refused=True) for place in range(4)] == [False, False, True, True]
    assert not watch.call_ended(0.5, refused=False), "a call that was taken is no refusal"
    assert not watch.call_ended(20.0, refused=True), "what is long ago does not count"


def test_few_refusals_of_very_many_calls_are_not() -> None:
    watch = RefusalWatch()
    told = [watch.call_ended(0.01 * place, refused=place % 10 == 0) for place in range(200)]
    assert not any(told[30:])
