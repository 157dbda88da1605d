"""Rows for the store's tests, and files as crashes leave them."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, select

from dialer.model.attempt import Attempt, AttemptState, CallLost, apply_event
from dialer.model.call import CallOrder
from dialer.model.task import InnerNumType, Number
from dialer.store.database import Store
from dialer.store.finishing import close_ended, end_numbers
from dialer.store.queue import fetch_new
from dialer.store.results import NEXT_DUE, ResultRow, results_since
from dialer.store.schema import attempt
from dialer.store.tasks import TaskChange, save_task


def numbers(count: int) -> list[Number]:
    return [Number(f"7952{place:07d}", f"952{place:07d}") for place in range(count)]


def a_task(count: int = 1) -> TaskChange:
    return TaskChange(inner_num="201", inner_num_type=InnerNumType.EXTEN, numbers=numbers(count))


def fetch_task_results(connection: Connection, task_id: int) -> Sequence[ResultRow]:
    """Every column of a task's rows, and `next_due_us`."""
    rows = select(attempt, NEXT_DUE).where(attempt.c.task_id == task_id).order_by(attempt.c.id)
    return connection.execute(rows).all()


def fetch_results_since(connection: Connection, since_us: int, shown_us: int, page: int = 100) -> Sequence[ResultRow]:
    return connection.execute(results_since(connection, since_us, shown_us, page)).all()


async def new_task(store: Store, count: int = 1) -> int:
    return (await store.write(save_task(None, None, a_task(count)))).task_id


async def first_order(store: Store, task_id: int) -> CallOrder:
    queued = (await store.read(lambda connection: fetch_new(connection, task_id, "", 0, 1)))[0]
    return CallOrder(queued.attempt_id, task_id, queued.phone, "", "201", InnerNumType.EXTEN, queued.params)


def lost(order: CallOrder) -> Attempt:
    dialled = Attempt(order.attempt_id, order.task_id, order.inner_num_type, AttemptState.DIALLING)
    return apply_event(dialled, CallLost())


def url_of(database: Path) -> str:
    return f"sqlite:///{database}"


def beside(database: Path, ending: str) -> Path:
    """SQLite's file with this ending: wal or shm."""
    return database.with_name(f"{database.name}-{ending}")


def copy_as_a_crash_leaves_it(database: Path, target: Path) -> None:
    """Take a database that is in use, with its write-ahead log."""
    shutil.copy(database, target)
    shutil.copy(beside(database, "wal"), beside(target, "wal"))


def ask(database: Path, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query by a connection that is not the store's."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


async def end_by_user(
    store: Store, task_id: int, attempt_ids: Sequence[int] | None = None, *, hang_up: bool = False
) -> list[int]:
    """As the desk ends numbers; the attempts in progress."""
    in_progress = await store.write(end_numbers(task_id, attempt_ids, hang_up=hang_up))
    while await store.write(close_ended(task_id, attempt_ids)):
        pass
    return in_progress
