"""The database: one writer that groups commits, readers beside it."""

import asyncio
import contextlib
import functools
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Insert, delete, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from dialer.store.connections import Connections, ServerConnections, SqliteConnections, end_of
from dialer.store.errors import (
    DatabaseRefusedError,
    StoreError,
    is_disk_full,
    is_of_operation,
    leaves_guesses,
    store_error,
)
from dialer.store.schema import SCHEMA_VERSION, TRIED, answer, attempt, meta, metadata, task
from dialer.store.sqlite import CHECK_DUE, PageCheck, check_file, prepare_file
from dialer.store.url import sqlite_file

__all__ = ["DatabaseRefusedError", "Operation", "Query", "Store", "StoreError", "Transaction", "as_it_is"]

log = logging.getLogger(__name__)
T = TypeVar("T")
GROUP_SIZE = 256
"""Operations in one commit at the most."""
TICK_US = 100
"""Time stamps are multiples of this: the API shows four decimals, and what it shows must compare as what is stored."""
LATER_S = 0.05
"""How long an operation that may wait waits for others at the most. Each commit costs the disk, two threads and some
statements of its own: what waits goes with the next claim."""
APART_S = 0.02
"""How long after the beginning of the last commit the next one begins for operations that are many, each waited for:
alone, each pays for a commit that is more work than itself."""
MANY_APART_S = APART_S / 2
"""They are many when they come so close after one another; fewer are committed at once."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What an operation gets: the connection and the time stamp of everything it changes."""

    connection: Connection
    now_us: int
    """Microseconds since 1970, greater than in any earlier transaction, whatever the machine's clock does: who has seen
    everything up to a time stamp asks for what is greater."""
    told: set[tuple[str, str]] = field(default_factory=set)
    """Topics with details, for whoever listens to the store: told once all this is committed."""

    later: dict[Insert, list[dict[str, object]]] = field(default_factory=dict)

    def tell(self, topic: str, detail: str) -> None:
        self.told.add((topic, detail))

    def add_later(self, statement: Insert, values: dict[str, object]) -> int:
        """Insert a row that no operation looks at: with the others of its kind, at the end of this transaction. Returns
        how many there are so far."""
        rows = self.later.setdefault(statement, [])
        rows.append(values)
        return len(rows)


Operation = Callable[[Transaction], T]
Query = Callable[[Connection], T]


def as_it_is(operation: Operation[T]) -> Operation[T]:
    """Nothing is added to the operation."""
    return operation


@dataclass(slots=True)
class _Job:
    operation: Operation[Any]
    done: asyncio.Future[Any]


