"""How many calls at once, how soon the next: counted in Asterisk and by the provider, not in the daemon."""

import asyncio
import math
import statistics
import time
from collections import Counter

import pytest

from tests.calls.asking import ONE_KEY, post_task
from tests.calls.measuring import most_at_once, observing, refill_times_ms, spans
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_until
from tests.rig.world import World

REFILL_MEDIAN_MS = 50.0
MEASURED_AT_MOST = 3
"""The same code takes 37 to 68 ms on one machine of two cores, by what else it does: the quietest run counts."""
PAUSE_S = 0.1


async def post_polling(world: World) -> str:
    return str((await world.dialer.data("POST", "/polling", ONE_KEY))["id"])


@pytest.mark.alone
async def test_two_hundred_numbers_never_more_than_twenty_at_once(world: World, series: int) -> None:
    medians: list[float] = []
    while len(medians) < MEASURED_AT_MOST and min(medians, default=math.inf) > REFILL_MEDIAN_MS:
        medians.append(await refill_median_ms(world, series + 200 * len(medians)))
    assert min(medians) <= REFILL_MEDIAN_MS, medians


async def refill_median_ms(world: World, series: int) -> float:
    """Dial 200 numbers on 20 channels; every number, result and the limit must be right."""
    numbers = [make_number(series + place, "91" if place % 2 else "62") for place in range(200)]
    polling_id = await post_polling(world)
    async with observing(world.pbx) as observer:
        task_id = await post_task(world.dialer, numbers, polling_id, "polling", channels=20)
        # asking daemon and observer fifty times a second would be half of what is measured
        await wait_until(lambda: len(spans(observer, set(numbers))) == 200, "200 hang-ups", 120, poll_s=0.5)
        task = await world.dialer.wait_finished(task_id)
        calls = spans(observer, set(numbers))
    refills = refill_times_ms(calls, 20)
    print(
        f"\n200 numbers, 20 channels: at once {most_at_once(calls)}, refilled after "
        f"{statistics.median(refills):.1f} ms (median), {max(refills):.1f} ms (longest)"
    )
    assert most_at_once(calls) == 20
    assert {number: world.provider.invites()[number] for number in numbers} == dict.fromkeys(numbers, 1)
    assert Counter(row["result"] for row in task["results"]) == {"FAIL_POLLING": 200}
    return statistics.median(refills)


async def test_two_tasks_side_by_side_keep_their_own_limits(world: World, series: int) -> None:
    lists = [[make_number(series + place, "91") for place in range(start, start + 24)] for start in (0, 100)]
    limits = (3, 6)
    polling_id = await post_polling(world)
    async with observing(world.pbx) as observer:
        ids = [
            await post_task(world.dialer, numbers, polling_id, "polling", channels=limit)
            for numbers, limit in zip(lists, limits, strict=True)
        ]
        await asyncio.gather(*(world.dialer.wait_finished(task_id, 90) for task_id in ids))
        await wait_until(lambda: len(spans(observer, {*lists[0], *lists[1]})) == 48, "48 hang-ups")
        assert [most_at_once(spans(observer, set(numbers))) for numbers in lists] == list(limits)


@pytest.mark.alone
async def test_pause_stops_new_calls_at_once_and_lets_running_ones_finish(world: World, series: int) -> None:
    numbers = [make_number(series + place, "62") for place in range(30)]
    polling_id = await post_polling(world)
    async with observing(world.pbx) as observer:
        task_id = await post_task(world.dialer, numbers, polling_id, "polling", channels=5)
        await world.dialer.wait_task(
            task_id, lambda task: sum(row["result"] is not None for row in task["results"]) >= 5, "5 calls are over"
        )
        asked_s = time.time()
        await world.dialer.data("PUT", f"/task/{task_id}", {"state": 2})
        answered_s = time.time()
        begun = set(world.provider.invites()) & set(numbers)
        paused = await world.dialer.data("GET", f"/task/{task_id}")
        waiting = {"CreateTask", "CreateCallFile"}
        given_leave = {row["phone"] for row in paused["results"] if row["state"] not in waiting}
        running = await world.dialer.wait_task(
            task_id,
            lambda task: all(row["result"] or row["state"] == "CreateTask" for row in task["results"]),
            "the running calls have finished",
        )
        last_s = max(event.time_s for event in world.provider.events() if event.what == "INVITE")
        late = (set(world.provider.invites()) & set(numbers)) - begun
        print(
            f"\npause answered after {(answered_s - asked_s) * 1000:.1f} ms, begun after the answer: {len(late)}, "
            f"last call begun {(last_s - asked_s) * 1000:.1f} ms after the request"
        )
        assert late <= given_leave, "what begins after the answer to PUT had its leave to dial before"
        assert len(late) <= 5, "of so many channels"
        assert last_s - asked_s < PAUSE_S
        assert running["state"] == "2"
        finished = {row["phone"] for row in running["results"] if row["result"]}
        assert finished == begun | late
        assert 10 <= len(begun) < 30
        await world.dialer.data("PUT", f"/task/{task_id}", {"state": 0})
        task = await world.dialer.wait_finished(task_id)
        await wait_until(lambda: len(spans(observer, set(numbers))) == 30, "30 hang-ups")
        assert most_at_once(spans(observer, set(numbers))) == 5
    assert {number: world.provider.invites()[number] for number in numbers} == dict.fromkeys(numbers, 1)
    assert all(row["result"] == "FAIL_POLLING" for row in task["results"])


async def test_more_channels_and_more_numbers_take_effect_while_it_runs(world: World, series: int) -> None:
    first, second = make_number(series, "66"), make_number(series + 1, "66")
    polling_id = await post_polling(world)
    async with observing(world.pbx) as observer:
        task_id = await post_task(world.dialer, [first], polling_id, "polling", channels=1)
        await wait_until(lambda: world.provider.invites()[first], "the first call")
        change = {"maxCountChannels": 2, "numbers": [first, second]}
        await world.dialer.data("PUT", f"/task/{task_id}", change)
        await world.dialer.wait_finished(task_id)
        await wait_until(lambda: len(spans(observer, {first, second})) == 2, "2 hang-ups")
        assert most_at_once(spans(observer, {first, second})) == 2


async def test_a_deleted_task_begins_nothing_more(world: World, series: int) -> None:
    numbers = [make_number(series + place, "62") for place in range(10)]
    task_id = await post_task(world.dialer, numbers, await post_polling(world), "polling", channels=2)
    await wait_until(lambda: sum(world.provider.invites()[number] for number in numbers) == 2, "two calls")
    assert (await world.dialer.call("DELETE", f"/task/{task_id}"))["result"] is True
    await world.dialer.wait_health(lambda report: report["calls_in_progress"] == 0, "the two calls are over")
    assert sum(world.provider.invites()[number] for number in numbers) == 2
    assert (await world.dialer.call("GET", f"/task/{task_id}"))["data"] == {"error": "TaskNotFound"}
