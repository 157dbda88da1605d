"""The examples of the CRM developer's guide, with calls."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.rig.numbers import make_number
from tests.rig.world import World

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"


async def run(world: World, folder: Path, *program: str) -> list[list[str]]:
    """What an example prints, line by line."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "AUTODIALER_URL": world.dialer.url}
    done = await asyncio.to_thread(
        subprocess.run, program, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


async def test_the_campaign_by_curl_asks_and_tells_who_answered_what(world: World, series: int, tmp_path: Path) -> None:
    happy, unhappy = make_number(series, "11"), make_number(series, "22")
    task, *told = await run(world, tmp_path, str(EXAMPLES / "curl/campaign.sh"), happy, unhappy)
    assert sorted(told) == sorted(
        [
            [happy, "SUCCESS_POLLING", ""],
            [unhappy, "SUCCESS_POLLING", ""],
            [happy, "1", "да"],
            [unhappy, "1", "нет"],
            [unhappy, "2", "не соединять"],
        ]
    )
    assert task[0].startswith("task ")


async def test_the_client_in_python_reads_results_and_answers_of_calls(
    world: World, series: int, tmp_path: Path
) -> None:
    client = (sys.executable, str(EXAMPLES / "python/crm.py"))
    happy, unhappy = make_number(series, "11"), make_number(series, "22")
    ((task_id,),) = await run(world, tmp_path, *client, "start", f"order-{series}", happy, unhappy)
    await world.dialer.data("PUT", f"/task/{task_id}", {"timeStart": 0, "timeEnd": 1440})
    await world.dialer.wait_finished(task_id)
    fetched = [row for row in await run(world, tmp_path, *client, "fetch") if row[1] in (happy, unhappy)]
    assert sorted(fetched) == sorted(
        [
            ["result", happy, "SUCCESS_POLLING", ""],
            ["result", unhappy, "SUCCESS_POLLING", ""],
            ["answer", happy, "1", "да"],
            ["answer", unhappy, "1", "нет"],
        ]
    )
    assert await run(world, tmp_path, *client, "fetch") == []
