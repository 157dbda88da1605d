"""The queue of a task: which of its numbers may be dialled now, which later."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, literal_column, select, update

from dialer.model.rules import as_rules
from dialer.store.database import Operation, Transaction
from dialer.store.schema import QUEUED, READY, attempt, dialled, task

_LANE = (READY, attempt.c.task_id == bindparam("of_task"), attempt.c.zone == bindparam("of_zone"))
_COLUMNS = (
    attempt.c.id,
    attempt.c.phone,
    attempt.c.phone_id,
    attempt.c.params,
    attempt.c.caller_id,
    attempt.c.zone,
    attempt.c.ring_timeout_s,
)
_FETCH_DUE = (
    select(*_COLUMNS)
    .where(*_LANE, attempt.c.due_us > literal_column("0"), attempt.c.due_us <= bindparam("now_us"))
    .order_by(attempt.c.due_us, attempt.c.id)
    .limit(bindparam("most"))
)
_FETCH_NEW = (
    select(*_COLUMNS)
    .where(*_LANE, attempt.c.due_us == literal_column("0"), attempt.c.id > bindparam("after_id"))
    .order_by(attempt.c.id)
    .limit(bindparam("most"))
)
_NEXT_DUE = select(func.min(attempt.c.due_us)).where(*_LANE, attempt.c.due_us > bindparam("now_us"))
_NEXT_ZONE = select(func.min(attempt.c.zone)).where(
    READY, attempt.c.task_id == bindparam("of_task"), attempt.c.zone > bindparam("after_zone")
)
_HAS_ZONE = select(attempt.c.id).where(*_LANE).limit(1)


@dataclass(frozen=True, slots=True)
class Queued:
    """An attempt that waits for a channel."""

    attempt_id: int
    phone: str
    phone_id: str
    params: dict[str, object] | None
    caller_id: str | None
    zone: str
    ring_timeout_s: int | None = None


def fetch_due(connection: Connection, task_id: int, zone: str, now_us: int, limit: int) -> list[Queued]:
    """Attempts of a zone whose time has come, those that have waited longest first: the next attempts of numbers, and
    numbers with a time of their own."""
    rows = connection.execute(_FETCH_DUE, {"of_task": task_id, "of_zone": zone, "now_us": now_us, "most": limit})
    return [Queued(*row) for row in rows]


def fetch_new(connection: Connection, task_id: int, zone: str, after_id: int, limit: int) -> list[Queued]:
    """Attempts of a zone that may be made at any time, in the order of the list, behind `after_id`."""
    rows = connection.execute(_FETCH_NEW, {"of_task": task_id, "of_zone": zone, "after_id": after_id, "most": limit})
    return [Queued(*row) for row in rows]


def fetch_next_due_us(connection: Connection, task_id: int, zone: str, now_us: int) -> int | None:
    """When the next attempt of a zone is due that is not yet."""
    return connection.execute(_NEXT_DUE, {"of_task": task_id, "of_zone": zone, "now_us": now_us}).scalar()


def fetch_zones(connection: Connection, task_id: int) -> list[str]:
    """The zones that a task's waiting numbers lie in: one look into the index for each."""
    of_task = {"of_task": task_id}
    zones = [""] if connection.execute(_HAS_ZONE, {**of_task, "of_zone": ""}).first() else []
    zone = connection.execute(_NEXT_ZONE, {**of_task, "after_zone": ""}).scalar()
    while zone is not None:
        zones.append(str(zone))
        zone = connection.execute(_NEXT_ZONE, {**of_task, "after_zone": zone}).scalar()
    return zones


def fetch_called_out(connection: Connection, phone_ids: Sequence[str], day: int, most: int) -> set[str]:
    """Those of the telephones that have been called `most` times on the day."""
    rows = connection.execute(
        select(dialled.c.phone_id).where(
            dialled.c.day == day, dialled.c.phone_id.in_(phone_ids), dialled.c.times >= most
        )
    )
    return set(rows.scalars())


def postpone(task_id: int, attempt_ids: Sequence[int], due_us: int, max_per_day: int) -> Operation[None]:
    """Let attempts that wait wait until then; not where the task's `maxPerDay` is no longer the one by which that was
    decided."""

    def operation(tx: Transaction) -> None:
        rules = tx.connection.execute(select(task.c.rules).where(task.c.id == task_id)).scalar()
        if rules is None or as_rules(rules).max_per_day != max_per_day:
            return
        which = (attempt.c.id.in_(attempt_ids), QUEUED, attempt.c.due_us < due_us)
        tx.connection.execute(update(attempt).where(*which).values(due_us=due_us))

    return operation
