"""Stop lists: numbers that no task may dial, or one task may not.

A number is not dialled from the moment it is listed: the claim looks here. Its waiting attempts end by operations of
their own, some tasks at a time: a number may wait in thousands of tasks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select, update

from dialer.model.outcome import Outcome
from dialer.store.database import Operation, Transaction
from dialer.store.finishing import STOPPED, close_undialled
from dialer.store.schema import GLOBAL, IN_PROGRESS, QUEUED, attempt, stop_number, task

BATCH = 500
"""Numbers that one operation adds at the most: the writer is not held for long."""
_ENDED_AT_ONCE = 2000
"""Attempts that one operation ends at the most: 0.07 s."""
_KNOWN = select(stop_number.c.phone_id).where(
    stop_number.c.task_id == bindparam("of_task"), stop_number.c.phone_id.in_(bindparam("phone_ids", expanding=True))
)
_SAY_AGAIN = (
    update(stop_number)
    .where(stop_number.c.task_id == bindparam("of_task"), stop_number.c.phone_id == bindparam("of_phone"))
    .values(
        phone=bindparam("said_phone"),
        reason=func.coalesce(func.nullif(bindparam("said_reason"), ""), stop_number.c.reason),
    )
)
_OF_THIS_TASK = attempt.c.task_id == task.c.id
_WITH_WAITING = select(task.c.id).where(
    or_(*(select(attempt.c.id).where(_OF_THIS_TASK, one).exists() for one in (QUEUED, IN_PROGRESS)))
)


@dataclass(frozen=True, slots=True)
class Stop:
    """A number on a stop list."""

    phone: str
    phone_id: str
    reason: str = ""
    """Empty: not said; what is stored stays."""


@dataclass(frozen=True, slots=True)
class StopRow:
    """A number as it stands on a list."""

    row_id: int
    task_id: int | None
    """None: on the list of all tasks."""
    phone: str
    phone_id: str
    reason: str
    created_us: int


def add_stops(stops: Sequence[Stop], task_id: int | None = None) -> Operation[int]:
    """Put up to `BATCH` numbers on the list of all tasks, or of one: none of their attempts is begun any more, and a
    call in progress is their last. Says how many were not on it before. `end_stopped` comes next."""

    def operation(tx: Transaction) -> int:
        of_task = GLOBAL if task_id is None else task_id
        said = {stop.phone_id: stop for stop in stops}
        asked = {"of_task": of_task, "phone_ids": list(said)}
        known = set(tx.connection.execute(_KNOWN, asked).scalars())
        new = [stop for phone_id, stop in said.items() if phone_id not in known]
        again = [
            {"of_task": of_task, "of_phone": one, "said_phone": said[one].phone, "said_reason": said[one].reason}
            for one in known
        ]
        if again:
            tx.connection.execute(_SAY_AGAIN, again)
        if new:
            tx.connection.execute(insert(stop_number), [_values(stop, of_task, tx.now_us) for stop in new])
        return len(new)

    return operation


def end_stopped(phone_ids: Sequence[str], task_ids: Sequence[int]) -> Operation[int]:
    """End the waiting attempts of listed numbers in these tasks, `share_out`'s; say how many. What is left waiting by a
    daemon that is killed before ends when it would be dialled, or when the numbers are listed again."""

    def operation(tx: Transaction) -> int:
        # by the unique index of task and number
        which = and_(attempt.c.task_id.in_(task_ids), attempt.c.phone_id.in_(phone_ids))
        return close_undialled(tx, which, Outcome.FAIL, STOPPED)

    return operation


def share_out(task_ids: Sequence[int], numbers: int) -> Iterator[Sequence[int]]:
    """The tasks, as many at a time as one operation may go through for so many numbers."""
    at_once = max(1, _ENDED_AT_ONCE // max(1, numbers))
    for start in range(0, len(task_ids), at_once):
        yield task_ids[start : start + at_once]


def fetch_tasks_with_waiting(connection: Connection) -> list[int]:
    """Tasks that have attempts without a result: a look into the index for each, however many rows are finished."""
    return list(connection.execute(_WITH_WAITING).scalars())


def remove_stop(phone_id: str, task_id: int | None = None) -> Operation[bool]:
    """Take a number off the list of all tasks, or of one; False: it was not on it."""

    def operation(tx: Transaction) -> bool:
        of_task = GLOBAL if task_id is None else task_id
        gone = delete(stop_number).where(stop_number.c.task_id == of_task, stop_number.c.phone_id == phone_id)
        return tx.connection.execute(gone).rowcount > 0

    return operation


def fetch_stops(connection: Connection, task_id: int | None, after_id: int, limit: int) -> list[StopRow]:
    """The list of all tasks, or of one, oldest first, with ids greater than that."""
    of_task = GLOBAL if task_id is None else task_id
    rows = connection.execute(
        select(stop_number)
        .where(stop_number.c.task_id == of_task, stop_number.c.id > after_id)
        .order_by(stop_number.c.id)
        .limit(limit)
    )
    return [_row_of(row) for row in rows]


def find_stops(connection: Connection, phone_id: str) -> list[StopRow]:
    """Every list that a number is on."""
    rows = connection.execute(
        select(stop_number).where(stop_number.c.phone_id == phone_id).order_by(stop_number.c.task_id)
    )
    return [_row_of(row) for row in rows]


def fetch_stopped(connection: Connection, phone_ids: Sequence[str], task_id: int | None) -> set[str]:
    """Those of the numbers that a task may not dial; None: any task."""
    return fetch_on_lists(connection, phone_ids, [GLOBAL] if task_id is None else [GLOBAL, task_id])


def fetch_on_lists(connection: Connection, phone_ids: Sequence[str], lists: Sequence[int]) -> set[str]:
    """Those of the numbers that stand on one of these lists: of tasks, or `GLOBAL`."""
    found: set[str] = set()
    for start in range(0, len(phone_ids), BATCH):
        some = phone_ids[start : start + BATCH]
        rows = connection.execute(
            select(stop_number.c.phone_id).where(stop_number.c.task_id.in_(lists), stop_number.c.phone_id.in_(some))
        )
        found.update(rows.scalars())
    return found


def _values(stop: Stop, task_id: int, now_us: int) -> dict[str, object]:
    return {
        "task_id": task_id,
        "phone_id": stop.phone_id,
        "phone": stop.phone,
        "reason": stop.reason,
        "created_us": now_us,
    }


def _row_of(row: Row[Any]) -> StopRow:
    task_id = None if row.task_id == GLOBAL else row.task_id
    return StopRow(row.id, task_id, row.phone, row.phone_id, row.reason, row.created_us)
