"""Bad input: the documented refusal, which field and why; nothing stored, nothing in the spool."""

import asyncio
import contextlib
import json
import os
from typing import Any

import pytest

from tests.rig.daemon import BASE, Dialer

POLLING = {"questions": [{"questionId": "1", "questionText": "Да?", "press": [{"key": "1", "action": "answer"}]}]}
TASK: dict[str, Any] = {"innerNum": "1", "innerNumType": "polling", "numbers": ["79522233446"]}

deep: list[Any] = []
for _ in range(300):
    deep = [deep]
BAD_TASKS: list[tuple[dict[str, Any], str]] = [
    ({"numbers": []}, "numbers"),
    ({"numbers": None}, "numbers"),
    ({"numbers": "79522233446"}, "numbers"),
    ({"innerNum": "77"}, "innerNum"),
    ({"innerNum": ""}, "innerNum"),
    ({"innerNum": "abc", "innerNumType": "exten"}, "innerNum"),
    ({"innerNum": "201\n", "innerNumType": "exten"}, "innerNum"),
    ({"innerNumType": "robot"}, "innerNumType"),
    ({"maxCountChannels": 0}, "maxCountChannels"),
    ({"maxCountChannels": -5}, "maxCountChannels"),
    ({"maxCountChannels": "ten"}, "maxCountChannels"),
    ({"maxCountChannels": True}, "maxCountChannels"),
    ({"maxCountChannels": 1.5}, "maxCountChannels"),
    ({"state": True}, "state"),
    ({"state": "open"}, "state"),
    ({"name": "x" * 501}, "name"),
    ({"name": {"a": 1}}, "name"),
    ({"name": "a\0b"}, "name"),
    ({"maxAttempt": 0}, "maxAttempt"),
    ({"maxAttempt": 101}, "maxAttempt"),
    ({"maxAttempt": "three"}, "maxAttempt"),
    ({"tryInterval": -1}, "tryInterval"),
    ({"tryInterval": 1.5}, "tryInterval"),
    ({"retryOn": ["bussy"]}, "retryOn[0].on"),
    ({"retryOn": [{"on": "busy", "interval": "soon"}]}, "retryOn[0].interval"),
    ({"retryOn": [{"interval": 5}]}, "retryOn[0].on"),
    ({"retryOn": ["default", "FAIL_PROVIDR"]}, "retryOn[1].on"),
    ({"retryOn": ["S" * 101]}, "retryOn[0].on"),
    ({"retryOn": "busy"}, "retryOn"),
    ({"retryOn": ["busy"] * 101}, "retryOn"),
    ({"retryOn": [{"on": "busy", "interval": 31_536_001}]}, "retryOn[0].interval"),
    ({"attemptUntilSignal": 2}, "attemptUntilSignal"),
    ({"timeStart": 1441}, "timeStart"),
    ({"timeStart": 600, "timeEnd": "600"}, "timeEnd"),
    ({"timeEnd": "6 pm"}, "timeEnd"),
    ({"timeStart": 1440, "timeEnd": 0}, "timeEnd"),
    ({"timeStart": 1440}, "timeEnd"),
    ({"weekDays": []}, "weekDays"),
    ({"weekDays": [0]}, "weekDays"),
    ({"weekDays": "1-8"}, "weekDays"),
    ({"weekDays": "Mon"}, "weekDays"),
    ({"weekDays": {}}, "weekDays"),
    ({"weekDays": [1.5]}, "weekDays"),
    ({"holidays": ["2026-13-01"]}, "holidays[0]"),
    ({"holidays": "2026-12-31"}, "holidays"),
    ({"useCalendar": "yes"}, "useCalendar"),
    ({"zoneByRegion": 2}, "zoneByRegion"),
    ({"e164": "+"}, "e164"),
    ({"callerId": ["79520000099"] * 1001}, "callerId"),
    ({"workDays": ["tomorrow"]}, "workDays[0]"),
    ({"callerId": "+7952abc"}, "callerId[0]"),
    ({"callerId": ["79520000099", "*67"]}, "callerId[1]"),
    ({"amd": "on"}, "amd"),
    ({"amd": "message"}, "amd"),
    ({"amdMessage": "x" * 5001}, "amdMessage"),
    ({"innerNumType": "exten", "innerNum": "201", "isCallback": 1, "amd": "hangup"}, "amd"),
    ({"isCallback": 1, "innerNumType": "polling", "innerNum": "1"}, "isCallback"),
    ({"isCallback": 1}, "isCallback"),
    ({"isCallback": 5}, "isCallback"),
    ({"innerNumType": "exten", "innerNum": "201", "isCallback": 1, "pacing": "power"}, "pacing"),
    ({"amdMessageFile": []}, "amdMessageFile"),
    ({"apology": "x" * 5001}, "apology"),
    ({"apologyFile": {}}, "apologyFile"),
    ({"lang": "ru_RU"}, "lang"),
    ({"pacing": "aggressive"}, "pacing"),
    ({"powerRatio": 0.5}, "powerRatio"),
    ({"powerRatio": 11}, "powerRatio"),
    ({"maxAbandonRate": 101}, "maxAbandonRate"),
    ({"maxAbandonRate": 0}, "maxAbandonRate"),
    ({"maxAbandonRate": "0.09"}, "maxAbandonRate"),
    ({"priority": 10}, "priority"),
    ({"weight": 0}, "weight"),
    ({"maxCallsPerSecond": -1}, "maxCallsPerSecond"),
    ({"maxCallsPerSecond": "1000.5"}, "maxCallsPerSecond"),
    ({"maxPerDay": 1001}, "maxPerDay"),
    ({"maxCost": -1}, "maxCost"),
    ({"maxCost": "1.2345678"}, "maxCost"),
    ({"maxCost": "12 руб"}, "maxCost"),
    ({"maxCost": 1_000_000_000}, "maxCost"),
    ({"maxCost": True}, "maxCost"),
    ({"numbers": [{"number": "79522233446", "clientId": "x" * 101}]}, "numbers[0].clientId"),
    ({"numbers": [{"number": "79522233446", "clientId": ["c"]}]}, "numbers[0].clientId"),
    ({"numbers": [{"number": "79522233446", "timeCallAllow": "tomorrow"}]}, "numbers[0].timeCallAllow"),
    ({"numbers": [{"number": "79522233446", "timeCallUntil": "31.12.2030"}]}, "numbers[0].timeCallUntil"),
    ({"numbers": [{"number": "79522233446", "timeCallAllow": "2030-12-31T10:00"}]}, "numbers[0].timeCallAllow"),
    ({"numbers": [{"number": "79522233446", "timeCallAllow": 5, "timeCallUntil": 5}]}, "numbers"),
    ({"numbers": [{"number": "79522233446", "TimeOffset": 15}]}, "numbers[0].TimeOffset"),
    ({"numbers": [{"number": "79522233446", "timeZone": "Mars/Olympus"}]}, "numbers[0].timeZone"),
    ({"numbers": [{"number": "79522233446", "callerId": "abc"}]}, "numbers[0].callerId"),
    ({"numbers": [True]}, "numbers[0].number"),
    ({"numbers": [["79522233446"]]}, "numbers[0].number"),
    ({"numbers": [{"number": "79522233446", "params": deep}]}, "numbers[0].params"),
    ({"state": 7}, "state"),
    ({"dialPrefix": "9\n9"}, "dialPrefix"),
    ({"dialPrefix": "abc"}, "dialPrefix"),
    ({"dialPrefix": "${X}"}, "dialPrefix"),
    ({"numbers": ["7952223344a"]}, "numbers[0].number"),
    ({"numbers": ["79522233446", "7952\nSetvar: A=1"]}, "numbers[1].number"),
    ({"numbers": [{"number": "79522233446&Local/1@x"}]}, "numbers[0].number"),
    ({"numbers": [{"phone": "79522233446"}]}, "numbers[0].number"),
    ({"numbers": [None]}, "numbers[0].number"),
    ({"numbers": ["٧٩٥٢"]}, "numbers[0].number"),
    ({"numbers": [{"number": "79522233446", "params": "text"}]}, "numbers[0].params"),
]
BAD_POLLINGS = [
    ({}, "questions"),
    ({"questions": []}, "questions"),
    ({"questions": [{}]}, "questions[0].questionText"),
    ({"questions": [{"questionText": "a", "press": [{"key": "x"}]}]}, "questions[0].press[0].key"),
    ({"questions": [{"questionText": "a", "press": [{"key": "1"}, {"key": "1"}]}]}, "questions[0].press"),
    (
        {"questions": [{"questionText": "a", "press": [{"key": "1", "action": "explode"}]}]},
        "questions[0].press[0].action",
    ),
    (
        {"questions": [{"questionText": "a", "press": [{"key": "1", "action": "dial", "value": "201,x"}]}]},
        "questions[0].press[0].value",
    ),
    (
        {"questions": [{"questionText": "a", "press": [{"key": "1", "action": "playback"}]}]},
        "questions[0].press[0].value",
    ),
    ({"questions": [{"questionFile": "/etc/passwd"}]}, "questions[0].questionFile"),
    ({"questions": [{"questionFile": "../../etc/passwd"}]}, "questions[0].questionFile"),
    ({"questions": [{"questionText": "a", "lang": "ru;rm"}]}, "questions[0].lang"),
    ({"questions": [{"questionText": "a", "questionId": "1"}, {"questionText": "b", "questionId": "1"}]}, "questions"),
    ({"questions": [{"questionText": "a", "defPress": "2", "press": [{"key": "1"}]}]}, "questions[0].defPress"),
]
NOT_JSON: list[str | bytes] = [
    *("{", "", "\0", '{"a":', "[1", "name=x&y=z", '{"a": NaN}', "{'a': 1}", "[" * 5000, '{"a": 1e400}'),
    r'{"name": "\ud800"}',
    b'{"name": "\xed\xa0\xbd"}',
    '{"name": "Опрос"}'.encode("cp1251"),
    r'{"name": "\ud83d"}'.encode("utf-16"),
]


