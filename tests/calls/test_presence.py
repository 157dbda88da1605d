"""`exten` tasks wait for somebody who can talk: employees and queues, free and busy, in a real Asterisk."""

from tests.calls.asking import connect, post_task, row_of
from tests.calls.measuring import observing
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_until
from tests.rig.world import World


def invites(world: World, numbers: list[str]) -> int:
    seen = world.provider.invites()
    return sum(seen[number] for number in numbers)


async def dialled_meanwhile(world: World, waiting: list[str], series: int) -> int:
    """How many of the waiting numbers have been dialled by the time a whole call of another task has passed."""
    other = make_number(series, "70")
    await connect(world, "500", [other])
    return invites(world, waiting)


async def test_nobody_is_dialled_for_an_employee_who_talks(own_world: World, series: int) -> None:
    world = own_world
    first, others = make_number(series, "66"), [make_number(series + place, "70") for place in range(1, 5)]
    talk = await post_task(world.dialer, [first], "201", "exten")
    await wait_until(lambda: "ANSWERED" in [event.what for event in world.employees.events()], "the talk")
    waiting = await post_task(world.dialer, others, "201", "exten")
    assert await dialled_meanwhile(world, others, series + 10) == 0
    async with observing(world.pbx) as observer:
        await world.dialer.wait_finished(talk)
        await world.dialer.wait_finished(waiting)
        free = [event for event in observer.named("ExtensionStatus") if event["Exten"] == "201"]
        assert free[0]["Status"] == "0"
        rung = [event.time_s for event in world.provider.events() if event.number in others and event.what == "INVITE"]
        print(f"\nfirst of the waiting rung {(min(rung) - float(free[0]['Timestamp'])) * 1000:.0f} ms after the hint")
        assert min(rung) >= float(free[0]["Timestamp"])
    assert invites(world, others) == len(others)


async def test_an_employee_who_is_away_is_not_given_calls(own_world: World, series: int) -> None:
    """AstDB UserBuddyStatus; the host announces changes by the UserEvent DB_UserBuddyStatus."""
    world, number = own_world, make_number(series, "70")
    await world.pbx.rx("database put UserBuddyStatus 202 2")
    task_id = await post_task(world.dialer, [number], "202", "exten")
    assert await dialled_meanwhile(world, [number], series + 10) == 0
    async with observing(world.pbx) as observer:
        await world.pbx.rx("database put UserBuddyStatus 202 0")
        observer.send("UserEvent", UserEvent="DB_UserBuddyStatus", key="202", val="0")
        await world.dialer.wait_finished(task_id, 10)
        assert invites(world, [number]) == 1
        later = make_number(series + 1, "70")
        await world.pbx.rx("database put UserBuddyStatus 202 1")
        observer.send("UserEvent", UserEvent="DB_UserBuddyStatus", key="202", val="1")
        await wait_until(lambda: observer.named("DB_UserBuddyStatus")[1:], "the second announcement")
        task_id = await post_task(world.dialer, [later], "202", "exten")
        assert await dialled_meanwhile(world, [later], series + 20) == 0
        await world.pbx.rx("database deltree UserBuddyStatus")
        observer.send("UserEvent", UserEvent="DB_UserBuddyStatus", key="202", val="")
        await world.dialer.wait_finished(task_id, 10)


async def test_a_presence_that_changed_without_an_event_is_seen_after_a_reconnect(
    own_world: World, series: int
) -> None:
    world, number = own_world, make_number(series, "70")
    await world.pbx.rx("database put UserBuddyStatus 202 1")
    task_id = await post_task(world.dialer, [number], "202", "exten")
    assert await dialled_meanwhile(world, [number], series + 10) == 0
    await world.pbx.rx("database del UserBuddyStatus 202")
    await world.dialer.kill()
    await world.dialer.start()
    await world.dialer.wait_finished(task_id, 15)


async def test_a_queue_is_free_when_one_member_is(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "70")
    await world.pbx.rx("queue pause member PJSIP/201")
    await world.pbx.rx("queue pause member PJSIP/202")
    task_id = await post_task(world.dialer, [number], "300", "exten")
    assert await dialled_meanwhile(world, [number], series + 10) == 0
    await world.pbx.rx("queue unpause member PJSIP/202")
    await world.dialer.wait_finished(task_id, 10)
    # members who are away count as little as paused ones
    await world.pbx.rx("database put UserBuddyStatus 202 1")
    await world.dialer.kill()
    await world.dialer.start()
    later = make_number(series + 1, "70")
    task_id = await post_task(world.dialer, [later], "300", "exten")
    assert await dialled_meanwhile(world, [later], series + 20) == 0
    await world.pbx.rx("queue unpause member PJSIP/201")
    await world.dialer.wait_finished(task_id, 10)


async def test_a_queue_without_members_is_not_free_until_one_comes(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "70")
    task_id = await post_task(world.dialer, [number], "301", "exten")
    assert await dialled_meanwhile(world, [number], series + 10) == 0
    await world.pbx.rx("queue add member Local/208@internal/n to empty")
    await world.dialer.wait_finished(task_id, 10)
    assert invites(world, [number]) == 1


async def test_a_number_that_is_neither_employee_nor_queue_counts_as_free(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "60")
    row = row_of(await connect(world, "500", [number]), number)
    assert (row["result"], row["cause"]) == ("SUCCESS", "The internal number called nobody")


async def test_an_internal_number_that_leads_nowhere_costs_nobody_a_call(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "70")
    task_id = await post_task(world.dialer, [number], "2999", "exten")
    assert await dialled_meanwhile(world, [number], series + 10) == 0
    told = await world.dialer.data("GET", f"/task/{task_id}/why")
    assert (told["rule"], told["blocks"]) == ("nobody_free", True)
    assert "there is no extension 2999 in [internal]" in told["reason"]
    assert (await world.dialer.health())["waiting_for"] == ["2999"]
    await world.pbx.rx("dialplan add extension 2999,1,Hangup,17 into internal")
    await world.dialer.kill()
    await world.dialer.start()
    await world.dialer.wait_finished(task_id, 15)
    assert invites(world, [number]) == 1


async def test_an_asterisk_that_comes_back_has_its_employees_looked_at_anew(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "70")
    await world.pbx.rx("database put UserBuddyStatus 201 1")
    task_id = await post_task(world.dialer, [number], "201", "exten")
    assert await dialled_meanwhile(world, [number], series + 10) == 0
    await world.pbx.rx("database del UserBuddyStatus 201")
    await world.pbx.stop()
    await world.dialer.wait_health(lambda report: report["asterisk"] == "away", "Asterisk's absence is noticed")
    await world.pbx.start()
    await world.dialer.wait_finished(task_id, 15)
