"""The rate at which Asterisk's delays stay short: found by itself, whatever an Asterisk bears."""

import math
import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.knee import (
    BURST,
    EVENTS_S,
    FIRST_PER_S,
    FLOOR_PER_S,
    HELD_S,
    MOST_PER_S,
    SURE_S,
    Knee,
)
from dialer.model.resting import LATE_S, STAYS_S  # fmt: skip
from tests.unit.slow_asterisk import SlowAsterisk, stalls

STEP_S = 0.01


def run(
    knee: Knee, bears_per_s: Callable[[float], float], until_s: float, from_s: float = 0.0
) -> Iterator[tuple[float, float, float]]:
    """An Asterisk that ends so many calls a second, in turn; more calls wait than the rate allows. Each step: the time,
    the calls that end in it, the delay of an event."""
    now_s, waiting, due, ended = from_s, 0.0, 0.0, 0.0
    while now_s < until_s:
        due += knee.calls_per_s * STEP_S
        while due >= 1:
            due -= 1
            waiting += 1
            knee.began(now_s)
        done = min(waiting, bears_per_s(now_s) * STEP_S)
        waiting -= done
        delay_s = 0.001 + max(0.0, waiting - 1) / bears_per_s(now_s)  # nobody waits for the one that is being ended
        ended += done
        while ended >= 1:
            ended -= 1
            knee.ended(now_s)
            knee.event_came(now_s, delay_s)
        yield now_s, done, delay_s
        now_s += STEP_S


@pytest.mark.parametrize("bears_per_s", [15, 90, 300, 1500])
def test_it_is_found_and_kept_to(bears_per_s: float) -> None:
    steps = [step for step in run(Knee(), lambda now_s: bears_per_s, 90) if step[0] > 30]
    assert sum(done for _, done, _ in steps) / 60 >= 0.9 * bears_per_s
    delays_s = sorted(delay_s for _, _, delay_s in steps)
    assert delays_s[int(0.99 * len(delays_s))] < max(0.25, 6 / bears_per_s)  # six calls in turn, of a slow one


@pytest.mark.parametrize("disturbed", [0.0, 0.1])
@pytest.mark.parametrize("bears_per_s", [15, 100, 200, 300])
def test_close_to_the_limit_almost_all_is_used_and_nothing_waits_long(bears_per_s: float, disturbed: float) -> None:
    steps = [
        step for step in SlowAsterisk(Knee(), lambda now_s: bears_per_s, disturbed=disturbed).run(90) if step[0] > 30
    ]
    assert sum(ended for _, ended, _ in steps) / 60 >= 0.97 * bears_per_s
    delays_s = sorted(delay_s for _, _, of_step in steps for delay_s in of_step)
    assert delays_s[int(0.99 * len(delays_s))] < 0.25


