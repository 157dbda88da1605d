"""Connections of Asterisk's, each served in a task of its own.

What asyncio has for that (its streams) takes twice as long for a claim as all that we do: every call waits for one.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import cast

MAX_UNREAD_BYTES = 32_768
"""Of an environment, which has some thirty lines, or of a line of a reply."""


class EndlessError(Exception):
    """The peer goes on and on without the end that is waited for."""


class Connection(asyncio.Protocol):
    """What the peer says, read up to where its reader wants it; `transport` is there when it has been accepted."""

    transport: asyncio.Transport

    def __init__(self, accept: Callable[["Connection"], None]) -> None:
        self._accept = accept
        self._loop = asyncio.get_running_loop()
        self._unread = bytearray()
        self._ended: str | None = None
        """Why nothing more will come."""
        self._more: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._accept(self)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > MAX_UNREAD_BYTES:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._end("the connection was closed")
        return True  # the peer may still listen

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self._unread.clear()
        self._end("the connection was closed" if error is None else str(error))

    def pause_writing(self) -> None:
        """Whoever leaves 64 KiB of commands unread is no Asterisk, which answers each."""
        self.transport.abort()

    @property
    def is_quiet(self) -> bool:
        """Whether all that came is read, and more may come."""
        return not self._unread and self._ended is None

    async def peek(self, deadline_s: float) -> bytes:
        """The next byte, which stays unread. Raises EOFError, TimeoutError; the deadline is of the loop's clock."""
        while not self._unread:
            await self._wait_for_more(deadline_s)
        return bytes(self._unread[:1])

    async def read_until(self, end: bytes, deadline_s: float | None) -> bytes:
        """Everything up to this end, with it. Raises EOFError, TimeoutError, EndlessError. May be cancelled."""
        unread = self._unread
        place = unread.find(end)
        while place < 0 and len(unread) <= MAX_UNREAD_BYTES:
            searched = max(0, len(unread) - len(end) + 1)
            await self._wait_for_more(deadline_s)
            place = unread.find(end, searched)
        if not 0 <= place <= MAX_UNREAD_BYTES:
            raise EndlessError
        was_full = len(unread) > MAX_UNREAD_BYTES
        said = bytes(unread[: place + len(end)])
        del unread[: len(said)]
        if was_full and len(unread) <= MAX_UNREAD_BYTES and not self.transport.is_closing():
            self.transport.resume_reading()
        return said

    async def _wait_for_more(self, deadline_s: float | None) -> None:
        if self._ended is not None:
            raise EOFError(self._ended)
        more = self._more = self._loop.create_future()
        timer = None if deadline_s is None else self._loop.call_at(deadline_s, _time_is_over, more)
        try:
            await more
        finally:
            self._more = None
            if timer is not None:
                timer.cancel()

    def _end(self, why: str) -> None:
        if self._ended is None:
            self._ended = why
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)


def _time_is_over(waited_for: "asyncio.Future[None]") -> None:
    if not waited_for.done():
        waited_for.set_exception(TimeoutError())


class ConnectionTasks:
    """`protocol` is what a loop's `create_server` takes; a connection is closed when `serve` has ended, however it
    did."""

    def __init__(self, serve: Callable[[Connection], Coroutine[None, None, None]]) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Connections being served."""
        return len(self._tasks)

    def protocol(self) -> Connection:
        return Connection(self._accept)

    def _accept(self, connection: Connection) -> None:
        task = asyncio.create_task(self._serve(connection), name="FastAGI session")
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._forget(ended, connection))

    async def close(self) -> None:
        """Cancel what is still served and wait for its end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None], connection: Connection) -> None:
        """Also of a task that was cancelled before its first step."""
        self._tasks.discard(task)
        connection.transport.close()
