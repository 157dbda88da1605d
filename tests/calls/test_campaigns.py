"""A campaign's rules by real calls: what the provider sees, and what the CRM reads."""

import time
from itertools import pairwise
from typing import Any

from tests.calls.asking import ONE_KEY, Listed, connect, post_task
from tests.calls.measuring import most_at_once, observing, spans, until_members_are_free
from tests.rig.daemon import Dialer
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_until
from tests.rig.world import World


async def post_polling(world: World) -> str:
    return str((await world.dialer.data("POST", "/polling", ONE_KEY))["id"])


async def rows(dialer: Dialer, task_id: str) -> list[tuple[str, str | None, str | None]]:
    """Number, attempt and result of each row."""
    task = await dialer.data("GET", f"/task/{task_id}")
    return [(row["phone"], row["countTry"], row["result"]) for row in task["results"]]


def invites(world: World, number: str) -> list[float]:
    return [event.time_s for event in world.provider.events() if event.what == "INVITE" and event.number == number]


async def test_a_busy_number_is_dialled_once_for_each_allowed_attempt(world: World, series: int) -> None:
    busy, talks = make_number(series, "70"), make_number(series + 1, "62")
    fields = {"maxAttempt": 3, "tryInterval": 2}
    task_id = await post_task(world.dialer, [busy, talks], await post_polling(world), "polling", **fields)
    task = await world.dialer.wait_finished(task_id)
    assert [(row["phone"], row["countTry"], row["result"]) for row in task["results"]] == [
        (busy, None, "FAIL"),
        (talks, None, "FAIL_POLLING"),
        (busy, "2", "FAIL"),
        (busy, "3", "FAIL"),
    ]
    dialled = invites(world, busy)
    assert len(dialled) == 3
    assert all(later - earlier >= 2 for earlier, later in pairwise(dialled))
    assert len(invites(world, talks)) == 1


async def test_each_cause_has_its_own_interval(world: World, series: int) -> None:
    busy, declined, gone = (make_number(series + place, kind) for place, kind in enumerate(("70", "71", "72")))
    rules = [{"on": "busy", "interval": 1}, {"on": "SIP 603", "interval": 3}]
    fields: dict[str, Any] = {"maxAttempt": 2, "tryInterval": 60, "retryOn": rules}
    task_id = await post_task(world.dialer, [busy, declined, gone], "500", "exten", **fields)
    await world.dialer.wait_finished(task_id)
    waits = {number: seen[1] - seen[0] for number in (busy, declined, gone) if len(seen := invites(world, number)) == 2}
    assert waits.keys() == {busy, declined}
    assert 1 <= waits[busy] < 3 <= waits[declined]


async def test_a_client_is_called_by_one_number_after_the_other_until_reached(world: World, series: int) -> None:
    first, second, third, other = (
        make_number(series + place, kind) for place, kind in enumerate(("70", "62", "62", "62"))
    )
    numbers = [{"number": number, "clientId": "к-1"} for number in (first, second, third)]
    task = await connect(world, "201", [*numbers, other])
    results = {row["phone"]: row["result"] for row in task["results"]}
    assert results == {
        first: "FAIL",
        second: "SUCCESS_CLIENT_H",
        third: "SUCCESS_ANOTHER_PHONE",
        other: "SUCCESS_CLIENT_H",
    }
    assert invites(world, third) == []
    assert invites(world, second)[0] > invites(world, first)[0]


async def test_a_signal_ends_what_waits_and_makes_the_call_in_progress_the_last(world: World, series: int) -> None:
    ringing, waiting = make_number(series, "73"), make_number(series + 1, "62")
    task_id = await post_task(
        world.dialer, [ringing, waiting], "500", "exten", channels=1, maxAttempt=3, tryInterval=1
    )  # fmt: skip
    await wait_until(lambda: invites(world, ringing), "it rings")
    for number in (ringing, waiting):
        assert (await world.dialer.data("POST", "/task-signal-close", {"phone": number}))["closed"] == 1
    task = await world.dialer.wait_finished(task_id)
    assert [(row["result"], row["cause"]) for row in task["results"]] == [
        ("SUCCESS_EXTERNAL_SIGNAL", "The call itself: FAIL (No answer)"),
        ("SUCCESS_EXTERNAL_SIGNAL", None),
    ]
    assert (len(invites(world, ringing)), len(invites(world, waiting))) == (1, 0)