async def stored(dialer: Dialer) -> tuple[int, int]:
    tasks = await dialer.data("GET", "/task")
    pollings = await dialer.data("GET", "/polling")
    return len(tasks["results"]), len(pollings["results"])


def refused(reply: Any, field: str) -> None:
    assert reply["result"] is False
    assert list(reply) == ["result", "data", "messages", "function", "processor", "pid"]
    assert any(message.startswith(f"{field}: ") for message in reply["messages"]), reply["messages"]


async def test_bad_tasks_are_refused_by_field_and_nothing_is_stored(dialer: Dialer) -> None:
    await dialer.data("POST", "/polling", POLLING)
    for change, field in BAD_TASKS:
        reply = await dialer.call("POST", "/task", {**TASK, **change})
        refused(reply, field)
    assert await stored(dialer) == (0, 1)
    assert await dialer.data("GET", "/results/0") == {"results": []}
    assert list((dialer.workdir / "spool" / "outgoing").iterdir()) == []


async def test_bad_pollings_are_refused_by_field_and_nothing_is_stored(dialer: Dialer) -> None:
    for body, field in BAD_POLLINGS:
        refused(await dialer.call("POST", "/polling", body), field)
    assert await stored(dialer) == (0, 0)


@pytest.mark.parametrize("path", ["/task", "/polling"])
async def test_what_is_not_json_is_refused(dialer: Dialer, path: str) -> None:
    for body in NOT_JSON:
        reply = await dialer.call("POST", path, raw=body)
        assert (reply["result"], reply["messages"]) == (False, ["Invalid JSON request body"])
    reply = await dialer.call("POST", path, raw="[1, 2]")
    assert reply["messages"] == ["body: an object expected, got a list"]
    assert await stored(dialer) == (0, 0)


