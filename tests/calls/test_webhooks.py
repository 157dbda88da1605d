"""Webhooks of real calls: a receiver that is down costs no result and no dialling speed."""

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.calls.conftest import SETTINGS
from tests.rig.numbers import make_number
from tests.rig.receiver import SECRET, Receiver, receiving
from tests.rig.waiting import wait_until
from tests.rig.world import World, running_world

ONE = {"key": "1", "action": "answer", "value": "да"}
POLLING = {
    "questions": [
        {"questionId": "1", "questionText": "Раз?", "press": [{**ONE, "nextQuestion": "2"}]},
        {"questionId": "2", "questionText": "Два?", "press": [ONE]},
    ]
}
COUNT = 20


async def run_task(world: World, series: int, polling_id: str, **more: Any) -> tuple[dict[str, Any], float]:
    """A task of numbers that press 1, then 1; the finished task, and how long it took."""
    numbers = [make_number(series + place, "11") for place in range(COUNT)]
    began_s = time.monotonic()
    task = {"innerNum": polling_id, "innerNumType": "polling", "maxCountChannels": 10, "numbers": numbers, **more}
    task_id = (await world.dialer.data("POST", "/task", task))["id"]
    finished = await world.dialer.wait_finished(task_id, timeout_s=90)
    return finished, time.monotonic() - began_s


async def test_a_receiver_that_is_down_costs_no_result_and_no_speed() -> None:
    settings: dict[str, dict[str, Any]] = {
        **SETTINGS,
        "webhooks": {"secret": SECRET, "allow": ["127.0.0.0/8"], "timeout_s": 5.0},
    }
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with running_world(Path(folder), settings, program=None) as world:
            polling_id = (await world.dialer.data("POST", "/polling", POLLING))["id"]
            receiver = Receiver()
            async with receiving(receiver):
                pass  # it has a port now, and nobody listens there
            _, without_s = await run_task(world, 1000, polling_id)
            task, down_s = await run_task(world, 2000, polling_id, notifyUrl=receiver.url)
            ratio = down_s / without_s
            print(f"\n{COUNT} calls with a receiver that is down take {ratio:.2f} times as long as without one")
            assert ratio < 1.5
            expected = COUNT * 3
            async with receiving(receiver):
                await wait_until(lambda: len(receiver.taken) >= expected, "all is told", timeout_s=60)
            assert len({one["id"] for one in receiver.taken}) == expected
            results = {row["phone"]: row for row in task["results"]}
            answers = task["resultsPoling"]
            assert {row["result"] for row in results.values()} == {"SUCCESS_POLLING"}
            assert len(answers) == 2 * COUNT
            for phone, row in results.items():
                mine = [one for one in receiver.taken if one["data"]["phone"] == phone]
                assert [one["type"] for one in mine] == ["answer", "answer", "result"]
                assert mine[2]["data"] == row
                assert [one["data"] for one in mine[:2]] == [one for one in answers if one["phone"] == phone]
