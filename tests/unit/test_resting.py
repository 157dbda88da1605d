"""While Asterisk is far behind no call is added: not for long, and never for more than half of the time."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from dialer.model.resting import GAP_S, MANY, REST_S, STAYS_S, Rest

APART_S = 1 / 128
ENOUGH = 1 + max(MANY, int(STAYS_S / APART_S) + 1)


def late(rest: Rest, from_s: float, events: int, apart_s: float = APART_S) -> float:
    """So many late events; when the last one came."""
    for event in range(events):
        rest.event_came(from_s + event * apart_s, is_late=True)
    return from_s + (events - 1) * apart_s


def test_events_that_stay_late_make_a_rest_that_ends_with_one_in_time() -> None:
    rest = Rest()
    for event in range(1, ENOUGH):
        assert not rest.left_s(late(rest, 0.0, 1))
        rest = Rest()
        now_s = late(rest, 10.0, event)
        assert bool(rest.left_s(now_s)) == (event >= MANY and now_s - 10 >= STAYS_S)
    now_s = late(rest, 20.0, ENOUGH)
    assert 0 < rest.left_s(now_s) <= REST_S
    rest.event_came(now_s + APART_S, is_late=False)
    assert not rest.left_s(now_s + APART_S)


def test_a_rest_ends_by_itself_though_no_event_comes() -> None:
    rest = Rest()
    now_s = late(rest, 0.0, ENOUGH)
    assert rest.left_s(now_s + 0.9 * REST_S)
    assert not rest.left_s(now_s + REST_S)


def test_where_a_rest_does_not_help_there_is_one_only() -> None:
    rest, seen = Rest(), list[float]()
    for event in range(2000):
        now_s = late(rest, event * APART_S, 1)
        seen += [now_s] if rest.left_s(now_s) else []
    assert REST_S - 2 * APART_S <= seen[-1] - seen[0] <= REST_S


def test_late_events_far_apart_or_of_one_call_make_none() -> None:
    rest = Rest()
    assert not rest.left_s(late(rest, 0.0, 100, apart_s=1.1 * GAP_S))
    assert not rest.left_s(late(rest, 60.0, MANY - 1, apart_s=0.9 * GAP_S))


def test_a_stray_one_does_not_hide_a_queue_that_comes_later() -> None:
    rest = Rest()
    late(rest, 0.0, 1)
    assert rest.left_s(late(rest, 3600.0, ENOUGH))


def test_an_event_in_time_interrupts() -> None:
    rest = Rest()
    late(rest, 0.0, ENOUGH - 1)
    rest.event_came(ENOUGH * APART_S, is_late=False)
    assert not rest.left_s(late(rest, (ENOUGH + 1) * APART_S, 1))


def at_rest_s(events: Iterable[tuple[float, bool]]) -> tuple[float, float]:
    """How long, of how long."""
    rest, now_s, rested_s = Rest(), 0.0, 0.0
    for pause_s, is_late in events:
        rested_s += min(pause_s, rest.left_s(now_s))
        now_s += pause_s
        rest.event_came(now_s, is_late=is_late)
    return rested_s, now_s


@given(st.lists(st.tuples(st.sampled_from([0.001, 0.01, 0.03, 0.2]), st.integers(0, 12).map(bool)), max_size=2000))
def test_it_rests_for_half_of_the_time_at_the_most(events: list[tuple[float, bool]]) -> None:
    rested_s, of_s = at_rest_s(events)
    assert rested_s <= (of_s + REST_S) / 2


def test_it_rests_for_nearly_half_where_each_rest_helps() -> None:
    rested_s, of_s = at_rest_s([(0.01, place % 30 > 0) for place in range(6000)])
    assert 0.3 * of_s < rested_s < 0.5 * of_s
