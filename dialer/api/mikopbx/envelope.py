"""Requests and replies in the shape of the MikoPBX REST API."""

import json
import math
import os
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from dialer.api.mikopbx.plain import kind_of

M = TypeVar("M", bound=BaseModel)
INVALID_JSON = "Invalid JSON request body"
MAX_MESSAGES = 20
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class RefusedError(Exception):
    """The request is refused: HTTP 200 with `result: false`, the reasons in `messages`."""

    def __init__(self, *messages: str, data: Any = ()) -> None:
        super().__init__("; ".join(messages))
        self.messages = list(messages)
        self.data = data


def envelope(result: bool, data: Any, messages: Any = ()) -> dict[str, Any]:
    return {
        "result": result,
        "data": data if data != () else [],
        "messages": messages if messages != () else [],
        "function": "",
        "processor": "",
        "pid": os.getpid(),
    }


def reply(data: Any = ()) -> web.Response:
    return web.json_response(envelope(True, data))


def refusal(messages: Any, data: Any = (), status: int = 200) -> web.Response:
    return web.json_response(envelope(False, data, messages), status=status)


async def read_json(request: web.Request) -> dict[str, Any]:
    """`read_value` where only a JSON object will do."""
    content = await read_value(request)
    if not isinstance(content, dict):
        raise RefusedError(f"{INVALID_JSON}: an object expected, got {kind_of(content)}")
    return content


async def read_value(request: web.Request) -> Any:
    """The body as any JSON value, whatever its Content-Type; a UTF-8 BOM in front (1C sends one) is skipped."""
    try:
        text = (await request.read()).decode("utf-8-sig")
        content = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        if _SURROGATE.search(text):  # half a pair cannot be stored: then this raises a ValueError
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError, web.RequestPayloadError):
        raise RefusedError(INVALID_JSON) from None
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def validated(model: type[M], content: Any, *others: str) -> M:
    """The content as the model; RefusedError names every wrong field (the first 20) and why, and other problems."""
    try:
        checked = model.model_validate(content)
    except ValidationError as error:
        raise RefusedError(*explain(error), *others) from None
    if others:
        raise RefusedError(*others)
    return checked


def explain(error: ValidationError) -> list[str]:
    """Each problem as `path: what was expected, what came`."""
    problems = error.errors(include_url=False)
    messages = [f"{_path(_location(one))}: {_reason(one)}" for one in problems[:MAX_MESSAGES]]
    if len(problems) > MAX_MESSAGES:
        messages.append(f"and {len(problems) - MAX_MESSAGES} more")
    return messages


def _location(problem: Any) -> tuple[int | str, ...]:
    own = (problem["ctx"]["field"],) if problem["type"] == "field" else ()
    return (*problem["loc"], *own)


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "body"


_EXPECTED = {
    "tuple_type": "a list expected",
    "model_type": "an object expected",
    "dict_type": "an object expected",
    "string_type": "a text expected",
    "int_type": "a whole number expected",
    "int_parsing": "a whole number expected",
    "int_from_float": "a whole number expected",
    "float_type": "a number expected",
    "float_parsing": "a number expected",
    "enum": "{expected} expected",
    "greater_than_equal": "{ge} or more expected",
    "less_than_equal": "{le} or less expected",
    "string_too_long": "{max_length} characters at most expected",
    "string_pattern_mismatch": "a language such as ru-RU expected",
}
"""pydantic's error types in the words of somebody who writes JSON."""


def _reason(problem: Any) -> str:
    if problem["type"] == "missing":
        return "missing"
    expected = _EXPECTED.get(problem["type"])
    if expected is None:
        return str(problem["msg"]).removeprefix("Value error, ")
    value = problem["input"]
    got = repr(value)[:60] if isinstance(value, str | int | float) and len(repr(value)) < 60 else kind_of(value)
    return f"{expected.format(**problem.get('ctx', {}))}, got {got}"
