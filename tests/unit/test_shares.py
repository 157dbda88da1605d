"""Whose call is next: weights in channel time, priorities, and that nobody starves."""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.shares import LOOK_AHEAD_S, OPEN_TURN, Shares


@dataclass(frozen=True)
class Dialled:
    """A task of the simulation, which always has numbers."""

    weight: float = 1.0
    priority: int = 0
    talk_s: float = 60.0
    """The mean of its calls; they are of any length, as telephone calls are (exponentially distributed)."""
    max_channels: int = 1000


def parts(tasks: Sequence[Dialled], channels: int = 30, run_s: float = 7200.0, seed: int = 1) -> list[float]:
    """Simulate a run; each task's part of all channel-seconds."""
    rng = random.Random(seed)
    shares = Shares()
    for task_id, task in enumerate(tasks):
        shares.join(task_id, task.weight, task.priority, 0.0)
    running, used_s = [0] * len(tasks), [0.0] * len(tasks)
    ends: list[tuple[float, int]] = []
    now_s = 0.0
    while now_s < run_s:
        while len(ends) < channels:
            able = [task_id for task_id, task in enumerate(tasks) if running[task_id] < task.max_channels]
            task_id = began_now(shares, able, now_s)
            running[task_id] += 1
            talk_s = rng.expovariate(1 / tasks[task_id].talk_s)
            used_s[task_id] += min(talk_s, run_s - now_s)
            heapq.heappush(ends, (now_s + talk_s, task_id))
        now_s, task_id = heapq.heappop(ends)
        running[task_id] -= 1
        shares.call_ended(task_id, now_s)
    return [one / sum(used_s) for one in used_s]


@pytest.mark.parametrize("seed", range(3))
def test_channel_time_is_split_by_weight_however_long_the_calls_of_each_are(seed: int) -> None:
    tasks = [Dialled(weight, talk_s=120.0 if weight % 3 == 0 else 60.0) for weight in range(1, 11)]
    assert parts(tasks, seed=seed) == pytest.approx([task.weight / 55 for task in tasks], rel=0.05)


def test_channels_are_split_by_weight_from_the_first_moment() -> None:
    shares = Shares()
    for weight in (1, 2, 3):
        shares.join(weight, weight, 0, 0.0)
    began = [began_now(shares, [1, 2, 3], 0.0) for _ in range(30)]
    assert [began.count(task_id) for task_id in (1, 2, 3)] == [5, 10, 15]


@pytest.mark.parametrize("seed", range(3))
def test_a_lower_priority_gets_a_little_and_does_not_starve(seed: int) -> None:
    high, low = parts([Dialled(priority=9), Dialled(priority=0)], seed=seed)
    assert high > 0.8
    assert low > 0.05


def test_weights_count_among_tasks_of_a_low_priority_too() -> None:
    high, one, three = parts([Dialled(priority=9), Dialled(1.0), Dialled(3.0)], run_s=20_000.0)
    assert three == pytest.approx(3 * one, rel=0.1)
    assert one + three == pytest.approx(1 / OPEN_TURN, rel=0.15)
    assert high > 0.8


def test_three_priorities_the_lower_two_take_the_open_turns_in_turn() -> None:
    _, middle, low = parts([Dialled(priority=9), Dialled(priority=5), Dialled(priority=0)], run_s=20_000.0)
    assert middle == pytest.approx(1 / OPEN_TURN / 2, rel=0.15)
    assert low == pytest.approx(1 / OPEN_TURN / 2, rel=0.15)


def test_what_a_task_with_too_few_channels_leaves_is_split_by_weight() -> None:
    tasks = [Dialled(1), Dialled(2), Dialled(3), Dialled(4, max_channels=5)]
    rest = 1 - 5 / 30
    assert parts(tasks) == pytest.approx([rest / 6, rest * 2 / 6, rest * 3 / 6, 5 / 30], rel=0.05)


def test_equal_tasks_with_one_odd_channel_take_it_in_turn() -> None:
    assert parts([Dialled(), Dialled()], channels=3, run_s=20_000.0) == pytest.approx([0.5, 0.5], rel=0.05)


def began_now(shares: Shares, able: Sequence[int], now_s: float) -> int:
    task_id = shares.next_of(able, now_s)
    assert task_id is not None
    shares.call_began(task_id, now_s)
    return task_id


def an_hour_of(shares: Shares, able: Sequence[int]) -> float:
    """Calls of a minute, two at once, by those who are able; the time at the end."""
    for minute in range(60):
        began = [began_now(shares, able, minute * 60.0) for _ in range(2)]
        for task_id in began:
            shares.call_ended(task_id, minute * 60.0 + 60.0)
    return 3600.0


def test_who_was_idle_has_saved_up_nothing() -> None:
    shares = Shares()
    shares.join(1, 1.0, 0, 0.0)
    shares.join(2, 1.0, 0, 0.0)
    now_s = an_hour_of(shares, [1])
    began = [began_now(shares, [1, 2], now_s) for _ in range(10)]
    assert 5 <= began.count(2) <= 6


