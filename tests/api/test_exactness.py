"""What the schemas in /openapi.json allow is accepted, what they forbid is refused: value by value, place by place."""

import json
from typing import Any

import jsonschema_rs
import pytest
from pydantic import TypeAdapter, ValidationError

from dialer.api.description import COMMON
from dialer.api.endpoint import Endpoint, Group
from dialer.api.mikopbx.bodies import PollingBody, SignalBody, TaskBody, TaskChangeBody
from dialer.api.mikopbx.clients import ClientsBody
from dialer.api.mikopbx.envelope import explain
from dialer.api.openapi import describe
from tests.api.exactness import bodies
from tests.api.schemathesis_hooks import CONFLICTS

POLLING: dict[str, Any] = {
    "crmId": "p",
    "name": "n",
    "questions": [
        {
            "questionId": "a",
            "questionText": "text",
            "questionFile": "file.wav",
            "lang": "ru-RU",
            "nextQuestion": "b",
            "defPress": "1",
            "timeout": 5,
            "press": [
                {"key": "1", "action": "dial", "value": "201", "valueOptions": "x", "nextQuestion": "b"},
                {"key": "2", "action": "playback", "value": "text", "valueOptions": "text"},
                {"key": "3", "action": "playback_record", "value": "text", "valueOptions": "60"},
                {"key": "4", "action": "answer", "value": "text"},
                {"key": "5", "action": "restart"},
            ],
        },
        {"questionText": "only a text"},
        {"questionFile": "only.wav"},
    ],
}
CHANGE: dict[str, Any] = {
    "crmId": "t",
    "name": "n",
    "state": 0,
    "innerNum": "201",
    "innerNumType": "exten",
    "maxCountChannels": 1,
    "dialPrefix": "9",
    "recordTalk": 0,
    "maxAttempt": 1,
    "tryInterval": 60,
    "retryOn": ["busy", {"on": "SIP 486", "interval": 5}],
    "attemptUntilSignal": 0,
    "timeStart": 0,
    "timeEnd": 1440,
    "weekDays": [1, "2", "3-5"],
    "useCalendar": 1,
    "holidays": ["2026-12-31"],
    "workDays": ["31.12.2026"],
    "zoneByRegion": 0,
    "e164": 1,
    "isCallback": 0,
    "callerId": ["+79520000099", 7952],
    "amd": "off",
    "amdMessage": "text",
    "amdMessageFile": "file.wav",
    "pacing": "power",
    "powerRatio": 1.5,
    "maxAbandonRate": 3,
    "apology": "text",
    "apologyFile": "",
    "lang": "ru-RU",
    "priority": 1,
    "weight": 10,
    "maxCallsPerSecond": 0.5,
    "maxPerDay": 2,
    "maxCost": "10.50",
    "numbers": [
        "79522233446",
        {"number": 7952, "params": {"a": {"b": ["c"]}}, "clientId": "", "timeCallAllow": 0, "TimeOffset": 0},
        {
            "number": "7953",
            "clientId": "c",
            "timeCallAllow": "31.12.2026 10:00:00",
            "timeCallUntil": 1_800_000_000,
            "TimeOffset": -3.5,
            "timeZone": "Asia/Omsk",
            "callerId": "79520000099",
        },
    ],
}
TASK = {**CHANGE, "id": 1, "innerNumType": "polling"}
CLIENTS: list[Any] = [
    {"crmId": "c", "name": "n", "phones": ["7952", {"phone": "7952"}], "properties": [{"key": "k", "value": "v"}]},
    {"crmId": "d", "phones": "7952", "properties": {"k": "v", "l": 1}},
]
BODIES: list[tuple[Any, Any]] = [
    (PollingBody, POLLING),
    (TaskBody, TASK),
    (TaskChangeBody, CHANGE),
    (ClientsBody, CLIENTS),
    (SignalBody, {"phone": "79522233446", "taskId": "1000000001"}),
]


async def _unserved(_call: Any) -> Any:
    raise AssertionError("nothing is served here")


def schema_of(model: Any) -> jsonschema_rs.Validator:
    """The body's schema as /openapi.json shows it."""
    endpoint: Endpoint[Any, Any, Any] = Endpoint("POST", "/body", _unserved, "", {}, body_model=model)
    document = describe([Group("", "", (endpoint,), serve=lambda _one: _unserved)], COMMON)
    body = document["paths"]["/body"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema_rs.Draft202012Validator({**body, "components": document["components"]})


def problems_of(adapter: TypeAdapter[Any], body: Any) -> list[str]:
    """Why the body is refused; values that do not go together are no matter of the schema."""
    try:
        adapter.validate_python(body)
    except ValidationError as error:
        return [one for one in explain(error) if not one.endswith(CONFLICTS)]
    return []


@pytest.mark.parametrize(("model", "example"), BODIES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_body_is_refused_just_when_its_schema_forbids_it(model: Any, example: Any) -> None:
    adapter, schema = TypeAdapter(model), schema_of(model)
    assert schema.is_valid(example)
    assert problems_of(adapter, example) == []
    wrong = []
    accepted = refused = 0
    for path, value, body in bodies(example):
        problems, allowed = problems_of(adapter, body), schema.is_valid(body)
        accepted, refused = accepted + (not problems), refused + bool(problems)
        if allowed is bool(problems):
            shown = "missing" if repr(value).startswith("<object") else json.dumps(value)[:80]
            wrong.append(f"{path} {shown}: schema {allowed}, {problems[:1] or 'accepted'}")
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])
    assert accepted > 100
    assert refused > 100
