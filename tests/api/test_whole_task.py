"""A task that is deleted while its rows are sent: nothing that looks whole."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from dialer.api.mikopbx.whole_task import PAGE, send_whole
from dialer.store.database import Query, Store
from dialer.store.tasks import add_numbers, delete_task, save_task
from tests.store.making import a_task, numbers, url_of

T = TypeVar("T")


class Deleting(Store):
    """Deletes a task before the read after so many."""

    reads_left = -1
    task_id = 0

    async def read(self, query: Query[T]) -> T:
        if self.reads_left == 0:
            await self.write(delete_task(self.task_id))
        self.reads_left -= 1
        return await super().read(query)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Deleting]:
    opened = await Deleting.open(url_of(tmp_path / "dialer.db"))
    assert isinstance(opened, Deleting)
    yield opened
    await opened.close()


async def sent(store: Deleting, task_id: int) -> bytes | None:
    """None: it says that there is no such task."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await send_whole(request, store, task_id, {"id": str(task_id)}) or web.Response(status=404)

    application = web.Application()
    application.router.add_get("/", handle)
    async with TestClient(TestServer(application)) as client, client.get("/") as response:
        return await response.read() if response.status == 200 else None


@pytest.mark.parametrize("count", [3, 2 * PAGE])
async def test_a_task_that_is_gone_before_it_is_read_is_not_found(store: Deleting, count: int) -> None:
    store.task_id = (await store.write(save_task(None, None, a_task(count)))).task_id
    store.reads_left = 0
    assert await sent(store, store.task_id) is None


@pytest.mark.parametrize("reads", [3, 4, 6])
async def test_a_task_that_is_deleted_amid_its_rows_is_broken_off(store: Deleting, reads: int) -> None:
    store.task_id = (await store.write(save_task(None, None, a_task(2 * PAGE)))).task_id
    store.reads_left = reads
    with pytest.raises(aiohttp.ClientPayloadError):
        await sent(store, store.task_id)


async def test_a_large_task_between_many_others_is_sent_whole_and_in_order(store: Deleting) -> None:
    first = (await store.write(save_task(None, None, a_task(10)))).task_id
    await store.write(save_task(None, None, a_task(12 * PAGE)))
    await store.write(add_numbers(first, numbers(PAGE + 10)))
    body = await sent(store, first)
    assert body is not None
    assert body.count(b'"phoneId"') == PAGE + 10
    store.task_id = first
    store.reads_left = 4
    with pytest.raises(aiohttp.ClientPayloadError):
        await sent(store, first)
