"""Connections to the database: many readers, one writer. What is run over one crosses to its thread and back once,
however many statements it has."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
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
        super().__init__(self._open, iter_chunk_size=1)
        self._thread.daemon = True  # the end of the process does not wait for a reader that nobody closes
        self._file = file
        self._connected: Connection  # SQLAlchemy's
        # A writer takes the lock when it begins. A transaction that reads, then writes, fails at once when another
        # process wrote in between: no time-out of SQLite's helps (SQLITE_BUSY_SNAPSHOT).
        self._begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @classmethod
    async def begin(cls, file: Path, *, writes: bool) -> Self:
        """A caller that is cancelled meanwhile ends with a connection that is closed again."""
        thread = cls(file, writes=writes)
        opening = asyncio.ensure_future(thread)
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            with suppress(SQLAlchemyError):
                await opening
                await thread.close()
            raise
        return thread

    async def run(self, work: Work[T]) -> T:
        """In a transaction. A caller that is cancelled cuts short what runs, and ends with it."""
        try:
            result: T = await self._execute(self._run, work)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            idle = asyncio.ensure_future(self._execute(lambda: None))  # type: ignore[no-untyped-call]
            while not idle.done():
                self._conn.interrupt()
                await asyncio.wait({idle}, timeout=INTERRUPT_S)
            raise
        return result

    async def close(self) -> None:
        await self._execute(self._dispose)  # type: ignore[no-untyped-call]
        await super().close()

    def _dispose(self) -> None:
        self._connected.close()
        self._connected.engine.dispose()

    def _open(self) -> sqlite3.Connection:
        """SQLAlchemy too connects here, where no cancelled caller interrupts: it asks a few things first, and would
        close a connection on which they fail."""
        try:
            connection = sqlite3.connect(self._file, cached_statements=_KEPT_STATEMENTS)
            set_up(connection)
        except sqlite3.Error as error:
            raise as_sqlalchemy_has_it("connect", error) from error
        # parameters are phone numbers, and error texts go into logs
        engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True)
        self._connected = engine.connect()
        return connection

    def _run(self, work: Work[T]) -> T:
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
        """Reads in progress go on; each closes its reader."""
        self._closed = True
        await self.drop_writer()
        for reader in self._idle:
            await reader.close()
        self._idle.clear()


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
