"""Server-sent events of the console."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.api.asking import ask, bearer, command
from tests.api.conftest import running_dialer
from tests.api.test_console_progress import CONSOLE, post_task
from tests.rig.daemon import Dialer

LIVE = f"{CONSOLE}/live"
PATIENCE_S = 20.0


class Watcher:
    """What one browser hears."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> tuple[str, Any]:
        """The next event; raises EOFError at the end."""
        name = ""
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.response.content.readline()).decode():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ").strip()
                elif line.startswith("data: "):
                    return name, json.loads(line.removeprefix("data: "))
        raise EOFError

    async def until(self, wanted: str, accept: Any = lambda value: True) -> Any:
        """The first event of that name that is accepted."""
        while True:
            name, value = await self.next()
            if name == wanted and accept(value):
                return value

    async def end(self) -> None:
        """Return when the daemon has ended it."""
        while True:
            try:
                await self.next()
            except (EOFError, aiohttp.ClientError):
                return


@asynccontextmanager
async def watching(dialer: Dialer, **headers: str) -> AsyncIterator[Watcher]:
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(f"{dialer.url}{LIVE}", headers=headers) as response,
    ):
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Watcher(response)


async def test_a_watcher_is_told_everything_then_what_changes(dialer: Dialer) -> None:
    task_id = await post_task(dialer, 3)
    async with watching(dialer) as watcher:
        assert [task["id"] for task in await watcher.until("tasks")] == [task_id]
        assert (await watcher.until("health"))["asterisk"] == "away"
        before, now = (minute["time"] for minute in (await watcher.until("stats"))["minutes"])
        assert now - before == 60
        await dialer.data("PUT", f"/task/{task_id}", {"state": 2})
        (changed,) = await watcher.until("tasks")
        assert (changed["id"], changed["state"]) == (task_id, 2)
        second = await post_task(dialer, 1)
        assert [task["id"] for task in await watcher.until("tasks")] == [second]
        await dialer.data("DELETE", f"/task/{task_id}")
        assert await watcher.until("removed") == [task_id]


async def test_once_tells_what_is_now_and_ends(dialer: Dialer) -> None:
    reply = await ask(dialer, "GET", f"{LIVE}?once=1")
    assert reply.json.count("event: ") == 3


async def test_a_revoked_key_watches_no_more() -> None:
    async with running_dialer({"http": {"trusted_proxies": ["127.0.0.1"]}}) as dialer:
        key = command(dialer, "apikey", "add", "screen", "--role", "read-only").strip()
        async with watching(dialer, **bearer(key)) as watcher:
            await watcher.until("stats")
            command(dialer, "apikey", "revoke", "screen")
            await watcher.end()
        assert (await ask(dialer, "GET", LIVE, headers=bearer(key))).status == 401


async def test_watchers_do_not_hold_up_a_daemon_that_stops(dialer: Dialer) -> None:
    async with watching(dialer) as watcher:
        await watcher.until("stats")
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        assert await dialer.stop() == 0
        assert loop.time() - began_s < 4.0
        await watcher.end()