async def test_until_the_signal_who_was_reached_is_called_again(world: World, series: int) -> None:
    number = make_number(series, "91")
    task_id = await post_task(
        world.dialer, [number], "500", "exten", maxAttempt=9, tryInterval=1, attemptUntilSignal=1
    )  # fmt: skip
    await wait_until(lambda: len(invites(world, number)) == 2, "the second call", 30)
    await world.dialer.data("POST", "/task-signal-close", {"phone": number, "taskId": task_id})
    await world.dialer.wait_finished(task_id)
    assert len(invites(world, number)) == 2


async def test_a_number_that_comes_onto_the_stop_list_while_it_rings_is_not_dialled_again(
    world: World, series: int
) -> None:
    ringing, other = make_number(series, "73"), make_number(series + 1, "70")
    one = await post_task(world.dialer, [ringing], "500", "exten", maxAttempt=3, tryInterval=1)
    two = await post_task(world.dialer, [other, ringing], "500", "exten", timeStart=0, timeEnd=1440, channels=1)
    await wait_until(lambda: invites(world, ringing), "it rings")
    await world.dialer.data("POST", "/stop-list", {"numbers": [ringing], "reason": "asked us to"})
    for task_id in (one, two):
        await world.dialer.wait_finished(task_id)
    assert len(invites(world, ringing)) <= 2, "the second task may have been ringing it, too"
    assert all(number != ringing or result == "FAIL" for number, _, result in await rows(world.dialer, one))
    assert len(await rows(world.dialer, one)) == 1, "no further attempt"


async def test_a_number_on_the_stop_list_is_never_dialled(world: World, series: int) -> None:
    stopped, other = make_number(series, "62"), make_number(series + 1, "70")
    await world.dialer.data("POST", "/stop-list", {"numbers": [stopped]})
    task = await connect(world, "500", [stopped, other])
    assert [(row["result"], row["cause"]) for row in task["results"]] == [
        ("FAIL", "Stop list"),
        ("FAIL", "SIP 486 Busy Here"),
    ]
    assert invites(world, stopped) == []


async def test_outside_its_window_a_task_dials_nobody_and_why_says_when_it_will(world: World, series: int) -> None:
    number = make_number(series, "70")
    minute = time.gmtime().tm_hour * 60 + time.gmtime().tm_min + 180  # Moscow, the rig's zone, is UTC+3
    fields = {"timeStart": (minute + 120) % 1440, "timeEnd": (minute + 240) % 1440}
    task_id = await post_task(world.dialer, [number], "500", "exten", **fields)
    told = await world.dialer.data("GET", f"/task/{task_id}/why")
    assert (told["rule"], told["blocks"]) == ("window", True)
    assert 3600 < told["nextLook"] - time.time() <= 7200
    await world.dialer.data("PUT", f"/task/{task_id}", {"timeStart": 0, "timeEnd": 1440})
    await world.dialer.wait_finished(task_id)
    assert len(invites(world, number)) == 1


async def test_a_number_whose_lifetime_is_over_ends_by_itself(world: World, series: int) -> None:
    ringing, late = make_number(series, "73"), make_number(series + 1, "62")
    listed: list[Listed] = [ringing, {"number": late, "timeCallUntil": int(time.time()) + 2}]
    task_id = await post_task(world.dialer, listed, "500", "exten", channels=1)
    task = await world.dialer.wait_task(task_id, lambda task: task["results"][1]["result"], "the lifetime is over")
    assert task["results"][1]["cause"] == "Lifetime over: timeCallUntil has passed"
    assert task["results"][0]["result"] is None, "the first still rings"
    await world.dialer.wait_finished(task_id)
    assert invites(world, late) == []


async def test_calls_are_billed_and_a_task_that_has_spent_enough_pauses(own_world: World, series: int) -> None:
    world = own_world
    await world.dialer.stop()
    async with world.dialer.changed({"prices.per_minute": {"7952": "6.00"}}):
        numbers = [make_number(series + place, "62") for place in range(9)]
        task_id = await post_task(
            world.dialer, numbers, await post_polling(world), "polling", channels=1, maxCost="0.50"
        )  # fmt: skip
        task = await world.dialer.wait_task(task_id, lambda task: task["state"] == "2", "it pauses", 60)
        await world.dialer.wait_health(lambda report: report["calls_in_progress"] == 0, "the last call is over")
        costs = [row["cost"] for row in task["results"] if row["result"]]
        assert len(costs) == 3, "two seconds, 0.20 each: the third reaches the half"
        assert costs == ["0.20"] * 3
        told = await world.dialer.data("GET", f"/task/{task_id}/why")
        assert told["reason"] == "the task is paused (state 2): its calls have cost 0.60, maxCost is 0.50"


