"""What the console shows while calls run agrees with what became of them."""

import asyncio
from collections import Counter
from typing import Any

from tests.api.test_console_live import Watcher, watching
from tests.api.test_console_progress import look
from tests.calls.asking import ONE_KEY, post_task
from tests.rig.world import World


async def follow(watcher: Watcher, task_id: int) -> list[dict[str, Any]]:
    """The task as it is told of, step by step, until it is closed."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["state"] != 1:
        tasks = await watcher.until("tasks", lambda tasks: any(one["id"] == task_id for one in tasks))
        told += [one for one in tasks if one["id"] == task_id]
    return told


async def test_progress_and_events_amid_calls_agree_with_the_results(world: World, series: int) -> None:
    dialer = world.dialer
    numbers = [
        f"79520{series // 1000:03d}{place:01d}{ending}" for place, ending in enumerate(("11", "12", "70", "13", "70"))
    ]
    polling_id = (await dialer.data("POST", "/polling", ONE_KEY))["id"]
    async with watching(dialer) as watcher:
        await watcher.until("stats")
        task_id = int(await post_task(dialer, numbers, polling_id, "polling", channels=2))
        async with asyncio.timeout(90):
            told = await follow(watcher, task_id)
    finished = await dialer.data("GET", f"/task/{task_id}")
    results = Counter(row["result"] for row in finished["results"])
    assert len(finished["results"]) == len(numbers)
    last = await look(dialer, f"/tasks/{task_id}")
    assert last["results"] == results
    assert (last["total"], last["done"], last["waiting"], last["inProgress"]) == (5, 5, 0, 0)
    assert last["perMinute"] == 5
    assert {key: last[key] for key in told[-1]} == {**told[-1], "perMinute": 5}
    for one in told:
        assert one["waiting"] + one["inProgress"] + one["done"] == one["total"] == 5
        assert 0 <= one["inProgress"] <= 2
    assert any(one["inProgress"] for one in told)
    assert [one["done"] for one in told] == sorted(one["done"] for one in told)
    charts = await look(dialer, f"/tasks/{task_id}/charts")
    in_charts: Counter[str] = Counter()
    for bucket in charts["outcomes"]:
        in_charts.update(bucket["results"])
    assert in_charts == results
    (question,) = charts["questions"]
    assert question["text"] == "Нажмите один."
    given = Counter(row["result"] for row in finished["resultsPoling"])
    assert {one["value"]: one["times"] for one in question["answers"]} == given
    stats = await look(dialer, "/stats?minutes=5")
    assert sum(minute["begun"] for minute in stats["minutes"]) >= 5
    page = await look(dialer, f"/tasks/{task_id}/numbers")
    shown = {row["number"]: (row["result"], [one["result"] for one in row["answers"]]) for row in page["rows"]}
    assert {number: result for number, (result, _) in shown.items()} == {
        row["phone"]: row["result"] for row in finished["results"]
    }
    assert Counter(value for _, values in shown.values() for value in values) == given
