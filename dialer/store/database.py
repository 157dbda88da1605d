"""The database: one writer that groups commits, readers beside it."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from dialer.store.schema import SCHEMA_VERSION, SQLITE_EXTRAS, TRIED, answer, attempt, metadata, task

log = logging.getLogger(__name__)
T = TypeVar("T")
GROUP_SIZE = 256
"""Operations in one commit at the most."""
TICK_US = 100
"""Time stamps are multiples of this: the API shows four decimals, and what it shows must compare as what is stored."""


class StoreError(Exception):
    """The database cannot be used; the text says which file and why."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What an operation gets: the connection and the time stamp of everything it changes."""

    connection: Connection
    now_us: int
    """Microseconds since 1970, never smaller than in an earlier transaction."""


Operation = Callable[[Transaction], T]
Query = Callable[[Connection], T]


@dataclass(slots=True)
class _Job:
    operation: Operation[Any]
    done: asyncio.Future[Any]


class Store:
    """Use `read` for queries and `write` for operations; both are plain functions over a SQLAlchemy connection.

    Operations are applied in the order of `write` calls. They may run twice (a group that fails is repeated one by
    one), so they touch nothing but the database.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None
        self._write_connection: AsyncConnection | None = None
        self._last_us = 0

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Open or create the database. Raises StoreError for a file that is not ours or of a newer version."""
        try:
            engine = create_async_engine(_async_url(url))
        except (ArgumentError, ImportError) as error:
            raise StoreError(f"[store] url: {error}") from error
        if engine.dialect.name == "sqlite":
            event.listen(engine.sync_engine, "connect", _set_up_sqlite)
            event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        store = cls(engine)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_create_or_check)
                store._last_us = await connection.run_sync(_latest_stamp)
        except DatabaseError as error:
            await engine.dispose()
            raise StoreError(f"[store] url {engine.url.render_as_string()}: {error.orig}") from error
        except StoreError:
            await engine.dispose()
            raise
        store._writer = asyncio.create_task(store._write_groups(), name="store writer")
        return store

    @property
    def url(self) -> str:
        """Where the data is, without a password."""
        return self._engine.url.render_as_string()

    async def close(self) -> None:
        """Commit what was asked for, then close."""
        if self._writer is not None:
            await self._jobs.join()
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if self._write_connection is not None:
            await self._write_connection.close()
        await self._engine.dispose()

    async def read(self, query: Query[T]) -> T:
        """Return the query's result. Raises StoreError when the database fails."""
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(query)
        except SQLAlchemyError as error:
            raise StoreError(f"the database failed: {error}") from error

    async def write(self, operation: Operation[T]) -> T:
        """Return the operation's result once it is committed (durable against the death of this process and, with
        SQLite's synchronous=FULL, of the machine). A caller that is cancelled does not undo it. Raises what the
        operation raises, and StoreError when the database fails."""
        return await asyncio.shield(self.submit(operation))

    def submit(self, operation: Operation[T]) -> "asyncio.Future[T]":
        """Queue the operation now; the future is done when it is committed."""
        job = _Job(operation, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        return job.done

    async def _write_groups(self) -> None:
        while True:
            group = [await self._jobs.get()]
            while len(group) < GROUP_SIZE and not self._jobs.empty():
                group.append(self._jobs.get_nowait())
            try:
                await self._commit(group)
            finally:
                for _ in group:
                    self._jobs.task_done()

    async def _commit(self, group: list[_Job]) -> None:
        try:
            results = await self._apply(group)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the operation
            if len(group) > 1:
                for job in group:
                    await self._commit([job])
            elif not group[0].done.done():
                if isinstance(error, SQLAlchemyError):
                    log.warning("database operation failed: %s", error)
                    error = StoreError(f"the database failed: {error}")
                group[0].done.set_exception(error)
            return
        for job, result in zip(group, results, strict=True):
            if not job.done.done():
                job.done.set_result(result)

    async def _apply(self, group: list[_Job]) -> list[Any]:
        if self._write_connection is None:
            self._write_connection = await self._engine.connect()
        async with self._write_connection.begin():
            return await self._write_connection.run_sync(self._apply_sync, group)

    def _apply_sync(self, connection: Connection, group: list[_Job]) -> list[Any]:
        self._last_us = max(self._last_us, time.time_ns() // 1000 // TICK_US * TICK_US)
        transaction = Transaction(connection, self._last_us)
        return [job.operation(transaction) for job in group]


def _async_url(url: str) -> str:
    parsed = make_url(url)
    if parsed.drivername == "sqlite":
        parsed = parsed.set(drivername="sqlite+aiosqlite")
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    elif parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+asyncpg")
    return parsed.render_as_string(hide_password=False)


def _set_up_sqlite(dbapi_connection: Any, _record: ConnectionPoolEntry) -> None:
    dbapi_connection.isolation_level = None  # transactions begin where we say, not where Python's sqlite3 guesses
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # FULL: a granted claim must survive a power cut, or the number would look undialled and be dialled again.
    # Grouped commits share its cost.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.close()


def _create_or_check(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        version = connection.execute(text("PRAGMA user_version")).scalar_one()
        tables = connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one()
        if version == 0 and tables:
            raise StoreError(f"{connection.engine.url.database} is a database of some other program")
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{connection.engine.url.database} has schema version {version}; this dialer knows {SCHEMA_VERSION}: "
                "install the newer dialer or give another [store] url"
            )
        if version == SCHEMA_VERSION:
            return
        metadata.create_all(connection)
        for statement in SQLITE_EXTRAS:
            connection.execute(text(statement))
        connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))
    else:
        metadata.create_all(connection)


def _latest_stamp(connection: Connection) -> int:
    """The last time stamp given; of attempts only those that have left the queue (by their index), and their tasks."""
    queries = (
        select(func.max(attempt.c.changed_us)).where(TRIED),
        select(func.max(answer.c.changed_us)),
        select(func.max(task.c.changed_us)),
    )
    return max(int(connection.execute(query).scalar_one() or 0) for query in queries)
