"""Stop lists: numbers that no task may dial, or one task may not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, select, update

from dialer.model.outcome import Outcome
from dialer.store.database import Operation, Transaction
from dialer.store.finishing import STOPPED, close_undialled
from dialer.store.schema import GLOBAL, attempt, stop_number, task

BATCH = 500
"""Numbers that one operation adds at the most: the writer is not held for long."""
_KNOWN = select(stop_number.c.phone_id).where(
    stop_number.c.task_id == bindparam("of_task"), stop_number.c.phone_id.in_(bindparam("phone_ids", expanding=True))
)
_SAY_AGAIN = (
    update(stop_number)
    .where(stop_number.c.task_id == bindparam("of_task"), stop_number.c.phone_id == bindparam("of_phone"))
    .values(phone=bindparam("said_phone"), reason=bindparam("said_reason"))
)


@dataclass(frozen=True, slots=True)
class Stop:
    """A number on a stop list."""

    phone: str
    phone_id: str
    reason: str = ""


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
    """Put up to `BATCH` numbers on the list of all tasks, or of one; their waiting attempts end at once, and a call in
    progress is their last. Says how many were not on it before."""

    def operation(tx: Transaction) -> int:
        of_task = GLOBAL if task_id is None else task_id
        said = {stop.phone_id: stop for stop in stops}
        asked = {"of_task": of_task, "phone_ids": list(said)}
        known = set(tx.connection.execute(_KNOWN, asked).scalars())
        new = [stop for phone_id, stop in said.items() if phone_id not in known]
        if known:
            tx.connection.execute(
                _SAY_AGAIN,
                [
                    {
                        "of_task": of_task,
                        "of_phone": phone_id,
                        "said_phone": said[phone_id].phone,
                        "said_reason": said[phone_id].reason,
                    }
                    for phone_id in known
                ],
            )
        if new:
            tx.connection.execute(insert(stop_number), [_values(stop, of_task, tx.now_us) for stop in new])
        # by the unique index of (task, number): a look for each task that is there
        tasks = select(task.c.id) if task_id is None else select(task.c.id).where(task.c.id == task_id)
        which = and_(attempt.c.task_id.in_(tasks), attempt.c.phone_id.in_(list(said)))
        close_undialled(tx, which, Outcome.FAIL, STOPPED)
        return len(new)

    return operation


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
    lists = [GLOBAL] if task_id is None else [GLOBAL, task_id]
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
