"""Serving a declared endpoint in the MikoPBX way: the request checked, the reply in the envelope, a POST with an
`Idempotency-Key` answered once."""

import asyncio
import hashlib
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, BinaryIO, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from dialer.api.endpoint import B, Endpoint, P, Q
from dialer.api.mikopbx.envelope import (
    RefusedError,
    envelope,
    parse_json,
    passed_on,
    read_body,
    refusal,
    reply,
    validated,
)
from dialer.api.mikopbx.kept_body import kept
from dialer.api.mikopbx.large_body import WORTH_BYTES, LargeBody
from dialer.api.mikopbx.times import ZONE
from dialer.model.access import Caller
from dialer.model.audit import Change
from dialer.store.audit import Trail, entry
from dialer.store.audit import log as audit_log
from dialer.store.database import Operation, Store, StoreError
from dialer.store.receipts import AnsweredBeforeError, KeyReusedError, Request, answered_once, check_unanswered

T = TypeVar("T")
CALLER = web.RequestKey("caller", Caller)
"""Who asks; the gate (dialer/api/access) knows."""
TRAIL = web.RequestKey("trail", Trail)
"""What the caller changes; likewise."""
Serve = Callable[[Endpoint[Any, Any, Any]], Callable[[web.Request], Awaitable[web.StreamResponse]]]
KEY_HEADER = "Idempotency-Key"
REPLAYED = {"Idempotent-Replayed": "true"}
LARGE_BYTES = 262_144
"""A body from this size on is read by a thread: the loop serves calls amid its checks, not amid the parsing of JSON."""
LARGE_AT_ONCE = 2
"""A process with a million numbers holds half a gigabyte."""
LARGE_MODELS = frozenset({"TaskBody", "TaskChangeBody"})
"""Bodies with lists that a process of its own reads from WORTH_BYTES on."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


@dataclass(slots=True)
class Call(Generic[P, Q, B]):
    """A checked request."""

    request: web.Request
    path: P
    query: Q
    body: B
    content: Any
    """The body's JSON as it came."""
    _store: Store = field(repr=False)
    large: LargeBody | None = None
    """Keeps the numbers of a body that is too large for the daemon itself."""
    _once: Request | None = None

    async def identify(self, digest: str) -> None:
        """Say what tells this request from others. Raises AnsweredBeforeError when its key was answered before, and
        RefusedError when the key is another request's or no key."""
        keys = self.request.headers.getall(KEY_HEADER, ())
        if not keys:
            return
        if len(keys) > 1:
            raise RefusedError(f"{KEY_HEADER}: one key expected, got {len(keys)}")
        key = keys[0]
        if not _KEY.fullmatch(key):
            raise RefusedError(f"{KEY_HEADER}: 1 to 255 visible ASCII characters expected, got {key[:60]!r}")
        whole = f"{self.request.method} {self.request.path} {digest}"
        once = Request(caller_of(self.request), key, hashlib.sha256(whole.encode()).hexdigest())
        await self._store.read(lambda connection: check_unanswered(connection, once))
        self._once = once

    def changes_nothing(self) -> None:
        """This request was a question only: nothing for the audit log."""
        trail = self.request.get(TRAIL)
        if trail is not None:
            trail.told = True

    def once(self, operation: Operation[T], render: Callable[[T], Any]) -> Operation[T]:
        """The operation that makes this request's change, with a receipt where the request names a key. `render` gives
        the reply's data."""
        if self._once is None:
            return operation
        return answered_once(self._once, operation, lambda result: envelope(True, render(result)))


def caller_of(request: web.Request) -> str:
    """Whose idempotency keys these are."""
    caller = request.get(CALLER)
    return caller.name if caller else ""


