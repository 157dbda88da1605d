"""`Idempotency-Key`: a request that is sent again gets the first reply and stores nothing twice."""

import asyncio
import io
import json
import math
import struct
import wave
from typing import Any

import aiohttp
import pytest

from tests.rig.daemon import BASE, Dialer

TASK = {"innerNum": "201", "numbers": ["79522233446"], "name": "Долги «июль»"}
POLLING = {"questions": [{"questionText": "Да?", "press": [{"key": "1", "action": "answer"}]}]}
CLIENTS = [{"crmId": "c1", "name": "Анна", "phones": ["79522233446"]}]


async def post(dialer: Dialer, path: str, body: object, key: str | None) -> tuple[Any, bool]:
    """The reply, and whether it says that it is an earlier one."""
    assert dialer.session is not None
    headers = {} if key is None else {"Idempotency-Key": key}
    raw = io.BytesIO(json.dumps(body, ensure_ascii=False).encode())
    async with dialer.session.post(f"{dialer.url}{BASE}{path}", data=raw, headers=headers) as response:
        return await response.json(), response.headers.get("Idempotent-Replayed") == "true"


async def upload(dialer: Dialer, name: str, content: bytes, key: str) -> tuple[Any, bool]:
    assert dialer.session is not None
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type="audio/wav")
    headers = {"Idempotency-Key": key}
    async with dialer.session.post(f"{dialer.url}{BASE}/audio", data=form, headers=headers) as response:
        return await response.json(), response.headers.get("Idempotent-Replayed") == "true"


async def tasks(dialer: Dialer) -> list[Any]:
    return list((await dialer.data("GET", "/task"))["results"])


@pytest.mark.parametrize(("path", "body"), [("/task", TASK), ("/polling", POLLING), ("/client", CLIENTS)])
async def test_a_replay_gets_the_first_reply(dialer: Dialer, path: str, body: object) -> None:
    first, replayed = await post(dialer, path, body, "a-1")
    assert first["result"] is True
    assert not replayed
    again, replayed = await post(dialer, path, body, "a-1")
    assert again == first
    assert replayed
    other, replayed = await post(dialer, path, body, "a-2")
    assert (other["result"], replayed) == (True, False)


async def test_a_task_is_stored_once_for_a_key_and_anew_without_one(dialer: Dialer) -> None:
    for _ in range(3):
        await post(dialer, "/task", TASK, "once")
    assert len(await tasks(dialer)) == 1
    await post(dialer, "/task", TASK, None)
    assert len(await tasks(dialer)) == 2


async def test_twenty_at_the_same_time_store_one_task_and_get_the_same_reply(dialer: Dialer) -> None:
    replies = await asyncio.gather(*(post(dialer, "/task", TASK, "race") for _ in range(20)))
    assert {json.dumps(reply) for reply, _ in replies} == {json.dumps(replies[0][0])}
    assert [replayed for _, replayed in replies].count(False) == 1
    assert len(await tasks(dialer)) == 1


async def test_a_killed_daemon_remembers_what_it_answered(dialer: Dialer) -> None:
    first, _ = await post(dialer, "/task", TASK, "crash")
    await dialer.kill()
    await dialer.start()
    again, replayed = await post(dialer, "/task", TASK, "crash")
    assert again == first
    assert replayed
    assert len(await tasks(dialer)) == 1


async def test_a_key_of_another_request_is_refused(dialer: Dialer) -> None:
    await post(dialer, "/task", TASK, "k")
    for path, body in (("/task", {**TASK, "name": "other"}), ("/polling", POLLING)):
        reply, _ = await post(dialer, path, body, "k")
        assert reply["result"] is False
        assert reply["messages"] == ["Idempotency-Key: 'k' was used with another request"]
    assert len(await tasks(dialer)) == 1
    assert (await dialer.data("GET", "/polling"))["results"] == []


async def test_a_refused_request_is_not_remembered(dialer: Dialer) -> None:
    task = {**TASK, "innerNum": "p1", "innerNumType": "polling"}
    reply, _ = await post(dialer, "/task", task, "later")
    assert reply["data"] == {"error": "TaskRefused"}
    await dialer.data("POST", "/polling", {**POLLING, "crmId": "p1"})
    reply, replayed = await post(dialer, "/task", task, "later")
    assert (reply["result"], replayed) == (True, False)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "я"])
async def test_what_is_no_key_is_refused_by_name(dialer: Dialer, key: str) -> None:
    reply, _ = await post(dialer, "/task", TASK, key)
    assert reply["result"] is False
    assert reply["messages"][0].startswith("Idempotency-Key: 1 to 255 visible ASCII characters expected")
    assert await tasks(dialer) == []


async def test_of_two_keys_none_is_taken(dialer: Dialer) -> None:
    assert dialer.session is not None
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    async with dialer.session.post(f"{dialer.url}{BASE}/task", json=TASK, headers=headers) as response:
        assert (await response.json())["messages"] == ["Idempotency-Key: one key expected, got 2"]
    assert await tasks(dialer) == []


async def test_an_upload_is_known_by_name_and_content(dialer: Dialer, wav: bytes) -> None:
    first, replayed = await upload(dialer, "привет.wav", wav, "u")
    assert (first["result"], replayed) == (True, False)
    again, replayed = await upload(dialer, "привет.wav", wav, "u")
    assert (again, replayed) == (first, True)
    reply, _ = await upload(dialer, "пока.wav", wav, "u")
    assert reply["messages"] == ["Idempotency-Key: 'u' was used with another request"]
    assert [one["name"] for one in await dialer.data("GET", "/audio")] == ["привет.wav"]


@pytest.fixture
def wav() -> bytes:
    """Half a second of a tone."""

    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        places = range(4000)
        sound.writeframes(struct.pack("<4000h", *(round(9000 * math.sin(place / 3)) for place in places)))
    return content.getvalue()