async def test_ten_megabytes_of_junk_are_refused(dialer: Dialer) -> None:
    junk = os.urandom(10 * 1024 * 1024)
    for raw in (junk, b'{"numbers": "' + b"7" * 10 * 1024 * 1024 + b'"}', b"\xff" * 10 * 1024 * 1024):
        reply = await dialer.call("POST", "/task", raw=raw)
        assert reply["result"] is False
        assert sum(map(len, reply["messages"])) < 2000
    assert await stored(dialer) == (0, 0)
    assert (await dialer.health())["status"] == "degraded"


async def test_millions_of_wrong_numbers_are_refused_at_once(dialer: Dialer) -> None:
    """Valid JSON, ten megabytes of it, nothing in it usable: the daemon gives up early and goes on serving."""
    reply = await dialer.call("POST", "/task", raw='{"innerNum": "201", "numbers": [' + '"a",' * 2_400_000 + '"a"]}')
    refused(reply, "numbers[0].number")
    assert len(reply["messages"]) == 21
    reply = await dialer.call("POST", "/polling", raw='{"questions": [' + "{}," * 2_400_000 + "{}]}")
    refused(reply, "questions")
    assert await stored(dialer) == (0, 0)


async def test_messages_speak_of_json_and_of_nothing_else(dialer: Dialer) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"numbers": "x"}, "numbers: a list expected, got a text"),
        ({"numbers": [None]}, "numbers[0].number: a telephone number expected, got null"),
        ({"name": []}, "name: a text expected, got a list"),
        ({"maxCountChannels": "ten"}, "maxCountChannels: a whole number expected, got 'ten'"),
        ({"state": 7}, "state: 0, 1 or 2 expected, got 7"),
        ({"innerNumType": "robot"}, "innerNumType: 'polling' or 'exten' expected, got 'robot'"),
        ({"name": "x" * 501}, "name: 500 characters at most expected, got a text"),
        ({"crmId": {}}, "crmId: a text expected, got an object"),
    ]
    for body, message in cases:
        assert message in (await dialer.call("POST", "/task", {**TASK, **body}))["messages"]
    wrong_key = {"questions": [{"questionText": "a", "press": [{"key": "x"}]}]}
    (only,) = (await dialer.call("POST", "/polling", wrong_key))["messages"]
    assert only.startswith("questions[0].press[0].key: ")
    mute = {"questions": [{"questionText": "да"}, {"questionText": "..."}, {"questionText": "да", "lang": "xx"}]}
    first, second = (await dialer.call("POST", "/polling", mute))["messages"]
    assert first.startswith("questions[1].questionText: ")
    assert first.endswith("espeak-ng: nothing to hear in it")
    assert second.startswith("questions[2].questionText: espeak-ng: ")


