"""Daemon and Asterisk stopped, killed and started again. (The long chaos has a command of its own.)"""

import os
import time

from tests.calls.asking import ONE_KEY, post_task
from tests.calls.measuring import most_at_once, observing, spans
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_for_answer, wait_until
from tests.rig.world import World


async def post(world: World, numbers: list[str], channels: int) -> str:
    polling_id = (await world.dialer.data("POST", "/polling", ONE_KEY))["id"]
    return await post_task(world.dialer, numbers, polling_id, "polling", channels=channels)


def dialled(world: World, numbers: list[str]) -> int:
    invites = world.provider.invites()
    return sum(invites[number] for number in numbers)


async def astdb_is_empty(world: World) -> None:
    await wait_for_answer(
        lambda: world.pbx.rx("database show autodialer"), lambda shown: "0 results found" in shown, "AstDB is empty"
    )


async def test_calls_begin_when_asterisk_comes(own_world: World, series: int) -> None:
    world, number = own_world, make_number(series, "11")
    await world.pbx.stop()
    await world.dialer.wait_health(lambda report: report["asterisk"] == "away", "Asterisk's absence is noticed")
    task_id = await post(world, [number], 1)
    assert (await world.dialer.health())["status"] == "degraded"
    assert list(world.pbx.spool_dir.iterdir()) == []
    await world.pbx.start()
    task = await world.dialer.wait_finished(task_id)
    assert task["results"][0]["result"] == "SUCCESS_POLLING"
    assert dialled(world, [number]) == 1


async def test_sigterm_drains(own_world: World, series: int) -> None:
    """Running calls finish and are stored, no new ones begin, the rest waits for the next start."""
    world, numbers = own_world, [make_number(series + place, "62") for place in range(12)]
    task_id = await post(world, numbers, 3)
    await wait_until(lambda: dialled(world, numbers) == 3, "three calls")
    assert await world.dialer.stop() == 0
    assert dialled(world, numbers) == 3
    await world.dialer.start()
    results = (await world.dialer.data("GET", f"/task/{task_id}"))["results"]
    assert [row["result"] for row in results[:3]] == ["FAIL_POLLING"] * 3
    await world.dialer.wait_finished(task_id)
    assert dialled(world, numbers) == 12
    await astdb_is_empty(world)


async def test_sigterm_amid_dialogues_is_no_fault(own_world: World, series: int) -> None:
    """Without a grace period they are cut: their subscribers' results are taken from Asterisk at the next start."""
    world, numbers = own_world, [make_number(series + place, "67") for place in range(3)]
    await world.dialer.stop()
    async with world.dialer.changed({"dialing": {"shutdown_grace_s": 0}}):
        task_id = await post(world, numbers, 3)
        await wait_until(lambda: world.dialer.log_file.read_text().count("state=EVENT_POLLING") == 3, "three dialogues")
        assert await world.dialer.stop() == 0
    log = world.dialer.log_file.read_text()
    assert "3 calls go on without us" in log
    assert [line for line in log.splitlines() if " ERROR " in line or "Traceback" in line] == []
    await world.dialer.start()
    task = await world.dialer.wait_finished(task_id)
    assert [row["result"] for row in task["results"]] == ["FAIL_POLLING"] * 3
    assert dialled(world, numbers) == 3
    await astdb_is_empty(world)


async def test_a_killed_daemon_loses_no_result_and_dials_nobody_twice(own_world: World, series: int) -> None:
    world = own_world
    numbers = [make_number(series + place, kind) for place, kind in enumerate(("73", "66", "70", "62") * 6)]
    task_id = await post(world, numbers, 8)
    await wait_until(lambda: dialled(world, numbers) >= 8, "eight calls")
    await world.dialer.kill()
    # calls end while nobody listens: their outcome waits in AstDB
    await wait_until(lambda: world.provider.events()[-1].what in ("HUNG_UP", "BYE", "CANCEL"), "a call has ended", 20)
    await world.dialer.start()
    task = await world.dialer.wait_finished(task_id)
    assert {number: world.provider.invites()[number] for number in numbers} == dict.fromkeys(numbers, 1)
    expected = {"73": "FAIL", "66": "FAIL_POLLING", "70": "FAIL", "62": "FAIL_POLLING"}
    assert {row["phone"]: row["result"] for row in task["results"]} == {
        number: expected[number[-2:]] for number in numbers
    }
    await astdb_is_empty(world)


async def test_a_daemon_that_is_killed_while_calls_stand_by_dials_each_once_and_within_its_channels(
    own_world: World, series: int
) -> None:
    world, channels = own_world, 20
    numbers = [make_number(series + place, "91" if place % 2 else "62") for place in range(160)]
    async with observing(world.pbx) as observer:
        task_id = await post(world, numbers, channels)
        await world.dialer.wait_health(lambda report: report["calls_in_progress"] > channels, "calls stand by")
        await world.dialer.kill()
        await world.dialer.start()
        task = await world.dialer.wait_finished(task_id, 90)
        await wait_until(lambda: len(spans(observer, set(numbers))) == len(numbers), "every channel has ended")
        assert most_at_once(spans(observer, set(numbers))) <= channels
    assert {number: world.provider.invites()[number] for number in numbers} == dict.fromkeys(numbers, 1)
    assert {row["result"] for row in task["results"]} == {"FAIL_POLLING"}
    await astdb_is_empty(world)


async def test_a_killed_asterisk_dials_nobody_twice_and_every_number_ends(own_world: World, series: int) -> None:
    world = own_world
    numbers = [make_number(series + place, "66") for place in range(12)]
    task_id = await post(world, numbers, 4)
    await wait_until(lambda: dialled(world, numbers) >= 4, "four calls")
    world.pbx.kill()
    await world.dialer.wait_health(lambda report: report["asterisk"] == "away", "Asterisk's absence is noticed")
    await world.pbx.start()
    task = await world.dialer.wait_finished(task_id)
    assert {number: world.provider.invites()[number] for number in numbers} == dict.fromkeys(numbers, 1)
    lost = [row for row in task["results"] if row["result"] == "FAIL"]
    assert len(lost) == 4
    assert all(row["cause"].startswith("Lost: ") for row in lost)
    assert list(world.pbx.spool_dir.glob("dialer-*.call")) == [], "the files of the calls that were lost are removed"
    assert (await world.dialer.health())["calls_in_progress"] == 0


async def test_call_files_whose_attempt_is_not_open_are_removed(own_world: World, series: int) -> None:
    """As a crash of Asterisk leaves them: with a time far ahead. And what a crash of the daemon leaves beside them."""
    world, number = own_world, make_number(series, "70")
    task_id = await post(world, [number], 1)
    row = (await world.dialer.wait_finished(task_id))["results"][0]
    await world.dialer.kill()
    in_an_hour = time.time() + 3600
    strays = [world.pbx.spool_dir / f"dialer-{attempt}.call" for attempt in (row["id"], 999_999)]
    foreign = world.pbx.spool_dir / "somebody-elses.call"
    half_written = world.pbx.spool_dir.parent / "tmp" / "dialer-17.call"
    for file in (*strays, foreign, half_written):
        aside = world.pbx.workdir / file.name
        aside.write_text("Channel: Local/1@nowhere\nApplication: Hangup\n")
        os.utime(aside, (in_an_hour, in_an_hour))
        aside.rename(file)
    await world.dialer.start()
    await world.dialer.wait_dialling()
    assert not any(file.exists() for file in (*strays, half_written))
    assert foreign.exists()
    foreign.unlink()
    assert dialled(world, [number]) == 1
