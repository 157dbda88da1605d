"""Requests and replies in the shape of the MikoPBX REST API."""

import json
import math
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web
from pydantic import ValidationError

from dialer.api.mikopbx.plain import kind_of

T = TypeVar("T")
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


def around() -> tuple[str, str]:
    """What stands in a reply before its data and behind it, where they are text already."""
    before, _, behind = json.dumps(envelope(True, 0)).partition("0")
    return before, behind


def body_of(data: str) -> bytes:
    """A whole reply; `data` is JSON."""
    before, behind = around()
    return f"{before}{data}{behind}".encode()


def reply_of_body(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def refusal(messages: Any, data: Any = (), status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(envelope(False, data, messages), status=status, headers=headers)


async def read_body(request: web.Request) -> bytes:
    """The whole body. One that is broken off, or not encoded as it says, is no JSON either."""
    try:
        return await request.read()
    except web.RequestPayloadError:
        raise RefusedError(INVALID_JSON) from None


async def passed_on(request: web.Request) -> AsyncIterator[bytes]:
    """Likewise, as it comes in."""
    try:
        async for some in request.content.iter_any():
            yield some
    except web.RequestPayloadError:
        raise RefusedError(INVALID_JSON) from None


def json_decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def has_half_pairs(text: str) -> bool:
    """Whether there are escapes that are halves of characters; together they may be whole."""
    return _SURROGATE.search(text) is not None


def parse_json(body: bytes) -> Any:
    """The body as a JSON value, whatever its Content-Type; a UTF-8 BOM in front (1C sends one) is skipped."""
    try:
        text = body.decode("utf-8-sig")
        content = json_decoder().decode(text)
        if has_half_pairs(text):  # half a pair cannot be stored: then this raises a ValueError
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise RefusedError(INVALID_JSON) from None
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def validated(validate: Callable[[Any], T], content: Any) -> T:
    """The content as a model's `validate` gives it; RefusedError names every wrong field (the first 20) and why."""
    try:
        return validate(content)
    except ValidationError as error:
        raise RefusedError(*explain(error)) from None


def explain(error: ValidationError) -> list[str]:
    """Each problem as `path: what was expected, what came`."""
    messages = [message for one in error.errors(include_url=False) for message in _told(one)]
    if len(messages) > MAX_MESSAGES + 1:
        messages[MAX_MESSAGES:] = [f"and {len(messages) - MAX_MESSAGES} more"]
    return messages


def _told(problem: Any) -> list[str]:
    if problem["type"] == "problems":  # of a list that is read by plain code, which names each item itself
        return list(problem["ctx"]["problems"])
    return [f"{_path(_location(problem))}: {_reason(problem)}"]


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
    "string_too_short": "{min_length} characters at least expected",
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