@pytest.mark.parametrize("bears_per_s", [100, 300])
def test_a_queue_that_is_long_already_gets_no_longer(bears_per_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asterisk does half as much for a second, again and again: sooner than any rate finds it."""

    def half_as_fast(is_slow: Callable[[float], bool], now_s: float) -> float:
        return bears_per_s / (2 if is_slow(now_s) else 1)

    def at_full_speed() -> tuple[int, float]:
        ended, delays_s = 0, list[float]()
        for seed in range(4):
            is_slow = stalls(random.Random(seed), 15.0, 1.2, 90.0)
            asterisk = SlowAsterisk(Knee(), partial(half_as_fast, is_slow), chance=random.Random(seed))
            steps = [step for step in asterisk.run(90.0) if step[0] > 30]
            ended += sum(of_step for _, of_step, _ in steps)
            delays_s += [delay_s for _, _, of_step in steps for delay_s in of_step]
        return ended, sum(delay_s > LATE_S + STAYS_S for delay_s in delays_s) / len(delays_s)

    ended, late = at_full_speed()
    monkeypatch.setattr("dialer.model.resting.REST_S", -math.inf)
    without_rest, late_without_rest = at_full_speed()
    assert late < 0.7 * late_without_rest
    assert ended > 0.98 * without_rest


@pytest.mark.parametrize("bears_per_s", [15, 100, 300])
def test_calls_that_last_cost_later_and_are_borne_all_the_same(bears_per_s: float) -> None:
    asterisk = SlowAsterisk(Knee(), lambda now_s: bears_per_s, disturbed=0.1, talk_s=20, chance=random.Random(0))
    steps = [step for step in asterisk.run(140) if step[0] > 50]
    assert sum(ended for _, ended, _ in steps) / 90 >= 0.9 * bears_per_s
    delays_s = sorted(delay_s for _, _, of_step in steps for delay_s in of_step)
    assert delays_s[int(0.99 * len(delays_s))] < 0.4


@pytest.mark.parametrize("wanted", [math.inf, 2.0])
@pytest.mark.parametrize("bears_per_s", [5, 15])
def test_a_slow_asterisk_is_found_from_far_above(bears_per_s: float, wanted: float) -> None:
    knee = Knee()
    steps = list(SlowAsterisk(knee, lambda now_s: bears_per_s, wanted_per_s=wanted * bears_per_s).run(90))
    assert max(delay_s for now_s, _, of_step in steps if now_s > 30 for delay_s in of_step) < 0.5
    assert 0.8 * bears_per_s < knee.limit_per_s < 1.2 * bears_per_s
    assert sum(ended for now_s, ended, _ in steps if now_s > 40) / 50 >= 0.85 * bears_per_s


@pytest.mark.parametrize("last_s", [0.3, 1.0])
@pytest.mark.parametrize("wanted_per_s", [1, 3, 10])
def test_stalls_amid_few_calls_say_nothing_of_the_rate(wanted_per_s: float, last_s: float) -> None:
    chance, until_s, knee = random.Random(3), 1800 / wanted_per_s, Knee()
    is_deaf = stalls(chance, 30.0, last_s, until_s)
    asterisk = SlowAsterisk(knee, lambda now_s: 1000, wanted_per_s, is_deaf, apart_s=0.1, chance=chance)
    assert min(knee.calls_per_s for _ in asterisk.run(until_s)) >= FIRST_PER_S


@pytest.mark.parametrize("wanted_per_s", [3, 80, 250])
def test_an_asterisk_that_stands_for_a_second_bears_as_much_after_it(wanted_per_s: float) -> None:
    chance = random.Random(3)
    stands = stalls(chance, 20.0, 1.0, 200.0)
    knee = Knee()
    asterisk = SlowAsterisk(knee, lambda now_s: 0 if stands(now_s) else 300, wanted_per_s, apart_s=0.1, chance=chance)
    steps = list(asterisk.run(200.0))
    assert sum(ended for _, ended, _ in steps) / 200 >= 0.9 * wanted_per_s
    assert knee.calls_per_s >= FIRST_PER_S


def one_call(knee: Knee, now_s: float, delay_s: float) -> None:
    knee.began(now_s)
    for _ in range(3):
        knee.event_came(now_s + 0.1, delay_s)
    knee.ended(now_s + 0.1)


def test_one_call_that_meets_a_stall_says_nothing() -> None:
    knee = Knee()
    for second in range(120):
        one_call(knee, second, 0.06 if second == 60 else 0.002)
    assert knee.calls_per_s == FIRST_PER_S


def test_few_calls_that_are_late_for_long_halve_the_rate_but_not_below_what_was_tried() -> None:
    knee, lowest = Knee(), FIRST_PER_S
    one_call(knee, 0.0, 0.002)
    for call in range(200):
        lowest_before, lowest = lowest, min(lowest, knee.calls_per_s)
        assert lowest in (lowest_before, max(10.0, lowest_before / 2)), "it is halved"
        one_call(knee, 1 + call / 10, 0.2)
        if call / 10 < SURE_S:
            assert knee.calls_per_s == FIRST_PER_S
    assert 10 <= lowest < FIRST_PER_S


def test_a_lowered_rate_that_nobody_uses_comes_back() -> None:
    knee = Knee(calls_per_s=5.0, limit_per_s=5.0)
    for second in range(240):
        one_call(knee, second, 0.002)
    assert knee.calls_per_s == FIRST_PER_S
    assert knee.limit_per_s == math.inf


def test_a_lowered_rate_that_is_used_comes_back_faster() -> None:
    knee = Knee(calls_per_s=5.0, limit_per_s=5.0)
    at_s = next(
        now_s for now_s, _, _ in SlowAsterisk(knee, lambda now_s: 1000).run(100) if knee.calls_per_s >= FIRST_PER_S
    )
    assert at_s < 60


def test_that_calls_are_held_back_is_over_soon_after_the_last_one() -> None:
    knee = Knee(calls_per_s=5.0, limit_per_s=5.0)
    assert not knee.holds_back(0.0)
    for _ in SlowAsterisk(knee, lambda now_s: 5).run(5):
        pass
    assert knee.holds_back(5.0)
    assert not knee.holds_back(5.0 + HELD_S)


@pytest.mark.parametrize(
    ("calls_per_s", "burst"), [(1.0, 1), (5.0, 1), (15.0, 3), (100.0, 20), (250.0, 50), (5000.0, BURST)]
)
def test_what_begins_at_once_is_in_proportion_to_the_rate(calls_per_s: float, burst: int) -> None:
    assert Knee(calls_per_s=calls_per_s).burst == burst


def test_an_asterisk_that_bears_less_for_a_while_gets_less_and_then_more_again() -> None:
    knee = Knee()
    steps = list(run(knee, lambda now_s: 60 if 40 <= now_s < 80 else 200, 140))

    def ended_per_s(since_s: float, until_s: float) -> float:
        return sum(done for now_s, done, _ in steps if since_s <= now_s < until_s) / (until_s - since_s)

    assert ended_per_s(20, 40) >= 180
    assert max(delay_s for now_s, _, delay_s in steps if 60 <= now_s < 80) < 0.3
    assert ended_per_s(60, 80) >= 54
    assert ended_per_s(110, 140) >= 180


def test_a_peak_is_no_queue() -> None:
    knee, resting = Knee(), 0
    for tick in range(200):
        now_s = tick * 0.02
        resting += knee.rest_s(now_s) > 0
        knee.began(now_s)
        knee.event_came(now_s, 0.4 if tick % 10 else 0.002)  # the daemon was busy, and caught up
    assert knee.calls_per_s >= FIRST_PER_S
    assert not resting


@pytest.mark.parametrize("late_s", [0.1, 1.0, 3.0])
def test_what_no_rate_of_ours_changes_is_not_ours(late_s: float) -> None:
    """A clock that was set, or something else that keeps this machine busy."""
    knee, least = Knee(), FIRST_PER_S
    due = 0.0
    for tick in range(6000):
        now_s = tick * 0.01
        due += knee.calls_per_s * 0.01
        while due >= 1:
            due -= 1
            knee.began(now_s)
            knee.ended(now_s)
            knee.event_came(now_s, 0.002 if now_s < 5 else late_s)
        least = min(least, knee.calls_per_s)
    assert least >= 5
    assert knee.calls_per_s > FIRST_PER_S


@pytest.mark.parametrize("apart_s", [-3.0, 3.0])
def test_a_clock_that_is_not_ours_is_no_delay(apart_s: float) -> None:
    knee = Knee()
    for tick in range(1000):
        now_s = tick * 0.02
        knee.began(now_s)
        knee.event_came(now_s, apart_s + (0.002 if tick < 500 else 4 * EVENTS_S))
        if tick < 500:
            assert knee.calls_per_s >= FIRST_PER_S
    assert knee.calls_per_s < FIRST_PER_S


def test_a_delay_that_stays_is_one() -> None:
    knee = Knee()
    knee.event_came(0.0, 0.001)
    for tick in range(200):
        knee.began(tick * 0.01)
        knee.event_came(tick * 0.01, 2 * EVENTS_S)
    assert knee.calls_per_s < FIRST_PER_S


def test_who_has_nothing_to_dial_loses_and_gains_nothing() -> None:
    knee = Knee()
    for tick in range(1000):
        if tick % 50 == 0:
            knee.began(tick * 0.02)
        knee.event_came(tick * 0.02, 0.002)
    assert knee.calls_per_s == FIRST_PER_S


def test_questions_for_leave_that_come_late_tell_it_too() -> None:
    knee = Knee()
    knee.claim_came(0.0, 0.01)
    for tick in range(200):
        knee.began(tick * 0.01)
        knee.claim_came(tick * 0.01, 0.9)
    assert knee.calls_per_s < FIRST_PER_S


@given(
    st.lists(
        st.tuples(st.sampled_from(["began", "ended", "event", "claim", "full"]), st.floats(0, 60), st.floats(0, 1e6))
    )
)
def test_whatever_happens_it_is_a_rate_that_can_be_dialled_at(events: list[tuple[str, float, float]]) -> None:
    knee, now_s = Knee(), 0.0
    for what, delay_s, pause_s in events:
        now_s += pause_s
        match what:
            case "began":
                knee.began(now_s)
            case "ended":
                knee.ended(now_s)
            case "event":
                knee.event_came(now_s, delay_s)
            case "full":
                knee.is_full(now_s)
            case _:
                knee.claim_came(now_s, delay_s)
        assert FLOOR_PER_S <= knee.calls_per_s <= MOST_PER_S
