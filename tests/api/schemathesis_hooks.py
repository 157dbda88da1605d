"""What Schemathesis is told about this API: a refusal is HTTP 200 with `result: false`, its checks look at the status.

Each refusal gets the status that it would have without the envelope, in the replies and in the document alike: every
check then means what it says. Bodies are checked as they are.
"""

import atexit
import io
import json
import math
import os
import re
import struct
import wave
from collections import Counter, defaultdict, deque
from itertools import count
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response
from schemathesis.core.jsonschema.types import JsonSchemaObject
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

CONFLICTS = (
    ".press: a key is listed twice",
    ".defPress: not one of the keys",
    "questions: a questionId is given twice",
)
"""Refusals for values that do not go together, which JSON Schema cannot say. Each ends a message."""
KEY_NAME = "of-this-test"
"""The API key of the run."""
TALLY = "SCHEMATHESIS_TALLY"
"""The environment names the file that is told at the end how often each call was answered how."""
LOGIN = "/admin-cabinet/session/start"
INVALID, NOT_FOUND, CONFLICT = 422, 404, 409
_METHODS = ("get", "post", "put", "delete")
_returns: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
"""By operation: which path's parameter its reply has, and where."""
_known: dict[str, deque[dict[str, str]]] = defaultdict(lambda: deque(maxlen=8))
"""By path: parameters of what is there, or was. `polling`: one that tasks use, so that it stays."""
_keys: dict[str, str] = {}
_turns = count()
_senders = count()
_answered: dict[str, Counter[int]] = defaultdict(Counter)


@atexit.register
def _tell() -> None:
    if TALLY in os.environ:
        Path(os.environ[TALLY]).write_text(json.dumps(_answered))


@schemathesis.hook
def before_load_schema(_context: HookContext, raw_schema: JsonSchemaObject) -> None:
    """Split each 200 of the envelope: what was done stays, refusals get statuses, each where it can be."""
    document: Any = raw_schema
    for name in document["components"]["schemas"]:
        if re.fullmatch(r"ParamLevel([2-9]|\d\d+)", name):  # each level doubles the cases, and they show nothing new
            document["components"]["schemas"][name] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _split(path, method, item[method])
                if path == LOGIN:
                    item[method]["responses"][str(CONFLICT)] = item[method]["responses"]["200"]
                _link(document, path, item[method])


