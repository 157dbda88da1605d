"""The command line beside real calls: a restored database calls nobody twice, and what is watched is what happens."""

import asyncio
import json
import subprocess
from pathlib import Path

from tests.calls.asking import ONE_KEY, post_task
from tests.commands.running import PROGRAM, done, environment
from tests.commands.test_top import top_in_terminal
from tests.rig.numbers import make_number
from tests.rig.waiting import wait_until
from tests.rig.world import World

KINDS = ("11", "70", "66", "12")


async def test_a_database_restored_amid_a_campaign_calls_every_number_once(
    own_world: World, series: int, tmp_path: Path
) -> None:
    """The backup is made while calls are in progress; many more are made before it is put back."""
    world, file = own_world, tmp_path / "backup.db"
    numbers = [make_number(series + place, KINDS[place % len(KINDS)]) for place in range(24)]
    polling_id = (await world.dialer.data("POST", "/polling", ONE_KEY))["id"]
    task_id = await post_task(world.dialer, numbers, polling_id, "polling", channels=4)

    def dialled() -> int:
        invites = world.provider.invites()
        return sum(invites[number] > 0 for number in numbers)

    await wait_until(lambda: dialled() >= 4, "calls are in progress")
    await done(world.dialer, "backup", str(file))
    await wait_until(lambda: dialled() >= 12, "more are called", 60)
    await world.dialer.kill()
    said = await done(world.dialer, "restore", str(file), "--yes")
    assert f"  {task_id}  " in said
    await world.dialer.start()
    await world.dialer.wait_dialling()
    before = dialled()
    assert (await world.dialer.data("GET", f"/task/{task_id}"))["state"] == "2"
    await done(world.dialer, "tasks", "resume", task_id)
    task = await world.dialer.wait_finished(task_id, 90)
    assert before < 24
    invites = world.provider.invites()
    assert {number: invites[number] for number in numbers} == dict.fromkeys(numbers, 1)
    assert sorted(row["phone"] for row in task["results"]) == sorted(numbers)
    assert all(row["result"] for row in task["results"])


async def test_an_import_is_watched_to_its_last_call_and_top_shows_it(
    world: World, series: int, tmp_path: Path
) -> None:
    table = tmp_path / "list.csv"
    numbers = [make_number(series + place, kind) for place, kind in enumerate(("70", "66", "66", "70"))]
    table.write_text("Телефон\n" + "\n".join(numbers) + "\n", encoding="utf-8")
    polling_id = (await world.dialer.data("POST", "/polling", ONE_KEY))["id"]
    async with top_in_terminal(world.dialer) as terminal:
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "import", str(table), "--polling", polling_id, "--channels", "4", "--watch", "--yes"),
            *("--name", "watched", "--config", str(world.dialer.config_file)),
            stdout=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        await terminal.shows("watched")
        await wait_until(lambda: "calls in progress: 0" not in terminal.text, "calls are shown", 20)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        await terminal.shows("FAIL")
    assert process.returncode == 0
    assert out.decode().splitlines()[-1].startswith("4 of 4 done, 0 good, 0 in progress, ")
    task_id = next(line for line in out.decode().splitlines() if line.endswith("numbers added")).split()[1].rstrip(":")
    rows = json.loads(await done(world.dialer, "results", task_id, "--json"))
    assert sorted(row["number"] for row in rows) == sorted(numbers)
    assert {row["cause"] for row in rows if row["number"][-2:] == "70"} == {"SIP 486 Busy Here"}