async def test_a_provider_that_answers_503_gets_fewer_calls_and_more_when_it_recovers(
    own_world: World, series: int
) -> None:
    world = own_world
    bad = [make_number(series + place, "75") for place in range(60)]
    good = [make_number(series + 100 + place, "70") for place in range(40)]
    task_id = await post_task(world.dialer, [*bad, *good], await post_polling(world), "polling", channels=10)
    told = await world.dialer.wait_health(lambda report: report["slowed_down"], "the trunk is slowed down")
    assert "SIP 503 Service Unavailable, slowed down to" in told["slowed_down"][0]
    dialled: list[float] = []

    def seen() -> list[float]:
        dialled[:] = [time_s for number in bad for time_s in invites(world, number)]
        return dialled

    await wait_until(lambda: len(seen()) >= 30, "half of them", 60)
    dialled.sort()
    first, last = dialled[:10], dialled[-10:]
    print(f"\n10 calls in {first[-1] - first[0]:.2f} s, later in {last[-1] - last[0]:.2f} s")
    assert last[-1] - last[0] > 5 * (first[-1] - first[0])
    assert "SIP 503 Service Unavailable, slowed down to" in world.dialer.log_file.read_text()
    await world.dialer.data("PUT", f"/task/{task_id}", {"numbers": good})
    await world.dialer.wait_finished(task_id, 120)
    await world.dialer.wait_health(lambda report: not report["slowed_down"], "it has recovered", 90)
    recovered = "recovered, calls are not slowed down any more"
    await wait_until(lambda: recovered in world.dialer.log_file.read_text(), "the log says so", 5)


async def test_as_many_are_called_as_members_of_the_queue_are_free(own_world: World, series: int) -> None:
    world = own_world
    numbers = [make_number(series + place, "66") for place in range(8)]
    async with observing(world.pbx) as observer:
        task_id = await post_task(world.dialer, numbers, "300", "exten", channels=8)
        await world.dialer.wait_finished(task_id, 120)
        await wait_until(lambda: len(spans(observer, set(numbers))) == 8, "8 hang-ups")
        assert most_at_once(until_members_are_free(observer, spans(observer, set(numbers)))) == 2, "201 and 202"
        task = await world.dialer.data("GET", f"/task/{task_id}")
        assert {row["result"] for row in task["results"]} <= {"SUCCESS_CLIENT_H", "SUCCESS_USER_H"}
    more = [make_number(series + 100 + place, "66") for place in range(3)]
    async with observing(world.pbx) as observer:
        await world.pbx.rx("queue pause member PJSIP/201")
        await wait_until(
            lambda: any(event["Event"] == "QueueMemberPause" for event in observer.events), "the daemon is told, too"
        )
        task_id = await post_task(world.dialer, more, "300", "exten", channels=8)
        await world.dialer.wait_finished(task_id, 120)
        await wait_until(lambda: len(spans(observer, set(more))) == 3, "3 hang-ups")
        assert most_at_once(until_members_are_free(observer, spans(observer, set(more)))) == 1


async def test_a_member_in_wrap_up_is_left_alone(own_world: World, series: int) -> None:
    world = own_world
    await world.dialer.stop()
    async with world.dialer.changed({"dialing": {"wrap_up_s": 3}}):
        await world.dialer.wait_dialling()
        numbers = [make_number(series + place, "60") for place in range(3)]  # 208 hangs up after 1 s
        async with observing(world.pbx) as observer:
            task_id = await post_task(world.dialer, numbers, "305", "exten", channels=3)
            await world.dialer.wait_finished(task_id, 60)
            await wait_until(lambda: len(spans(observer, set(numbers))) == 3, "3 hang-ups")
            calls = spans(observer, set(numbers))
        pauses = [later.begin_s - earlier.end_s for earlier, later in pairwise(calls)]
        print(f"\nafter a talk the next call began {pauses} s later")
        assert all(pause_s > 1.9 for pause_s in pauses), "LastCall is in whole seconds"
