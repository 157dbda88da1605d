"""What is told about a task's queue and about one of its numbers. Cheap also for a list of a million: every query has
its index, every count its bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, literal, literal_column, select

from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome
from dialer.model.situation import MOST_COUNTED, PROVIDER_FAILURES
from dialer.model.task import Task
from dialer.store.schema import OF_CLIENT, QUEUED, READY, TRIED, attempt, dialled
from dialer.store.tasks import fetch_task

_RECENT_ROWS = 2000
"""Rows changed last, of all tasks, among which a task's last results are looked for."""
_FEW = 500
"""A queue of no more is told exactly; of a longer one it does not matter what has just left it."""


@dataclass(frozen=True, slots=True)
class NumberRow:
    """The latest attempt of a number."""

    attempt_id: int
    state: AttemptState
    result: str | None
    cause: str | None
    changed_us: int
    before: int
    """Numbers of the list before it, of its zone."""
    before_ids: Sequence[int]
    """Their attempts, of so few that one more or less is worth telling; else empty."""
    phone_id: str
    zone: str
    due_us: int
    until_us: int | None
    held_by: str | None
    """The number of the same client that is tried first."""
    called_today: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to know."""

    task_id: int
    phone_id: str | None
    since_us: int
    """The provider's failures since then count."""
    day: int = 0
    """Of the PBX's zone, counted from year 1."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    task: Task
    waiting: int
    """Numbers in its queue, at most `MOST_COUNTED` + 1."""
    waiting_ids: Sequence[int]
    """Their attempts, of a queue so short that one more or less is worth telling; else empty."""
    provider_failures: list[str | None]
    """Causes, latest first."""
    number: NumberRow | None


def fetch_facts(connection: Connection, asked: Asked) -> TaskFacts | None:
    """What the database knows; None: no such task."""
    task = fetch_task(connection, asked.task_id)
    if task is None:
        return None
    waiting = _bounded(connection, _queue_of(asked.task_id), MOST_COUNTED + 1)
    few = _queue_of(asked.task_id).limit(_FEW) if waiting <= _FEW else None
    return TaskFacts(
        task,
        waiting,
        () if few is None else [row.id for row in connection.execute(few)],
        fetch_provider_failures(connection, asked.task_id, asked.since_us, PROVIDER_FAILURES),
        None if asked.phone_id is None else fetch_number(connection, asked.task_id, asked.phone_id, asked.day),
    )


def fetch_number(connection: Connection, task_id: int, phone_id: str, day: int = 0) -> NumberRow | None:
    """The latest attempt of a number of a task, and its place; None: the number is not in its list. `day`: whose calls
    to the telephone are told."""
    row = connection.execute(
        select(attempt)
        .where(attempt.c.task_id == task_id, attempt.c.phone_id == phone_id)
        .order_by(attempt.c.attempt_number.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    state = AttemptState(row.state)
    before, before_ids = 0, list[int]()
    if state is AttemptState.CREATED and row.due_us == 0 and not row.held:
        of_zone = (attempt.c.zone == row.zone, attempt.c.due_us == literal_column("0"))
        lane = (READY, attempt.c.task_id == task_id, *of_zone)
        ahead = select(attempt.c.id).where(*lane, attempt.c.id < row.id)
        before = _bounded(connection, ahead, MOST_COUNTED + 1)
        if before <= _FEW:
            before_ids = list(connection.execute(ahead).scalars())
    return NumberRow(
        row.id,
        state,
        row.result,
        row.cause,
        row.changed_us,
        before,
        before_ids,
        row.phone_id,
        row.zone,
        row.due_us,
        row.until_us,
        _held_by(connection, row) if row.held and row.closed_us is None else None,
        connection.execute(select(dialled.c.times).where(dialled.c.day == day, dialled.c.phone_id == phone_id)).scalar()
        or 0,
    )


def has_held(connection: Connection, task_id: int) -> bool:
    """Whether a number of a task waits for another one of its client."""
    held = select(attempt.c.id).where(attempt.c.task_id == task_id, QUEUED, attempt.c.held == 1).limit(1)
    return connection.execute(held).first() is not None


def _held_by(connection: Connection, row: Row[Any]) -> str | None:
    same_client = (attempt.c.task_id == row.task_id, attempt.c.client_id == row.client_id, OF_CLIENT)
    return connection.execute(select(attempt.c.phone).where(*same_client, attempt.c.held == 0).limit(1)).scalar()


def fetch_provider_failures(connection: Connection, task_id: int, since_us: int, most: int) -> list[str | None]:
    """The causes of the task's results since then, latest first, as far as they are FAIL_PROVIDER in a row; at most
    `most`, and of what all tasks have changed lately."""
    recent = (
        select(attempt.c.task_id, attempt.c.result, attempt.c.cause, attempt.c.changed_us, attempt.c.id)
        .where(TRIED, attempt.c.changed_us >= since_us)
        .order_by(attempt.c.changed_us.desc(), attempt.c.id.desc())
        .limit(_RECENT_ROWS)
        .subquery()
    )
    rows = connection.execute(
        select(recent.c.result, recent.c.cause)
        .where(recent.c.task_id == task_id, recent.c.result.is_not(None))
        .order_by(recent.c.changed_us.desc(), recent.c.id.desc())
        .limit(most)
    )
    causes: list[str | None] = []
    for row in rows:
        if row.result != Outcome.FAIL_PROVIDER.value:
            break
        causes.append(row.cause)
    return causes


def _queue_of(task_id: int) -> Select[tuple[int]]:
    return select(attempt.c.id).where(attempt.c.task_id == task_id, QUEUED)


def _bounded(connection: Connection, ids: Select[tuple[int]], most: int) -> int:
    some = ids.limit(literal(most)).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