class Store:
    """Use `read` for queries and `write` for operations; both are plain functions over a SQLAlchemy connection.

    Operations are applied in the order of `write` calls. They may run twice (a group that fails is repeated one by
    one), so they touch nothing but the database.
    """

    def __init__(self, url: URL, connections: Connections) -> None:
        """`open` makes one."""
        self._url = url
        self._connections = connections
        self._jobs: deque[_Job] = deque()
        self._due = asyncio.Event()
        """Somebody waits for the first jobs."""
        self._due_later: asyncio.TimerHandle | None = None
        self._due_at_s = math.inf
        """When that is. (uvloop's handle of less than a millisecond does not tell.)"""
        self._began_s = -math.inf
        """When the last commit began, by the loop's clock."""
        self._last_of_many_s = -math.inf
        self._apart_s = LATER_S
        """Between two operations that may be many: the mean of the last ones."""
        self._writer: asyncio.Task[None] | None = None
        self._last_us = 0
        self._closed = False
        self.operations_asked = 0
        """Since the start."""
        self._trouble: str | None = None
        self._damage: str | None = None
        self._unread: Path | None = None
        """A file that is to be checked and was not read whole."""
        self._listeners: dict[str, Callable[[str], None]] = {}
        self.on_commit: Callable[[int, float], None] = lambda operations, took_s: None
        """Told of each commit: how many operations it had, and its time, theirs included."""
        self.on_refused_commit: Callable[[], None] = lambda: None
        """Told of each that the database refused."""

    @classmethod
    async def open(cls, url: str, *, beside_daemon: bool = False, checks_later: bool = False) -> "Store":
        """Open, upgrade or create the database. Raises DatabaseRefusedError for what cannot become ours, StoreError for
        what may be over soon: a lock, a full disk. `beside_daemon`: only open, another process has done the rest.
        `checks_later`: a large file that is to be checked is opened unread; whoever opens it calls `check`."""
        try:
            parsed = make_url(url)
            file = sqlite_file(parsed)
            connections: Connections
            connections = ServerConnections(_async_url(parsed)) if file is None else SqliteConnections(file)
        except (ArgumentError, ImportError) as error:
            raise DatabaseRefusedError(f"[store] url: {error}") from error
        store = cls(parsed, connections)
        try:
            if file is None:
                await connections.write(metadata.create_all)
            elif beside_daemon:
                await asyncio.to_thread(check_file, file)
            elif await asyncio.to_thread(prepare_file, file, checks_later=checks_later):
                store._unread = file
            store._last_us = await connections.read(_latest_stamp)
        except SQLAlchemyError as error:
            await store.close()
            raise store_error(error, store._place) from error
        except StoreError:
            await store.close()
            raise
        store._writer = asyncio.create_task(store._write_groups(), name="store writer")
        return store

    async def check(self, after_s: float = 0.0) -> None:
        """Read what `open` has left unread: damage is trouble from then on. One that does not come to its end, or finds
        damage, is due again at the next start."""
        if self._unread is None:
            return
        await asyncio.sleep(after_s)
        pages = PageCheck(self._unread)
        reading = asyncio.get_running_loop().run_in_executor(None, pages.run)
        try:
            await asyncio.shield(reading)
        except DatabaseRefusedError as error:
            log.critical("%s", error)
            self._damage = str(error)
        except StoreError as error:
            log.warning("%s is not checked after its unclean end: %s", self._place, error)
        else:
            with contextlib.suppress(StoreError):  # then it is checked once more
                await self.write(_forget_check)
        finally:
            await end_of(reading, pages.interrupt)

    @property
    def trouble(self) -> str | None:
        """Why the last group could not be committed, in words; None since one could. Damage stays."""
        return self._damage or self._trouble

    @property
    def operations_waiting(self) -> int:
        """Operations that the writer has not begun."""
        return len(self._jobs)

    @property
    def url(self) -> str:
        """Where the data is, without a password."""
        return self._url.render_as_string()

    @property
    def _place(self) -> str:
        """The database as error texts name it."""
        return str(sqlite_file(self._url) or self.url)

    def listen(self, topic: str, callback: Callable[[str], None]) -> None:
        """Call back with the detail of whatever operations tell on this topic, once it is committed."""
        self._listeners[topic] = callback

    async def close(self) -> None:
        """Commit what was asked for, then close. What is asked for later, reads too, fails with StoreError."""
        self._closed = True
        if self._writer is not None:
            self._due.set()
            await asyncio.wait({self._writer})
        await self._connections.close()

    async def read(self, query: Query[T]) -> T:
        """Return the query's result. Raises StoreError when the database fails, and once it is to be closed."""
        if self._closed:
            raise self._closed_error()
        try:
            return await self._connections.read(query)
        except SQLAlchemyError as error:
            raise self._told(error) from error

    async def write(self, operation: Operation[T]) -> T:
        """Return the operation's result once it is committed (durable against the death of this process and, with
        SQLite's synchronous=FULL, of the machine). A caller that is cancelled does not undo it. Raises what the
        operation raises, and StoreError when the database fails."""
        return await self.submit(operation)

    async def probe(self) -> None:
        """Try whether the database can be written; `trouble` tells."""
        with contextlib.suppress(StoreError):
            await self.write(_touch)

    def submit(
        self, operation: Operation[T], *, may_wait: bool = False, is_one_of_many: bool = False
    ) -> "asyncio.Future[T]":
        """Queue the operation now; the future is done when it is committed. `may_wait`: in 50 ms, unless others are
        before that: then with them. `is_one_of_many`: likewise, 20 ms after commits began last, where such come
        more than 100 times a second."""
        loop = asyncio.get_running_loop()
        job = _Job(operation, loop.create_future())
        self.operations_asked += 1
        if self._closed:
            job.done.set_exception(self._closed_error())
            return job.done
        self._jobs.append(job)
        if may_wait:
            self._commit_at(loop, loop.time() + LATER_S)
        elif is_one_of_many and self._are_many(loop.time()):
            self._commit_at(loop, self._began_s + APART_S)
        else:
            self._due.set()
        return job.done

    def _are_many(self, now_s: float) -> bool:
        """Whether those that may be are, with the one that comes now."""
        self._apart_s += (min(LATER_S, now_s - self._last_of_many_s) - self._apart_s) / 8
        self._last_of_many_s = now_s
        return self._apart_s < MANY_APART_S

    def _commit_at(self, loop: asyncio.AbstractEventLoop, at_s: float) -> None:
        """Or before that, when somebody else waits for less long."""
        if self._due.is_set():
            return
        if at_s <= loop.time():
            self._due.set()
        elif self._due_later is None or at_s < self._due_at_s:
            if self._due_later is not None:
                self._due_later.cancel()
            self._due_later, self._due_at_s = loop.call_at(at_s, self._due.set), at_s

    async def _write_groups(self) -> None:
        while self._jobs or not self._closed:
            await self._due.wait()
            self._due.clear()
            if self._jobs:  # some that came amid the last round may be committed with it
                self._began_s = asyncio.get_running_loop().time()
            if self._due_later is not None:
                self._due_later.cancel()
                self._due_later = None
            due = len(self._jobs)
            while due > 0:
                group = [self._jobs.popleft() for _ in range(min(GROUP_SIZE, len(self._jobs)))]
                due -= len(group)
                await self._commit(group)

    async def _commit(self, group: list[_Job]) -> Exception | None:
        """Commit the group, or tell everybody in it why not; return why the group as a whole could not be."""
        began_s = time.perf_counter()
        try:
            results, told = await self._connections.write(functools.partial(self._apply, group=group))
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the operation
            if not is_of_operation(error):
                self.on_refused_commit()
            if leaves_guesses(error):
                with contextlib.suppress(Exception):  # it is given up, whatever its state
                    await self._connections.drop_writer()
            if len(group) > 1 and (is_of_operation(error) or is_disk_full(error)):
                await self._commit_one_by_one(group)
            else:
                self._fail(group, error)
            return error
        self.on_commit(len(group), time.perf_counter() - began_s)
        self._trouble = None
        for job, result in zip(group, results, strict=True):
            if not job.done.done():
                job.done.set_result(result)
        for topic, detail in told:
            if topic in self._listeners:
                self._listeners[topic](detail)
        return None

    async def _commit_one_by_one(self, group: list[_Job]) -> None:
        """For the sake of those that are not to blame for the group's failure: not the wrong operation, not the list
        for which the disk has no room. What would fail for everybody, a lock above all, is waited for only once."""
        too_large = 0
        for place, job in enumerate(group):
            error = await self._commit([job])
            if error is None or is_of_operation(error):
                continue
            too_large += 1
            if too_large > 1 or not is_disk_full(error):
                self._fail(group[place + 1 :], error)
                return

    def _fail(self, group: list[_Job], error: Exception) -> None:
        reason = self._told(error) if isinstance(error, SQLAlchemyError) else error
        if not is_of_operation(error) and str(reason) != self._trouble:  # said once, not for each that waits
            log.warning("nothing can be stored: %s", reason)
            self._trouble = str(reason)
        for job in group:
            if not job.done.done():
                job.done.set_exception(type(reason)(*reason.args) if isinstance(reason, StoreError) else reason)

    def _closed_error(self) -> StoreError:
        return StoreError(f"the database {self._place} is closed")

    def _told(self, error: SQLAlchemyError) -> StoreError:
        told = store_error(error, self._place)
        if isinstance(told, DatabaseRefusedError):
            self._damage = str(told)
        return told

    def _apply(self, connection: Connection, group: list[_Job]) -> tuple[list[Any], set[tuple[str, str]]]:
        self._last_us = max(self._last_us + TICK_US, time.time_ns() // 1000 // TICK_US * TICK_US)
        transaction = Transaction(connection, self._last_us)
        results = [job.operation(transaction) for job in group]
        for statement, rows in transaction.later.items():
            connection.execute(statement, rows)
        return results, transaction.told


def _async_url(url: URL) -> URL:
    return url.set(drivername="postgresql+asyncpg") if url.drivername == "postgresql" else url


def _touch(tx: Transaction) -> None:
    """Write what stands there already: a page of the log, as the smallest change needs one."""
    if tx.connection.dialect.name == "sqlite":
        tx.connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _forget_check(tx: Transaction) -> None:
    tx.connection.execute(delete(meta).where(meta.c.key == CHECK_DUE))


def _latest_stamp(connection: Connection) -> int:
    """The last time stamp given; of attempts only those that have left the queue (by their index), and their tasks."""
    queries = (
        select(func.max(attempt.c.changed_us)).where(TRIED),
        select(func.max(answer.c.changed_us)),
        select(func.max(task.c.changed_us)),
    )
    return max(int(connection.execute(query).scalar_one() or 0) for query in queries)