async def test_a_bad_put_changes_nothing(dialer: Dialer) -> None:
    await dialer.data("POST", "/polling", POLLING)
    task = await dialer.data("POST", "/task", TASK)
    before = await dialer.data("GET", f"/task/{task['id']}")
    for change, field in BAD_TASKS:
        if change not in ({"numbers": None}, {"innerNum": ""}):  # in a PUT: not said
            refused(await dialer.call("PUT", f"/task/{task['id']}", change), field)
    refused(await dialer.call("PUT", f"/task/{task['id']}", {"innerNumType": "exten", "innerNum": "x"}), "innerNum")
    assert await dialer.data("GET", f"/task/{task['id']}") == before


async def test_unknown_ids_and_paths_are_refused_in_the_envelope(dialer: Dialer) -> None:
    for method, path in [
        ("GET", "/task/5"),
        ("GET", "/task/x"),
        ("DELETE", "/task/5"),
        ("GET", "/task/9" + "9" * 40),
        ("GET", "/task/" + "9" * 5000),
    ]:
        reply = await dialer.call(method, path)
        assert (reply["result"], reply["data"]) == (False, {"error": "TaskNotFound"})
    for method, path in [("GET", "/polling/5"), ("DELETE", "/polling/x")]:
        reply = await dialer.call(method, path)
        assert (reply["result"], reply["data"]) == (False, {"error": "PollingNotFound"})
    refused(await dialer.call("GET", "/results/yesterday"), "changeTime")
    refused(await dialer.call("GET", "/task?state=9"), "state")
    refused(await dialer.call("GET", "/task?state=%2B1"), "state")
    refused(await dialer.call("GET", "/task?limit=x"), "limit")
    refused(await dialer.call("GET", "/task?state=0&state=2"), "state")
    refused(await dialer.call("GET", "/webhooks?limit=1&limit=1"), "limit")
    assert (await dialer.call("GET", "/task?x=1&x=2"))["result"] is True  # not ours, and ignored
    assert (await dialer.call("GET", "/nothing"))["result"] is False


async def test_only_this_machine_is_served(dialer: Dialer) -> None:
    assert dialer.session is not None
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        async with dialer.session.get(f"{dialer.url}/health", headers={header: "127.0.0.1"}) as response:
            body = json.loads(await response.text())
        assert response.status == 401
        assert body["messages"] == {"error": ["The user isn't authenticated."]}


@pytest.mark.parametrize("path", [f"{BASE}/task", f"{BASE}/audio", "/admin-cabinet/session/start", "/nowhere"])
async def test_a_body_that_is_not_encoded_as_it_says_is_refused_and_no_error_of_ours(shared: Dialer, path: str) -> None:
    assert shared.session is not None
    logged = shared.log_file.stat().st_size
    headers = {"Content-Encoding": "gzip", "Content-Type": "multipart/form-data; boundary=x", "Connection": "close"}
    async with shared.session.post(f"{shared.url}{path}", data=b"no gzip", headers=headers) as response:
        assert response.status < 500
        assert (await response.json())["result"] is False
    assert (await shared.health())["status"]
    assert b"ERROR" not in shared.log_file.read_bytes()[logged:]


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/2.0", b""])
async def test_other_versions_of_http_are_refused(shared: Dialer, version: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(shared.url.rpartition(":")[2]))
    with contextlib.closing(writer):
        writer.write(b"GET /health " + version + b"\r\nHost: 127.0.0.1\r\n\r\n")
        async with asyncio.timeout(10):
            assert b" 400 " in await reader.readline()
            await reader.read()
