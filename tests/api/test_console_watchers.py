"""What watchers may cost, over real sockets: times of tenths of a second instead of seconds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from dialer.api.connections import Connections
from dialer.api.console import live as module
from dialer.api.console.live import Live, LiveQuery
from tests.api.test_connections import QUICK
from tests.rig.waiting import wait_until

GET = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"


class Busy:
    """Tasks of which the first one changes at each look."""

    def __init__(self, name: str) -> None:
        self.looks = 0
        self._name = name

    async def glance(self, _query: Any) -> list[dict[str, Any]]:
        self.looks += 1
        return [{"id": 1, "name": self._name, "done": self.looks}]


@dataclass
class Stage:
    port: int
    live: Live
    tasks: Busy
    connections: Connections
    may_stay: bool = True

    @property
    def watchers(self) -> int:
        return len(self.live._watchers)


@asynccontextmanager
async def on_stage(monkeypatch: pytest.MonkeyPatch, name: str = "Оценка", **constants: Any) -> AsyncIterator[Stage]:
    for constant, value in {"EVERY_S": 0.05, "CHECK_S": 0.1, "COMMENT_S": 0.2, **constants}.items():
        monkeypatch.setattr(module, constant, value)
    tasks: Any = Busy(name)

    async def may_stay(_request: web.Request) -> bool:
        return stage.may_stay

    live = Live(tasks, dict, dict, may_stay)

    async def watch(request: web.Request) -> web.StreamResponse:
        call: Any = SimpleNamespace(request=request, query=LiveQuery())
        return await live.watch(call)

    application = web.Application()
    application.router.add_get("/live", watch)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    connections = Connections(runner, QUICK)
    await connections.listen("127.0.0.1", 0)
    keeping = [asyncio.create_task(connections.keep()), asyncio.create_task(live.run())]
    stage = Stage(connections.port, live, tasks, connections)
    try:
        yield stage
    finally:
        live.close()
        connections.close()
        await runner.cleanup()
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)


@asynccontextmanager
async def watcher(stage: Stage, limit: int = 2**16) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port, limit=limit)
    writer.write(GET)
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def read_until(reader: asyncio.StreamReader, what: bytes) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readuntil(what)


async def test_a_watcher_stays_longer_than_any_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_stage(monkeypatch) as stage, watcher(stage) as reader:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while loop.time() - began_s < 3 * QUICK.next_request_s:
            await read_until(reader, b"event: tasks")
        assert stage.connections.closed == 0


async def test_a_quiet_watcher_is_told_that_the_line_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_stage(monkeypatch, EVERY_S=60.0) as stage, watcher(stage) as reader:
        for _ in range(3):
            await read_until(reader, b": still here")
        assert stage.tasks.looks <= 2


async def test_who_does_not_take_what_is_sent_is_dropped_and_the_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        on_stage(monkeypatch, "x" * 2_000_000) as stage,
        watcher(stage) as silent,
        watcher(stage, 2**24) as good,
    ):
        await wait_until(lambda: stage.watchers == 2, "both watch")

        async def keep_reading() -> None:
            while True:
                await good.read(2**20)

        reading = asyncio.create_task(keep_reading())
        await wait_until(lambda: stage.watchers == 1, "the silent one is dropped")
        looks = stage.tasks.looks
        await wait_until(lambda: stage.tasks.looks > looks + 3, "the other is told more")
        assert stage.watchers == 1
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert not silent.at_eof()


async def test_nobody_looks_when_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_stage(monkeypatch) as stage:
        assert stage.tasks.looks == 0
        async with watcher(stage) as reader:
            await read_until(reader, b"event: tasks")
        await wait_until(lambda: stage.watchers == 0, "it has left")
        await wait_until(lambda: not stage.live._somebody.is_set(), "nobody is looked for")


async def test_one_too_many_is_told_to_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_stage(monkeypatch, MOST_WATCHERS=1) as stage, watcher(stage) as first:
        await read_until(first, b"event: tasks")
        async with watcher(stage) as second:
            head = await read_until(second, b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503")
            assert b"Retry-After: 5" in head
            assert b"live: 1 watch already" in await read_until(second, b"}")


async def test_whose_session_is_over_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_stage(monkeypatch) as stage, watcher(stage) as reader:
        await read_until(reader, b"event: tasks")
        stage.may_stay = False
        await read_until(reader, b"0\r\n\r\n")
        await wait_until(lambda: stage.watchers == 0, "it is let go")
