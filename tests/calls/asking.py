"""Posting pollings and tasks, and what a number ended as."""

from collections.abc import Sequence
from typing import Any

from tests.rig.daemon import Dialer
from tests.rig.world import World

ONE_KEY = {
    "questions": [
        {
            "questionId": "1",
            "questionText": "Нажмите один.",
            "press": [{"key": key, "action": "answer", "value": f"v{key}"} for key in "12345"],
        }
    ]
}
END = "endCall"
Listed = str | dict[str, Any]
"""A number as a task lists it."""


async def post_task(
    dialer: Dialer, numbers: Sequence[Listed], inner_num: str, kind: str, channels: int = 10, **fields: Any
) -> str:
    body = {
        "innerNum": inner_num,
        "innerNumType": kind,
        "maxCountChannels": channels,
        "numbers": list(numbers),
        **fields,
    }
    return str((await dialer.data("POST", "/task", body))["id"])


async def ask(
    world: World, polling: dict[str, Any], numbers: Sequence[Listed], timeout_s: float = 90, **fields: Any
) -> Any:
    """Hold the polling with the numbers; return the finished task."""
    polling_id = (await world.dialer.data("POST", "/polling", polling))["id"]
    task_id = await post_task(world.dialer, numbers, polling_id, "polling", **fields)
    return await world.dialer.wait_finished(task_id, timeout_s)


async def connect(world: World, exten: str, numbers: Sequence[Listed], timeout_s: float = 90, **fields: Any) -> Any:
    """Connect the numbers to the employee or queue; return the finished task."""
    task_id = await post_task(world.dialer, numbers, exten, "exten", **fields)
    return await world.dialer.wait_finished(task_id, timeout_s)


def row_of(task: Any, number: str) -> dict[str, Any]:
    (row,) = [row for row in task["results"] if row["phone"] == number]
    return dict(row)


def answers_of(task: Any, number: str) -> list[tuple[str, str, str]]:
    return [
        (row["questionCrmId"], row["result"], row["exten"]) for row in task["resultsPoling"] if row["phone"] == number
    ]