def _split(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    content = responses.get("200", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    done_or_refused = schema.get("anyOf", [schema])
    refused = [one for one in done_or_refused if one.get("$ref", "").endswith("/Refused")]
    if not refused:
        return
    if refused == done_or_refused:  # what is done is no JSON: a file, a sound, events
        del responses["200"]["content"]["application/json"]
    else:
        content["schema"] = {"anyOf": [one for one in done_or_refused if one not in refused]}
    response = {"description": "Refused", "content": {"application/json": {"schema": refused[0]}}}
    if "parameters" in operation or "requestBody" in operation:
        responses[str(INVALID)] = response
    if "{" in path:
        responses[str(NOT_FOUND)] = response
    if "requestBody" in operation or method == "delete":
        responses[str(CONFLICT)] = response


def _link(document: dict[str, Any], path: str, operation: dict[str, Any]) -> None:
    """Say which calls take what this one returns: `/task` returns `id`, `/task/{id}` and `/task/{id}/why` take it."""
    targets = [
        (other, name, target)
        for other, item in document["paths"].items()
        for name in re.findall(re.escape(path) + r"/\{(\w+)\}(?:/\w+)?$", other)
        for target in item.values()
    ]
    for other, name, target in targets:
        place = _place_of(document, operation, name)
        if place is not None:
            _returns[operation["operationId"]].append((other, name, place))
            operation["responses"]["200"].setdefault("links", {})[target["operationId"]] = {
                "operationId": target["operationId"],
                "parameters": {name: f"$response.body#{place}"},
            }


def _place_of(document: dict[str, Any], operation: dict[str, Any], name: str) -> str | None:
    """Where in a reply a field is: a JSON pointer."""

    def look(schema: dict[str, Any], place: str) -> str | None:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        if schema.get("type") == "array":
            return look(schema["items"], f"{place}/0")
        properties = schema.get("properties", {})
        if name in properties:
            return f"{place}/{name}"
        return look(properties["results"], f"{place}/results") if "results" in properties else None

    schema = operation["responses"]["200"]["content"].get("application/json", {}).get("schema", {})
    done = schema.get("anyOf", [schema])[0]
    if "$ref" not in done:
        return None
    data = document["components"]["schemas"][done["$ref"].rsplit("/", 1)[-1]].get("properties", {}).get("data")
    return None if data is None else look(data, "/data")


@schemathesis.hook
def filter_body(context: HookContext, body: Any) -> bool:
    """A form's field cannot be named in control characters: that would be no form."""
    operation: Any = context.operation
    is_form = "multipart/form-data" in operation.definition.raw.get("requestBody", {}).get("content", {})
    return not is_form or not isinstance(body, dict) or all(name.isprintable() for name in body)


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Ask every other time for what is there, and use no idempotency key for two requests.

    Else nearly every request would be refused for these reasons, and show nothing more.
    """
    known = _known[case.operation.path]
    if known and _is_valid(case, ParameterLocation.PATH) and next(_turns) % 2:
        case.path_parameters = dict(known[next(_turns) // 2 % len(known)])
    if case.path_parameters and case.path_parameters.get("name") == KEY_NAME:
        case.path_parameters = {**case.path_parameters, "name": "of-nobody"}  # else the run ends its own login
    body: Any = case.body if isinstance(case.body, dict) and _is_valid(case, ParameterLocation.BODY) else {}
    if _known["polling"] and body.get("innerNumType") == "polling" and body.get("innerNum"):
        case.body = {**body, "innerNum": _known["polling"][0]["id"]}
    if case.operation.path.endswith("/live") and _is_valid(case, ParameterLocation.QUERY):
        case.query = {"once": "1"}  # else it goes on and on
    if case.operation.path.endswith("/prompt") and isinstance(body.get("text"), str):
        case.body = {**body, "text": body["text"][:50]}  # minutes of speech take their time
    headers: Any = case.headers or {}
    key = headers.get("Idempotency-Key")
    request = f"{case.method} {case.path} {case.body!r}"
    if key and _is_valid(case, ParameterLocation.HEADER) and _keys.setdefault(key, request) != request:
        headers["Idempotency-Key"] = f"{next(_turns)}-{key}"[: max(len(key), 8)]
    sender = next(_senders)  # else an address that has sent ten wrong keys is told to wait
    case.headers["X-Forwarded-For"] = f"198.18.{sender // 250 % 250}.{sender % 250 + 1}"


def _is_valid(case: Case[Any], place: ParameterLocation) -> bool:
    """Whether what stands there is meant to be accepted, and is no other reply's."""
    if case.meta is None or case.meta.phase.name is TestPhase.STATEFUL:
        return False
    component = case.meta.components.get(place)
    return component is not None and component.mode.is_positive


@schemathesis.hook
def after_call(_context: HookContext, case: Case[Any], response: Response) -> None:
    """Give a refusal its status, remember what is there, and count."""
    if response.status_code == 200 and response.headers.get("content-type", [""])[0].startswith("application/json"):
        body = json.loads(response.content)
        if isinstance(body, dict) and body.get("result") is False:
            response.status_code = status_of(body)
        elif isinstance(body, dict) and body.get("success") is False:
            response.status_code = CONFLICT  # no invented login is the right one
        else:
            for path, name, place in _returns[case.operation.definition.raw.get("operationId", "")]:
                value = _at(body, place)
                if value is not None and case.method != "DELETE":
                    _known[path].append({name: str(value)})
                    if path.endswith("/polling/{id}") and not _known["polling"]:
                        _known["polling"].append({name: str(value)})
    _answered[case.operation.label][response.status_code] += 1


def _at(body: Any, place: str) -> Any:
    """What a JSON pointer leads to; None: nothing."""
    for key in place.strip("/").split("/"):
        if isinstance(body, list):
            body = body[int(key)] if len(body) > int(key) else None
        else:
            body = body.get(key) if isinstance(body, dict) else None
    return body


def status_of(refusal: dict[str, Any]) -> int:
    """404 for what is not there, 409 for what does not go together or with what is stored, else 422."""
    data = refusal["data"]
    if isinstance(data, dict):
        if str(refusal["messages"][0]).startswith("taskId: "):
            return CONFLICT  # a body or a query names a task that is not there
        return NOT_FOUND if str(data.get("error", "")).endswith("NotFound") else CONFLICT
    messages = refusal["messages"]
    return CONFLICT if messages and all(str(one).endswith(CONFLICTS) for one in messages) else INVALID


def _tone() -> bytes:
    """A sound file of half a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8_000, 0, "NONE", ""))
        samples = (round(9_000 * math.sin(math.tau * 400 * one / 8_000)) for one in range(4_000))
        sound.writeframes(b"".join(struct.pack("<h", one) for one in samples))
    return file.getvalue()


schemathesis.openapi.format("binary", st.one_of(st.just(_tone()), st.binary(min_size=1, max_size=200)))
