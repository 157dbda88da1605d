"""How large bodies come in: at any pace, in chunks, compressed; and what is answered when their process cannot read."""

import asyncio
import gzip
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from dialer.api.endpoint import Endpoint
from dialer.api.mikopbx.bodies import TaskBody
from dialer.api.mikopbx.large_body import WORTH_BYTES
from dialer.api.mikopbx.replies import NoData, answers
from dialer.api.mikopbx.serving import LARGE_AT_ONCE, Call, serving
from dialer.api.server import _errors_in_envelope
from dialer.store.database import Store
from tests.store.making import url_of

MOST_BYTES = 3 * WORTH_BYTES
PATIENCE_S = 60.0
LARGE = json.dumps({"innerNum": "201", "numbers": ["79520000001"], "unknown": "x" * WORTH_BYTES}).encode()
Client = TestClient[web.Request, web.Application]


async def told(call: Call[Any, Any, Any]) -> dict[str, Any]:
    if call.large is None:
        return {"by_process": False, "posted": len(call.body.numbers)}
    async for _ in call.large.rows(None):
        pass  # a list is counted while it is read
    return {"by_process": True, "posted": call.large.posted}


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    url = url_of(tmp_path / "dialer.db")
    store = await Store.open(url)
    endpoint: Endpoint[Any, Any, Any] = Endpoint("POST", "/", told, "", answers(NoData), body_model=TaskBody)
    application = web.Application(client_max_size=MOST_BYTES, middlewares=[_errors_in_envelope])
    application.router.add_post("/", serving(store, UTC, url)(endpoint))
    async with TestClient(TestServer(application)) as client:
        yield client
    await store.close()


async def posted(client: Client, body: Any, **headers: str) -> tuple[int, Any]:
    async with client.post(
        "/", data=io.BytesIO(body) if isinstance(body, bytes) else body, headers=headers
    ) as response:
        reply = await response.json()
        return response.status, reply["data"] or reply["messages"]


async def in_halves(body: bytes, at_half: asyncio.Event, go_on: asyncio.Event) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    at_half.set()
    await go_on.wait()
    yield body[len(body) // 2 :]


GOOD = (200, {"by_process": True, "posted": 1})


async def test_clients_that_send_slowly_keep_nobody_from_being_served(client: Client) -> None:
    go_on, halves = asyncio.Event(), [asyncio.Event() for _ in range(LARGE_AT_ONCE)]
    length = {"Content-Length": str(len(LARGE))}
    slow = [asyncio.create_task(posted(client, in_halves(LARGE, half, go_on), **length)) for half in halves]
    for half in halves:
        await half.wait()
    assert await asyncio.wait_for(posted(client, LARGE), PATIENCE_S) == GOOD
    go_on.set()
    assert await asyncio.gather(*slow) == [GOOD] * LARGE_AT_ONCE


async def test_a_large_body_of_chunks_is_read_by_a_process_too(client: Client) -> None:
    at_once = asyncio.Event()
    at_once.set()
    assert await posted(client, in_halves(LARGE, asyncio.Event(), at_once)) == GOOD
    small = json.dumps({"innerNum": "201", "numbers": ["1", "2"]}).encode()
    assert await posted(client, in_halves(small, asyncio.Event(), at_once)) == (200, {"by_process": False, "posted": 2})


async def test_of_a_compressed_body_its_own_length_counts(client: Client) -> None:
    """Where it gets this far: the daemon refuses it before."""
    noise = json.dumps({"numbers": ["1"], "unknown": os.urandom(WORTH_BYTES).hex()}).encode()
    packed = gzip.compress(noise)
    assert WORTH_BYTES < len(packed) < len(noise) < MOST_BYTES
    assert await posted(client, packed, **{"Content-Encoding": "gzip"}) == GOOD
    too_long = gzip.compress(noise + b" " * MOST_BYTES)
    assert (await posted(client, too_long, **{"Content-Encoding": "gzip"}))[0] == 413


async def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    at_once = asyncio.Event()
    at_once.set()
    too_large = LARGE + b" " * MOST_BYTES
    assert (await posted(client, too_large))[0] == 413
    assert (await posted(client, in_halves(too_large, asyncio.Event(), at_once)))[0] == 413


@pytest.mark.parametrize(
    ("program", "why"), [("/bin/false", "has ended (exit code 1)"), ("/nowhere", "no process can be started")]
)
async def test_a_process_that_does_not_read_is_told(
    client: Client, monkeypatch: pytest.MonkeyPatch, program: str, why: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    status, messages = await posted(client, LARGE)
    assert status == 503
    assert why in messages[0]


async def test_a_client_that_leaves_amid_its_body_leaves_its_turn(client: Client) -> None:
    for _ in range(LARGE_AT_ONCE + 1):
        half, go_on = asyncio.Event(), asyncio.Event()
        body = in_halves(LARGE, half, go_on)
        leaving = asyncio.create_task(posted(client, body, **{"Content-Length": str(len(LARGE))}))
        await half.wait()
        leaving.cancel()
        with pytest.raises((asyncio.CancelledError, aiohttp.ClientError)):
            await leaving
    assert await asyncio.wait_for(posted(client, LARGE), PATIENCE_S) == GOOD
