"""GET /task/{id}/why beside a real Asterisk: what is told is what happens."""

import time
from functools import partial
from typing import Any

from tests.calls.asking import ONE_KEY, post_task
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_for_answer, wait_until
from tests.rig.world import World


async def why(world: World, task_id: str, phone: str = "") -> dict[str, Any]:
    return dict(await world.dialer.data("GET", f"/task/{task_id}/why{f'?phone={phone}' if phone else ''}"))


def says(reason: str, told: dict[str, Any]) -> bool:
    return bool(told["reason"] == reason)


async def comes_to_tell(world: World, task_id: str, rule: str, phone: str = "") -> dict[str, Any]:
    return await wait_for_answer(lambda: why(world, task_id, phone), lambda told: told["rule"] == rule, rule, 20)


async def post_polling(world: World, numbers: list[str], channels: int) -> str:
    polling_id = (await world.dialer.data("POST", "/polling", ONE_KEY))["id"]
    return await post_task(world.dialer, numbers, polling_id, "polling", channels=channels)


def invites(world: World, numbers: list[str]) -> int:
    seen = world.provider.invites()
    return sum(seen[number] for number in numbers)


async def test_channels_in_use_are_told_then_the_last_calls_then_the_end(world: World, series: int) -> None:
    numbers = [make_number(series + place, "62") for place in range(3)]
    task_id = await post_polling(world, numbers, 2)
    told = await comes_to_tell(world, task_id, "task_channels")
    assert (told["channelsInUse"], told["inProgress"], told["maxCountChannels"], told["waiting"]) == (2, 2, 2, 1)
    assert (told["dialling"], told["blocks"]) == (True, True), "calls are under way, the next one waits"
    assert (told["nextLook"], told["nextLookOn"]) == (None, "when a call of the task ends")
    told = await why(world, task_id, numbers[2])
    assert told["reason"].startswith(f"{numbers[2]} waits, 0 before it; 2 channels are in use")
    told = await comes_to_tell(world, task_id, "number_in_progress", numbers[0])
    assert (told["dialling"], told["blocks"]) == (True, False)
    told = await comes_to_tell(world, task_id, "nothing_waits")
    assert told["waiting"] == 0
    await world.dialer.wait_finished(task_id)
    assert (await why(world, task_id))["rule"] == "task_closed"
    told = await why(world, task_id, numbers[0])
    assert told["rule"] == "finished"
    assert told["reason"].startswith(f"{numbers[0]} is finished: FAIL_POLLING")
    assert told["reason"].endswith(" MSK")


async def test_a_paused_task_is_told_and_nobody_is_dialled_until_it_goes_on(world: World, series: int) -> None:
    number = make_number(series, "70")
    task_id = await post_task(world.dialer, [number], "301", "exten")
    await world.dialer.data("PUT", f"/task/{task_id}", {"state": 2, "innerNum": "500"})
    told = await why(world, task_id)
    assert (told["rule"], told["nextLookOn"]) == ("task_paused", "when the CRM sets state 0")
    assert invites(world, [number]) == 0
    await world.dialer.data("PUT", f"/task/{task_id}", {"state": 0})
    await world.dialer.wait_finished(task_id)
    assert invites(world, [number]) == 1


async def test_an_employee_who_talks_is_told_with_what_the_hint_says(own_world: World, series: int) -> None:
    world = own_world
    first, other = make_number(series, "66"), make_number(series + 1, "70")
    talk = await post_task(world.dialer, [first], "201", "exten")
    await wait_until(lambda: "ANSWERED" in [event.what for event in world.employees.events()], "the talk")
    waiting = await post_task(world.dialer, [other], "201", "exten")
    told = await comes_to_tell(world, waiting, "nobody_free")
    assert told["reason"] == "nobody at internal number 201 can take a call: the hint says busy"
    assert 0 <= told["nextLook"] - time.time() <= 30
    assert invites(world, [other]) == 0
    await world.dialer.wait_finished(talk)
    await world.dialer.wait_finished(waiting)
    assert invites(world, [other]) == 1


async def test_an_employee_who_is_away_and_a_queue_without_members_are_told(own_world: World, series: int) -> None:
    world = own_world
    await world.pbx.rx("database put UserBuddyStatus 202 2")
    away = await post_task(world.dialer, [make_number(series, "70")], "202", "exten")
    queue = await post_task(world.dialer, [make_number(series + 1, "70")], "301", "exten")
    for task_id, reason in (
        (away, "nobody at internal number 202 can take a call: away (UserBuddyStatus 2)"),
        (queue, "nobody at internal number 301 can take a call: none of the 0 members of queue empty is free"),
    ):
        ask, is_told = partial(why, world, task_id), partial(says, reason)
        await wait_for_answer(ask, is_told, reason)


async def test_an_asterisk_that_was_stopped_is_told_until_it_is_back(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "11")
    await world.pbx.stop()
    task_id = await post_polling(world, [number], 1)
    told = await comes_to_tell(world, task_id, "ami_away")
    assert told["reason"].startswith("Asterisk: away (AMI 127.0.0.1:")
    told = await wait_for_answer(lambda: why(world, task_id), lambda told: told["nextLook"], "the next try's time")
    assert -0.5 <= told["nextLook"] - time.time() <= 1.5
    await world.pbx.start()
    await world.dialer.wait_finished(task_id)
    assert invites(world, [number]) == 1


async def test_a_set_up_that_an_administrator_must_mend_is_told(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "70")
    await world.dialer.kill()
    await world.pbx.rx("dialplan remove context internal")
    await world.dialer.start()
    task_id = await post_task(world.dialer, [number], "500", "exten")
    told = await comes_to_tell(world, task_id, "asterisk_setup")
    assert told["reason"].startswith("Asterisk: there is no context [internal]")
    await wait_for_answer(lambda: why(world, task_id), lambda told: told["nextLook"], "when it is looked at again")
    await world.pbx.rx("dialplan reload")
    await world.dialer.wait_finished(task_id, 20)


async def test_a_provider_that_refuses_everybody_is_told_while_dialling_goes_on(own_world: World, series: int) -> None:
    world = own_world  # its trunk is slowed down
    numbers = [make_number(series + place, "75" if place < 5 else "66") for place in range(7)]
    task_id = await post_polling(world, numbers, 1)
    told = await comes_to_tell(world, task_id, "provider_down")
    assert (told["dialling"], told["blocks"]) == (True, False)
    assert told["reason"].endswith("all ended FAIL_PROVIDER: SIP 503 Service Unavailable")
    await comes_to_tell(world, task_id, "nothing_waits")  # the first that got through has ended, the last is talking
    await world.dialer.wait_finished(task_id)
