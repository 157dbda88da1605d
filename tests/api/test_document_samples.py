"""The samples of the API document, sent with curl as they stand there (no JSON content type), and its replies."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.rig.daemon import BASE, Dialer

SAMPLES = json.loads((Path(__file__).parent / "samples.json").read_text())


async def curl(dialer: Dialer, method: str, path: str, body: str | None = None) -> Any:
    """Run curl like the document does; the reply keeps the order of its keys."""
    data = () if body is None else ("-d", body)
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-X", method, *data, f"{dialer.url}{BASE}{path}", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output)


def shape(value: Any) -> Any:
    """Keys in order and JSON types; values only where they are part of the shape."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


async def post_pollings(dialer: Dialer, count: int) -> None:
    for _ in range(count):
        await curl(dialer, "POST", "/polling", SAMPLES["polling"]["request"])


async def test_post_polling(dialer: Dialer) -> None:
    await post_pollings(dialer, 6)
    reply = await curl(dialer, "POST", "/polling", SAMPLES["polling"]["request"])
    documented = SAMPLES["polling"]["reply"]
    assert shape(reply) == shape(documented)
    assert {**reply, "pid": 0} == {**documented, "pid": 0}


async def test_get_pollings(dialer: Dialer) -> None:
    await post_pollings(dialer, 2)
    reply = await curl(dialer, "GET", "/polling")
    assert shape(reply) == shape(SAMPLES["pollings"]["reply"])
    assert [row["id"] for row in reply["data"]["results"]] == ["1", "2"]


async def test_get_polling(dialer: Dialer) -> None:
    await post_pollings(dialer, 7)
    reply = await curl(dialer, "GET", "/polling/7")
    documented = SAMPLES["polling_one"]["reply"]
    question = reply["data"]["questions"][0]
    # the document's reply is to another polling than the one it posts: there without valueOptions
    assert question["press"][0]["valueOptions"] == "text"
    for press in question["press"]:
        press["valueOptions"] = None
    assert shape(reply) == shape(documented)
    assert question["press"][0] == documented["data"]["questions"][0]["press"][0]


async def test_post_task(dialer: Dialer) -> None:
    await post_pollings(dialer, 9)
    reply = await curl(dialer, "POST", "/task", SAMPLES["task"]["request"])
    documented = SAMPLES["task"]["reply"]
    assert shape(reply) == shape(documented)
    ids = {"id": "1000000001", "crmId": "1000000001"}
    assert reply["data"] == {**documented["data"], **ids}


async def test_get_task_before_any_call(dialer: Dialer) -> None:
    await post_pollings(dialer, 9)
    await curl(dialer, "POST", "/task", SAMPLES["task"]["request"])
    reply = await curl(dialer, "GET", "/task/1000000001")
    documented = SAMPLES["task_one"]["reply"]
    assert list(reply["data"]) == list(documented["data"])
    row, sample = reply["data"]["results"][0], documented["data"]["results"][0]
    assert list(row) == list(sample)
    assert all(value is None or isinstance(value, str) for value in row.values())
    for key in ("phoneId", "phone", "params", "countTry", "timeCallAllow"):
        assert row[key] == sample[key]
    assert (row["state"], row["result"], row["closeTime"]) == ("CreateTask", None, "0")


async def test_put_on_a_missing_task(dialer: Dialer) -> None:
    reply = await curl(dialer, "PUT", "/task/36", '{"state": 2}')
    assert (reply["result"], reply["data"]) == (False, {"error": "TaskNotFound"})


async def test_a_byte_order_mark_is_skipped(dialer: Dialer) -> None:
    reply = await curl(dialer, "POST", "/polling", "\ufeff" + SAMPLES["polling"]["request"])
    assert reply["result"] is True


async def test_cyrillic_survives_byte_for_byte(dialer: Dialer) -> None:
    await post_pollings(dialer, 1)
    sent = json.loads(SAMPLES["polling"]["request"])["questions"][0]
    read = (await curl(dialer, "GET", "/polling/1"))["data"]["questions"][0]
    assert read["questionText"] == sent["questionText"]
    assert read["press"][0]["value"] == sent["press"][0]["value"]