def test_who_joins_later_is_as_far_as_the_others() -> None:
    shares = Shares()
    shares.join(1, 1.0, 0, 0.0)
    now_s = an_hour_of(shares, [1])
    shares.join(2, 1.0, 0, now_s)
    began = [began_now(shares, [1, 2], now_s) for _ in range(10)]
    assert 5 <= began.count(2) <= 6


def test_whose_limit_is_raised_does_not_take_all_channels() -> None:
    """Task 2 had one channel for an hour, task 1 had nine."""
    shares = Shares()
    shares.join(1, 1.0, 0, 0.0)
    shares.join(2, 1.0, 0, 0.0)
    for task_id in [1] * 9 + [2]:
        shares.call_began(task_id, 0.0)
    for now_s in range(0, 3600, 60):
        shares.call_ended(1, now_s)
        began_now(shares, [1], now_s)
    for _ in range(9):
        shares.call_ended(1, 3600.0)
    began = [2, *(began_now(shares, [1, 2], 3600.0) for _ in range(9))]
    assert 5 <= began.count(2) <= 6  # of 10


def test_a_running_call_counts_before_it_ends() -> None:
    shares = Shares()
    for task_id in (1, 2):
        shares.join(task_id, 1.0, 0, 0.0)
        shares.call_began(task_id, 0.0)
    shares.call_ended(2, 100.0)
    shares.call_began(2, 300.0)
    assert shares.next_of([1, 2], 300.0) == 2


def test_a_paused_task_does_not_lose_the_calls_that_run() -> None:
    shares = Shares()
    shares.join(1, 1.0, 0, 0.0)
    shares.join(2, 1.0, 0, 0.0)
    for _ in range(3):
        shares.call_began(1, 0.0)
    shares.leave(1)
    assert shares.next_of([1], 1.0) is None
    shares.join(1, 1.0, 0, 2.0)
    assert [began_now(shares, [1, 2], 2.0) for _ in range(3)] == [2, 2, 2]


def test_calls_of_a_task_that_is_not_known_count_when_it_joins() -> None:
    """As after a restart: calls in progress are taken over before their task is."""
    shares = Shares()
    shares.call_began(1, 0.0)
    shares.call_began(1, 0.0)
    shares.join(1, 1.0, 0, 1.0)
    shares.join(2, 1.0, 0, 1.0)
    assert [began_now(shares, [1, 2], 1.0) for _ in range(2)] == [2, 2]


def test_a_weight_can_change() -> None:
    shares = Shares()
    shares.join(1, 1.0, 0, 0.0)
    shares.join(2, 1.0, 0, 0.0)
    shares.join(1, 3.0, 0, 0.0)
    began = [began_now(shares, [1, 2], 0.0) for _ in range(8)]
    assert began.count(1) == 6


def test_a_priority_can_change() -> None:
    shares = Shares()
    shares.join(1, 1.0, 0, 0.0)
    shares.join(2, 1.0, 1, 0.0)
    assert shares.next_of([1, 2], 0.0) == 2
    shares.join(1, 1.0, 2, 0.0)
    assert shares.next_of([1, 2], 0.0) == 1


def test_nothing_is_next_of_nobody() -> None:
    shares = Shares()
    shares.leave(7)
    shares.call_ended(7, 0.0)
    assert shares.next_of([], 0.0) is None
    assert shares.next_of([7], 0.0) is None


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_a_weight_is_above_0(weight: float) -> None:
    with pytest.raises(ValueError, match="task 1"):
        Shares().join(1, weight, 0, 0.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "leave", "began", "ended", "next"]),
        st.integers(0, 4),
        st.integers(0, 9),
        st.floats(0, 1e6),
    ),
    max_size=60,
)


@given(STEPS)
def test_in_whatever_order_things_are_told_next_is_a_candidate_that_has_joined(
    steps: list[tuple[str, int, int, float]],
) -> None:
    """Also with a clock that goes back."""
    shares = Shares()
    joined: set[int] = set()
    for what, task_id, number, now_s in steps:
        match what:
            case "join":
                shares.join(task_id, number + 1, number, now_s)
                joined.add(task_id)
            case "leave":
                shares.leave(task_id)
                joined.discard(task_id)
            case "began":
                shares.call_began(task_id, now_s)
            case "ended":
                shares.call_ended(task_id, now_s)
            case _:
                able = set(range(number))
                chosen = shares.next_of(able, now_s)
                assert chosen in able & joined if able & joined else chosen is None


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 5))
def test_nobody_starves_whatever_the_priorities(priorities: list[int], asked: int) -> None:
    """Each gets a call within as many open turns as there are tasks, and the time that one call is worth."""
    shares = Shares()
    for task_id, priority in enumerate(priorities):
        shares.join(task_id, 1.0, priority, 0.0)
    able = range(len(priorities))
    began = [began_now(shares, able, turn * LOOK_AHEAD_S) for turn in range(OPEN_TURN * len(priorities) * 2)]
    assert asked % len(priorities) in began
