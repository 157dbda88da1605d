"""The console's tasks, numbers and charts, of a daemon whose Asterisk is away."""

import itertools
import sqlite3
import time
from contextlib import closing
from typing import Any

from tests.api.asking import Reply, ask
from tests.rig.daemon import Dialer

CONSOLE = "/console/v1"


async def look(dialer: Dialer, path: str, **more: Any) -> Any:
    """`data` of a call of the console that must succeed."""
    reply = await ask(dialer, "GET", f"{CONSOLE}{path}", **more)
    assert reply.status == 200, reply
    assert reply.json["result"] is True, reply.json
    return reply.json["data"]


async def refused(dialer: Dialer, path: str) -> Reply:
    reply = await ask(dialer, "GET", f"{CONSOLE}{path}")
    assert reply.json["result"] is False, reply.json
    return reply


async def post_task(dialer: Dialer, count: int = 3, **fields: Any) -> int:
    numbers = [f"7952000{place:04d}" for place in range(count)]
    body = {"innerNum": "201", "innerNumType": "exten", "maxCountChannels": 2, "numbers": numbers, **fields}
    return int((await dialer.data("POST", "/task", body))["id"])


async def test_who_asks_is_told_who_he_is(dialer: Dialer) -> None:
    me = await look(dialer, "/me")
    assert me["name"] == "local"
    assert me["login"] is None
    assert me["role"] == "admin"
    assert me["timezone"] == "Europe/Moscow"
    assert me["version"] == (await dialer.health())["version"]


async def test_a_task_that_nobody_was_called_for_waits_as_a_whole(dialer: Dialer) -> None:
    task_id = await post_task(dialer, 3, name="Оценка", crmId="к-1", maxAttempt=2)
    (shown,) = await look(dialer, "/tasks")
    assert shown == {
        "id": task_id, "crmId": "к-1", "name": "Оценка", "state": 0, "innerNum": "201", "innerNumType": "exten",
        "maxCountChannels": 2, "owner": "", "counted": True, "numbers": 3, "total": 3, "waiting": 3,
        "inProgress": 0, "done": 0, "results": {}, "perMinute": 0, "changeTime": shown["changeTime"],
    }  # fmt: skip
    detail = await look(dialer, f"/tasks/{task_id}")
    assert {key: detail[key] for key in shown} == shown
    assert detail["rules"] == {"maxAttempt": "2"}
    assert detail["pollingName"] is None
    await dialer.data("POST", "/task-signal-close", {"phone": "79520000001"})
    detail = await look(dialer, f"/tasks/{task_id}")
    assert detail["results"] == {"SUCCESS_EXTERNAL_SIGNAL": 1}
    assert (detail["waiting"], detail["inProgress"], detail["done"], detail["total"]) == (2, 0, 1, 3)


async def test_a_list_that_drops_and_adds_numbers_is_counted_as_it_is(dialer: Dialer) -> None:
    task_id = await post_task(dialer, 5)
    await dialer.data("POST", "/task-signal-close", {"phone": "79520000001"})
    assert (await look(dialer, f"/tasks/{task_id}"))["done"] == 1
    numbers = ["79520000002", "79520000003", "79520000009", "79520000010"]
    await dialer.data("PUT", f"/task/{task_id}", {"numbers": numbers})
    detail = await look(dialer, f"/tasks/{task_id}")
    assert (detail["total"], detail["numbers"], detail["waiting"], detail["done"]) == (4, 4, 4, 0)
    await dialer.data("DELETE", f"/task/{task_id}")
    assert (await refused(dialer, f"/tasks/{task_id}")).json["data"] == {"error": "TaskNotFound"}
    assert await look(dialer, "/tasks") == []


async def test_numbers_come_page_by_page_and_are_chosen(dialer: Dialer) -> None:
    numbers = [
        {"number": f"7952000{place:04d}", "clientId": f"к{place % 2}", "params": {"n": place}} for place in range(7)
    ]
    task_id = await post_task(dialer, numbers=numbers)
    await dialer.data("POST", "/task-signal-close", {"phone": "79520000006"})
    first = await look(dialer, f"/tasks/{task_id}/numbers?limit=4")
    assert [row["number"][-1] for row in first["rows"]] == ["0", "1", "2", "3"]
    rest = await look(dialer, f"/tasks/{task_id}/numbers", params={"limit": "4", "after": first["next"]})
    assert [row["number"][-1] for row in rest["rows"]] == ["4", "5", "6"]
    assert rest["next"] is None
    chosen = {
        "search=0003": "3",
        "search=7 (952) 000-00-03": "3",
        "search=%D0%BA1": "135",
        "result=SUCCESS_EXTERNAL_SIGNAL": "0246",
        "state=done": "0246",
        "state=waiting": "135",
        "state=calling": "",
        "state=waiting&search=0005": "5",
    }
    for query, last_digits in chosen.items():
        page = await look(dialer, f"/tasks/{task_id}/numbers?{query}")
        assert "".join(row["number"][-1] for row in page["rows"]) == last_digits, query
    for query in ("result=GOOD", "state=1", "after=x", "limit=a"):
        name = query.partition("=")[0]
        assert (await refused(dialer, f"/tasks/{task_id}/numbers?{query}")).json["messages"][0].startswith(f"{name}: ")
    assert (await refused(dialer, "/tasks/1/numbers")).json["data"] == {"error": "TaskNotFound"}