def serving(store: Store, zone: tzinfo = UTC, url: str = "") -> Serve:
    """How the endpoints of this facade are served. `zone`: of the times in bodies. `url`: of the database, for the
    processes that read large bodies; empty: there are none."""
    large_ones = asyncio.Semaphore(LARGE_AT_ONCE)

    def serve(endpoint: Endpoint[P, Q, B]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        adapter = None if endpoint.body_model is None else TypeAdapter(endpoint.body_model)
        model = str(getattr(endpoint.body_model, "__name__", "")) if url else ""

        async def handle(request: web.Request) -> web.StreamResponse:
            caller = request.get(CALLER)
            if not endpoint.open_to_all and caller is not None and not caller.role.covers(endpoint.needs):
                return refusal({"error": [f"The role {endpoint.needs.value} is needed."]}, status=403)
            path = validated(endpoint.path_model.model_validate, dict(request.match_info))
            query = validated(endpoint.query_model.model_validate, _query(request, endpoint.query_model))
            call = Call[Any, Any, Any](request, path, query, None, None, store)
            if adapter is None:
                return await _answer(store, endpoint, call, "")
            body = await _received(request, may_be_large=model in LARGE_MODELS)
            if isinstance(body, bytes):
                call.content, call.body, digest = await _read(body, adapter, zone)
                return await _answer(store, endpoint, call, digest)
            with body:
                async with large_ones:  # not before it is there: a client may take its time to send it
                    call.large = await LargeBody.read(body, model, str(zone), url)
                    try:
                        call.content = call.large.content
                        call.body = validated(partial(adapter.validate_python, context={ZONE: zone}), call.content)
                        return await _answer(store, endpoint, call, call.large.digest)
                    finally:
                        await call.large.close()

        return handle

    return serve


async def _received(request: web.Request, *, may_be_large: bool) -> bytes | BinaryIO:
    """The whole body, in a file where it is large."""
    length, most_bytes = request.content_length, request.client_max_size
    if not may_be_large or (length is not None and length < WORTH_BYTES):
        return await read_body(request)
    if length is not None and length > most_bytes:
        raise web.HTTPRequestEntityTooLarge(most_bytes, length)
    body = await kept(passed_on(request), most_bytes)
    if length is not None or os.fstat(body.fileno()).st_size >= WORTH_BYTES:
        return body
    with body:
        return body.read()


async def _answer(
    store: Store, endpoint: Endpoint[Any, Any, Any], call: Call[Any, Any, Any], digest: str
) -> web.StreamResponse:
    try:
        if endpoint.once and endpoint.form is None:
            await call.identify(digest)
        done = await endpoint.handler(call)
    except AnsweredBeforeError as error:
        return web.json_response(error.reply, headers=REPLAYED)
    except KeyReusedError as error:
        raise RefusedError(f"{KEY_HEADER}: {error}", data={"error": "KeyReused"}) from None
    response = done if isinstance(done, web.StreamResponse) else reply(done)
    await _audit(store, endpoint, call.request, response)
    return response


async def _audit(store: Store, endpoint: Endpoint[Any, Any, Any], request: web.Request, response: Any) -> None:
    """A row for a change that its handler has not told of itself, before the reply says that it is done."""
    trail = request.get(TRAIL)
    if trail is None or trail.told or not endpoint.changes or response.status >= 400:
        return
    target = ", ".join(request.match_info.values())[:200]
    change = Change(endpoint.audit_action, target)
    try:
        await store.write(entry(trail.author, change))
    except StoreError as error:
        audit_log.error("no row for what was done: %s, %s: %s", trail.author, change, error)


def _query(request: web.Request, model: type[BaseModel]) -> dict[str, str]:
    """The query's fields. Raises RefusedError for one that is given twice: which of the two is meant?"""
    query = request.query
    twice = [name for name in model.model_fields if len(query.getall(name, ())) > 1]
    if twice:
        raise RefusedError(*(f"{name}: given more than once" for name in twice))
    return dict(query)


async def _read(body: bytes, adapter: TypeAdapter[Any], zone: tzinfo) -> tuple[Any, Any, str]:
    """The body as JSON and as its model, and its digest."""

    def checked() -> tuple[Any, Any, str]:
        content = parse_json(body)
        validate = partial(adapter.validate_python, context={ZONE: zone})
        return content, validated(validate, content), hashlib.sha256(body).hexdigest()

    return await asyncio.to_thread(checked) if len(body) >= LARGE_BYTES else checked()
