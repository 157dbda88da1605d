"""The rate at which Asterisk's delays stay short: found by itself, whatever an Asterisk bears."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.knee import EVENTS_S, FIRST_PER_S, FLOOR_PER_S, MOST_PER_S, Knee

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
    knee = Knee()
    for tick in range(200):
        now_s = tick * 0.02
        knee.began(now_s)
        knee.event_came(now_s, 0.4 if tick % 10 else 0.002)  # the daemon was busy, and caught up
    assert knee.calls_per_s >= FIRST_PER_S


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
    for tick in range(50):
        knee.began(tick * 0.02)
        knee.event_came(tick * 0.02, 2 * EVENTS_S)
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
    for tick in range(100):
        knee.began(tick * 0.02)
        knee.claim_came(tick * 0.02, 0.9)
    assert knee.calls_per_s < FIRST_PER_S


@given(st.lists(st.tuples(st.sampled_from(["began", "ended", "event", "claim"]), st.floats(0, 60), st.floats(0, 2))))
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
            case _:
                knee.claim_came(now_s, delay_s)
        assert FLOOR_PER_S <= knee.calls_per_s <= MOST_PER_S
