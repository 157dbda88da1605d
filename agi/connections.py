"""Each connection served in a task of our own.

`asyncio.start_server` makes one of a coroutine, too, but reports its cancellation as a fault (asyncio/streams.py of
Python 3.11): given a plain function it leaves that to us.
"""

import asyncio
from collections.abc import Callable, Coroutine

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class ConnectionTasks:
    """`accept` is what `start_server` calls; the connection is closed when `serve` has ended, however it did."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Connections being served."""
        return len(self._tasks)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="FastAGI session")
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._forget(ended, writer))

    async def close(self) -> None:
        """Cancel what is still served and wait for its end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        """Also of a task that was cancelled before its first step."""
        self._tasks.discard(task)
        writer.close()