async def test_the_charts_show_outcomes_by_minute(dialer: Dialer) -> None:
    task_id = await post_task(dialer, 3)
    charts = await look(dialer, f"/tasks/{task_id}/charts")
    assert charts == {"bucket_s": 60, "outcomes": [], "questions": []}
    for phone in ("79520000001", "79520000002"):
        await dialer.data("POST", "/task-signal-close", {"phone": phone})
        charts = await look(dialer, f"/tasks/{task_id}/charts")
    counted = [bucket["results"]["SUCCESS_EXTERNAL_SIGNAL"] for bucket in charts["outcomes"]]
    assert sum(counted) == 2
    assert all(bucket["time"] % 60 == 0 for bucket in charts["outcomes"])


async def test_the_figures_of_all_tasks_have_a_minute_each(dialer: Dialer) -> None:
    stats = await look(dialer, "/stats?minutes=5")
    times = [minute["time"] for minute in stats["minutes"]]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [60.0] * 4
    assert (stats["inProgress"], stats["maxChannels"]) == (0, 0)
    assert len((await look(dialer, "/stats"))["minutes"]) == 60
    assert (await refused(dialer, "/stats?minutes=1441")).json["messages"] == ["minutes: 1 to 1440 expected, got 1441"]


async def test_a_restart_forgets_no_minute_of_the_last_hours(dialer: Dialer) -> None:
    """Only calls are counted: what was closed without one is none."""
    await post_task(dialer, 6)
    await dialer.data("POST", "/task-signal-close", {"phone": "79520000005"})
    await dialer.stop()
    minute_s = int(time.time()) // 60 * 60 - 1800
    ended = (
        "UPDATE attempt SET state = 'endCall', result = ?, closed_us = ?, changed_us = ?, call_file = 'x' WHERE id = ?"
    )
    with closing(sqlite3.connect(dialer.database)) as connection, connection:
        for attempt_id, (result, ago_s) in enumerate([("FAIL", 0), ("FAIL", 5), ("SUCCESS", 7), ("FAIL", 9000)], 1):
            at_us = (minute_s + 20 - ago_s) * 1_000_000
            connection.execute(ended, (result, at_us, at_us, attempt_id))
    await dialer.start()
    for minutes, known in ((60, {"FAIL": 2, "SUCCESS": 1}), (300, {"FAIL": 3, "SUCCESS": 1}), (60, None)):
        stats = await look(dialer, f"/stats?minutes={minutes}")
        told = {one["time"]: one["results"] for one in stats["minutes"] if one["results"]}
        assert told[minute_s] == {"FAIL": 2, "SUCCESS": 1}
        total = {result: sum(one.get(result, 0) for one in told.values()) for result in ("FAIL", "SUCCESS")}
        assert known is None or total == known


async def test_closed_tasks_are_chosen_by_whether_numbers_are_left(dialer: Dialer) -> None:
    stopped, over = await post_task(dialer, 2), await post_task(dialer, 1)
    opened = await post_task(dialer, 2)
    for task_id in (stopped, over):
        await dialer.data("PUT", f"/task/{task_id}", {"state": 1})
    await dialer.data("POST", "/task-signal-close", {"phone": "79520000000", "taskId": over})
    for query, expected in {
        "state=1&left=1": [stopped],
        "state=1&left=0": [over],
        "left=1": [opened, stopped],
        "left=": [opened, over, stopped],
    }.items():
        assert [one["id"] for one in await look(dialer, f"/tasks?{query}")] == expected, query
    assert (await refused(dialer, "/tasks?left=2")).json["messages"][0].startswith("left: ")


async def test_numbers_tell_of_stop_lists(dialer: Dialer) -> None:
    first, second = await post_task(dialer, 3, name="первая"), await post_task(dialer, 2)
    await dialer.data("POST", "/stop-list", {"numbers": ["79520000000"]})
    await dialer.data("POST", "/stop-list", {"numbers": ["79520000000", "79520000001"], "taskId": first})
    for task_id, expected in ((first, ["all", "task", None]), (second, ["all", None])):
        rows = (await look(dialer, f"/tasks/{task_id}/numbers"))["rows"]
        assert [row["stopList"] for row in rows] == expected
