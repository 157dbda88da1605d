"""What is told about a task's queue and about one of its numbers. Cheap also for a list of a million: every query has
its index, every count its bound."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, literal, select

from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome
from dialer.model.task import Task
from dialer.model.why import MOST_COUNTED, PROVIDER_FAILURES
from dialer.store.schema import QUEUED, TRIED, attempt
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
    """Numbers of the queue before it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to know."""

    task_id: int
    phone_id: str | None
    since_us: int
    """The provider's failures since then count."""


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
        None if asked.phone_id is None else fetch_number(connection, asked.task_id, asked.phone_id),
    )


def fetch_number(connection: Connection, task_id: int, phone_id: str) -> NumberRow | None:
    """The latest attempt of a number of a task, and its place; None: the number is not in its list."""
    row = connection.execute(
        select(attempt.c.id, attempt.c.state, attempt.c.result, attempt.c.cause, attempt.c.changed_us)
        .where(attempt.c.task_id == task_id, attempt.c.phone_id == phone_id)
        .order_by(attempt.c.attempt_number.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    state = AttemptState(row.state)
    earlier = _queue_of(task_id).where(attempt.c.id < row.id)
    before = _bounded(connection, earlier, MOST_COUNTED + 1) if state is AttemptState.CREATED else 0
    return NumberRow(row.id, state, row.result, row.cause, row.changed_us, before)


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
