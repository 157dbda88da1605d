"""Connections to the database: many readers, one writer. What is run over one crosses to its thread and back once,
however many statements it has."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol, Self, TypeVar

import aiosqlite
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import StaticPool

from dialer.store.errors import as_sqlalchemy_has_it
from dialer.store.sqlite import set_up

T = TypeVar("T")
Work = Callable[[Connection], T]
MOST_READERS = 15
INTERRUPT_S = 0.01
"""Again and again: SQLite forgets an interruption that comes before the statement has begun."""
_KEPT_STATEMENTS = 500
"""Of sqlite3, prepared, by connection: more than there are different ones."""


class Connections(Protocol):
    """Both raise SQLAlchemyError when the database fails, and what the work raises."""

    async def read(self, work: Work[T]) -> T:
        """Run queries, in one snapshot."""

    async def write(self, work: Work[T]) -> T:
        """Run changes in a transaction of their own, committed when this returns; one after the other."""

    async def drop_writer(self) -> None:
        """Give up the connection that writes, whatever its state; the next `write` makes a new one."""

    async def close(self) -> None: ...


class _Thread(aiosqlite.Connection):
    """SQLAlchemy over an aiosqlite connection, within its thread. Transactions begin and end here: SQLAlchemy's own
    are as much work as a statement. For it there is one, without an end."""

    def __init__(self, file: Path, *, writes: bool) -> None:
        super().__init__(partial(sqlite3.connect, file, cached_statements=_KEPT_STATEMENTS), iter_chunk_size=1)
        self._thread.daemon = True  # the end of the process does not wait for a reader that nobody closes
        # parameters are phone numbers, and error texts go into logs
        self._engine = create_engine(
            "sqlite://", creator=lambda: self._conn, poolclass=StaticPool, hide_parameters=True
        )
        self._connected: Connection | None = None
        # A writer takes the lock when it begins. A transaction that reads, then writes, fails at once when another
        # process wrote in between: no time-out of SQLite's helps (SQLITE_BUSY_SNAPSHOT).
        self._begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @classmethod
    async def begin(cls, file: Path, *, writes: bool) -> Self:
        """Where it fails, or its caller is cancelled, what it has opened is closed."""
        thread = cls(file, writes=writes)
        thread._thread.start()
        opened = thread._do_in_turn(thread._open)
        try:
            await end_of(opened)
            opened.result()
        except BaseException:
            with suppress(SQLAlchemyError, sqlite3.Error):
                await thread.close()
            raise
        return thread

    async def run(self, work: Work[T]) -> T:
        """In a transaction. A caller that is cancelled cuts short what runs, and ends with it."""
        try:
            result: T = await self._execute(self._run, work)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            await end_of(self._do_in_turn(lambda: None), self._conn.interrupt)
            raise
        return result

    async def close(self) -> None:
        """After what is to be done yet; a second time nothing. Raises SQLAlchemyError or sqlite3.Error."""
        if not self._running:
            return
        disposed, stopped = self._do_in_turn(self._dispose), self.stop()
        assert stopped is not None  # noqa: S101 - it is, where a loop runs
        try:
            await end_of(stopped)
        finally:
            failed = disposed.exception() or stopped.exception()
        if failed:
            raise failed

    def _do_in_turn(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Within the thread, after what it has been told before."""
        done = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((done, work))
        return done

    def _dispose(self) -> None:
        if self._connected is not None:
            self._connected.close()
        self._engine.dispose()

    def _open(self) -> None:
        """SQLAlchemy too connects here, where nobody interrupts: it closes a connection on which its first questions
        fail."""
        try:
            self._connection = self._connector()
            set_up(self._connection)
        except sqlite3.Error as error:
            raise as_sqlalchemy_has_it("connect", error) from error
        self._connected = self._engine.connect()

    def _run(self, work: Work[T]) -> T:
        assert self._connected is not None  # noqa: S101 - since `begin`
        if self._conn.in_transaction:  # its end was interrupted
            self._do("ROLLBACK")
        self._do(self._begin)
        try:
            result = work(self._connected)
            self._do("COMMIT")
        except BaseException:
            if self._conn.in_transaction:  # SQLite itself rolls back after some errors
                self._do("ROLLBACK")
            raise
        return result

    def _do(self, sql: str) -> None:
        try:
            self._conn.execute(sql)
        except sqlite3.Error as error:
            raise as_sqlalchemy_has_it(sql, error) from error


async def end_of(future: asyncio.Future[T], meanwhile: Callable[[], None] = lambda: None) -> None:
    """However often the caller is cancelled before it; that is raised after it. `meanwhile`: every `INTERRUPT_S`."""
    is_cancelled = False
    while not future.done():
        meanwhile()
        try:
            await asyncio.wait({future}, timeout=INTERRUPT_S)
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        if not future.cancelled():
            future.exception()  # nobody else asks for it
        raise asyncio.CancelledError


class SqliteConnections:
    """To a SQLite file. Readers stay open: the last connection that closes takes SQLite's index of the log with it, and
    on a full disk nobody could read any more for want of a new one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._idle: list[_Thread] = []
        self._may_read = asyncio.Semaphore(MOST_READERS)
        self._writer: _Thread | None = None
        self._closed = False

    async def read(self, work: Work[T]) -> T:
        async with self._may_read:
            reader = self._idle.pop() if self._idle else await _Thread.begin(self._file, writes=False)
            try:
                return await reader.run(work)
            finally:
                if self._closed:
                    await reader.close()
                else:
                    self._idle.append(reader)

    async def write(self, work: Work[T]) -> T:
        if self._writer is None:
            self._writer = await _Thread.begin(self._file, writes=True)
        return await self._writer.run(work)

    async def drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    async def close(self) -> None:
        """Reads in progress go on; each closes its reader. All are closed, also where one fails or the caller is
        cancelled; that is raised then."""
        self._closed = True
        open_ones = [*([self._writer] if self._writer else []), *self._idle]
        self._writer = None
        self._idle.clear()
        failure: BaseException | None = None
        for one in open_ones:  # in turn: of two at once neither would be the last, which tidies up
            try:
                await one.close()
            except (SQLAlchemyError, sqlite3.Error, asyncio.CancelledError) as error:
                failure = failure or error
        if failure:
            raise failure


class ServerConnections:
    """To a database server, by SQLAlchemy's own asynchronous drivers."""

    def __init__(self, url: URL) -> None:
        """Raises ArgumentError, or ImportError for a driver that is not installed."""
        self._engine = create_async_engine(url, hide_parameters=True)
        self._writer: AsyncConnection | None = None

    async def read(self, work: Work[T]) -> T:
        async with self._engine.connect() as connection:
            return await connection.run_sync(work)

    async def write(self, work: Work[T]) -> T:
        if self._writer is None:
            self._writer = await self._engine.connect()
        async with self._writer.begin():
            return await self._writer.run_sync(work)

    async def drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.invalidate()
            await writer.close()

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
        await self._engine.dispose()
