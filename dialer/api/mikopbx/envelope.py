"""Requests and replies in the shape of the MikoPBX REST API."""

import json
import os
from collections.abc import Sequence
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
_BOM = b"\xef\xbb\xbf"
INVALID_JSON = "Invalid JSON request body"
MAX_MESSAGES = 20


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
    """The body as a JSON object, whatever its Content-Type; a UTF-8 BOM in front (1C sends one) is skipped."""
    body = (await request.read()).removeprefix(_BOM)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(INVALID_JSON) from None
    if not isinstance(content, dict):
        raise RefusedError(f"{INVALID_JSON}: an object expected, got {type(content).__name__}")
    return content


def validated(model: type[M], content: Any) -> M:
    """The content as the model; RefusedError names every wrong field (the first 20) and why."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise RefusedError(*explain(error)) from None


def explain(error: ValidationError) -> list[str]:
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


def _reason(problem: Any) -> str:
    if problem["type"] == "missing":
        return "missing"
    return str(problem["msg"]).removeprefix("Value error, ")
