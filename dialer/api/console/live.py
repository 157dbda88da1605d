"""/console/v1/live: what changes, as server-sent events

One producer looks once a second, as long as somebody watches, and writes each event once for all watchers. A watcher
has a short queue: one that does not take what is sent to it is dropped, nothing is kept for it without bound. Its
browser comes again by itself, and gets everything anew.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from dialer.api.console.counting import Counting
from dialer.api.endpoint import Answer, Endpoint, Nothing
from dialer.api.mikopbx.envelope import refusal
from dialer.api.mikopbx.fields import QueryFlag
from dialer.api.mikopbx.replies import Refused
from dialer.api.mikopbx.serving import Call
from dialer.store.console import fetch_live_heads
from dialer.store.database import StoreError

log = logging.getLogger(__name__)
MOST_WATCHERS = 100
NEWEST, MOST_TASKS = 200, 1000
"""Tasks that are told of: those that are not closed, and so many of the newest ones."""
EVERY_S = 1.0
COMMENT_S = 15.0
CHECK_S = 3.0
"""How often it is looked whether a watcher's session or key is still good."""
QUEUED = 8
RETRY_MS = 3000
HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
END = b""


class LiveQuery(Nothing):
    """How long."""

    once: QueryFlag = ""
    """1: only what is now, then the end."""


@dataclass(eq=False, slots=True)
class _Watcher:
    request: web.Request
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUED))

    @property
    def is_gone(self) -> bool:
        transport = self.request.transport
        return transport is None or transport.is_closing()


class Live:
    """Everybody who watches."""

    def __init__(
        self,
        counting: Counting,
        health: Callable[[], dict[str, Any]],
        stats: Callable[[], dict[str, Any]],
        may_stay: Callable[[web.Request], Awaitable[bool]],
    ) -> None:
        """`may_stay`: whether the caller of this request could still make it."""
        self._counting = counting
        self._health = health
        self._stats = stats
        self._may_stay = may_stay
        self._watchers: set[_Watcher] = set()
        self._somebody = asyncio.Event()
        self._closed = False
        self._tasks: dict[int, dict[str, Any]] = {}
        self._told: dict[str, Any] = {}
        """Events of one value, as they were told last."""
        self._looked_s = float("-inf")

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        answers = {
            200: Answer(
                "Events: `tasks` (a list of TaskProgress, where `counted` is false without figures yet: they follow), "
                "`removed` (a list of ids), `health` (as GET /health), "
                "`stats` (as GET /stats, the last two minutes); all of it at the beginning, then what changes",
                media_type="text/event-stream",
                others={"application/json": Refused},
            ),
            503: Answer("Too many watch already, or the database cannot be read", Refused),
        }
        return (
            Endpoint("GET", "/live", self.watch, "What changes, as server-sent events", answers,
                     query_model=LiveQuery),
        )  # fmt: skip

    def close(self) -> None:
        """The daemon stops: every watcher is let go."""
        self._closed = True
        for watcher in list(self._watchers):
            self._let_go(watcher)

    async def run(self) -> None:
        """Look again and again while somebody watches. Runs until cancelled."""
        while True:
            await self._somebody.wait()
            try:
                await self._look()
            except StoreError as error:  # its trouble is in `health`
                log.debug("watchers are told nothing new of tasks: %s", error)
                self._tell_values()
            except Exception:  # whatever is wrong here, calls go on
                log.exception("watchers are told nothing new")
            await asyncio.sleep(EVERY_S)
            if not self._watchers:
                self._somebody.clear()

    async def watch(self, call: Call[Nothing, LiveQuery, None]) -> web.StreamResponse:
        request = call.request
        for gone in [one for one in self._watchers if one.is_gone]:
            self._let_go(gone)
        if self._closed or len(self._watchers) >= MOST_WATCHERS:
            reason = "the dialer stops" if self._closed else f"{MOST_WATCHERS} watch already"
            return refusal([f"live: {reason}; try again later"], status=503, headers={"Retry-After": "5"})
        if asyncio.get_running_loop().time() - self._looked_s > EVERY_S:
            await self._look()  # nobody has watched before
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        watcher = _Watcher(request)
        watcher.queue.put_nowait(b"".join([f"retry: {RETRY_MS}\n\n".encode(), *self._everything()]))
        if call.query.once or request.method == "HEAD":
            watcher.queue.put_nowait(END)
        else:
            self._watchers.add(watcher)
            self._somebody.set()
        try:
            await self._serve(watcher, response)
        except ConnectionError:
            log.debug("a watcher has left")
        finally:
            self._watchers.discard(watcher)
        return response

    async def _serve(self, watcher: _Watcher, response: web.StreamResponse) -> None:
        loop = asyncio.get_running_loop()
        commented_s = checked_s = loop.time()
        while not watcher.is_gone:
            part: bytes | None = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    part = await watcher.queue.get()
            if part == END:
                break
            now_s = loop.time()
            if now_s - checked_s >= CHECK_S:
                checked_s = now_s
                with contextlib.suppress(StoreError):  # nobody can say: then it goes on
                    if not await self._may_stay(watcher.request):
                        break
            if part is None and now_s - commented_s >= COMMENT_S:
                part = b": still here\n\n"
            if part is not None:
                commented_s = now_s
                await response.write(part)
        await response.write_eof()

    async def _look(self) -> None:
        """See what has changed since the last look, and tell everybody."""
        found = await self._counting.glance(lambda connection: fetch_live_heads(connection, NEWEST, MOST_TASKS))
        self._looked_s = asyncio.get_running_loop().time()
        before, self._tasks = self._tasks, {one["id"]: one for one in found}
        changed = [one for one in found if before.get(one["id"]) != one]
        removed = [task_id for task_id in before if task_id not in self._tasks]
        if changed:
            self._send(_event("tasks", changed))
        if removed:
            self._send(_event("removed", removed))
        self._tell_values()

    def _tell_values(self) -> None:
        for name, value in (("health", self._health()), ("stats", self._stats())):
            if self._told.get(name) != value:
                self._told[name] = value
                self._send(_event(name, value))

    def _everything(self) -> list[bytes]:
        return [
            _event("tasks", list(self._tasks.values())),
            *(_event(name, value) for name, value in self._told.items()),
        ]

    def _send(self, event: bytes) -> None:
        for watcher in list(self._watchers):
            try:
                watcher.queue.put_nowait(event)
            except asyncio.QueueFull:
                log.info("a watcher does not take what it is sent: dropped")
                self._let_go(watcher)

    def _let_go(self, watcher: _Watcher) -> None:
        """End it in good order if it listens, at once if it does not."""
        self._watchers.discard(watcher)
        try:
            watcher.queue.put_nowait(END)
        except asyncio.QueueFull:
            if watcher.request.transport is not None:
                watcher.request.transport.abort()


def _event(name: str, value: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
