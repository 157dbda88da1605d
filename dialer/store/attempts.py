"""Attempts on their way: reserved, claimed, closed."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from dialer.model.attempt import DIALLED_STATES, Attempt, AttemptState, shown_state
from dialer.model.task import InnerNumType, TaskState
from dialer.store.database import Operation, Transaction
from dialer.store.pollings import find_polling_id
from dialer.store.schema import IN_PROGRESS, QUEUED, answer, attempt, task


@dataclass(frozen=True, slots=True)
class Reserved:
    """An attempt taken from the queue, with what its call file needs."""

    attempt_id: int
    task_id: int
    phone: str
    dial_prefix: str
    inner_num: str
    inner_num_type: InnerNumType
    call_file: str


@dataclass(frozen=True, slots=True)
class InProgress:
    """An attempt that was on its way when the daemon stopped or lost Asterisk."""

    attempt: Attempt
    call_file: str


def call_file_name(task_id: int, phone: str, inner_num: str) -> str:
    return f"dialer-{task_id}-{phone}-{inner_num}.call"


def reserve_attempts(wanted: Mapping[int, int]) -> Operation[list[Reserved]]:
    """Take up to `wanted[task_id]` queued attempts of each open task, oldest first."""

    def operation(tx: Transaction) -> list[Reserved]:
        reserved: list[Reserved] = []
        for task_id, count in wanted.items():
            reserved += _reserve(tx, task_id, count)
        return reserved

    return operation


def _reserve(tx: Transaction, task_id: int, count: int) -> list[Reserved]:
    owner = tx.connection.execute(
        select(task).where(task.c.id == task_id, task.c.state == TaskState.OPEN.value)
    ).first()
    if owner is None:
        return []
    rows = tx.connection.execute(
        select(attempt.c.id, attempt.c.phone)
        .where(attempt.c.task_id == task_id, QUEUED)
        .order_by(attempt.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    ).all()
    reserved = [
        Reserved(
            row.id,
            task_id,
            row.phone,
            owner.dial_prefix,
            owner.inner_num,
            InnerNumType(owner.inner_num_type),
            call_file_name(task_id, row.phone, owner.inner_num),
        )
        for row in rows
    ]
    if reserved:
        tx.connection.execute(
            update(attempt)
            .where(attempt.c.id == bindparam("attempt_id"))
            .values(state=AttemptState.SPOOLED.value, call_file=bindparam("file"), changed_us=tx.now_us),
            [{"attempt_id": one.attempt_id, "file": one.call_file} for one in reserved],
        )
    return reserved


def claim_attempt(attempt_id: int, linked_id: str, verbose_call_id: str) -> Operation[bool]:
    """Give leave to dial, once: True only for an attempt with a call file out and a task that is open now."""

    def operation(tx: Transaction) -> bool:
        owner_open = select(task.c.id).where(task.c.id == attempt.c.task_id, task.c.state == TaskState.OPEN.value)
        done = tx.connection.execute(
            update(attempt)
            .where(attempt.c.id == attempt_id, attempt.c.state == AttemptState.SPOOLED.value)
            .where(attempt.c.closed_us.is_(None), owner_open.exists())
            .values(
                state=AttemptState.DIALLING.value,
                linked_id=linked_id or None,
                verbose_call_id=verbose_call_id or None,
                changed_us=tx.now_us,
            )
        )
        return done.rowcount == 1

    return operation


def requeue_attempt(attempt_id: int) -> Operation[None]:
    """Give an attempt that was not dialled back to the queue."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(
            update(attempt)
            .where(attempt.c.id == attempt_id, attempt.c.closed_us.is_(None))
            .values(
                state=AttemptState.CREATED.value,
                call_file=None,
                linked_id=None,
                verbose_call_id=None,
                changed_us=tx.now_us,
            )
        )

    return operation


def save_progress(moved: Attempt) -> Operation[None]:
    """Store the state of an attempt that goes on."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(
            update(attempt)
            .where(attempt.c.id == moved.attempt_id, attempt.c.closed_us.is_(None))
            .values(state=moved.state.value, changed_us=tx.now_us)
        )

    return operation


def save_result(closed: Attempt) -> Operation[None]:
    """Store the one result. An attempt that already has one, or whose task was deleted, is left as it is."""
    verdict = closed.verdict
    if verdict is None:
        raise ValueError(f"attempt {closed.attempt_id} is not closed")
    out, leg = closed.out_record, closed.in_record

    def operation(tx: Transaction) -> None:
        tx.connection.execute(
            update(attempt)
            .where(attempt.c.id == closed.attempt_id, attempt.c.closed_us.is_(None))
            .values(
                state=shown_state(closed).value,
                result=verdict.outcome.value,
                cause=verdict.cause,
                out_dial_state=(out.dial_status or None) if out and not out.answered else None,
                in_dial_state=(leg.dial_status or leg.queue_status or None) if leg else None,
                changed_us=tx.now_us,
                closed_us=tx.now_us,
            )
        )

    return operation


def save_answer(attempt_id: int, polling_id: int, question_id: str, result: str, keys: str) -> Operation[None]:
    """Store what a subscriber pressed, for an attempt that still exists."""

    def operation(tx: Transaction) -> None:
        owner = tx.connection.execute(
            select(attempt.c.task_id, attempt.c.phone_id, attempt.c.phone).where(attempt.c.id == attempt_id)
        ).first()
        if owner is not None:
            tx.connection.execute(
                insert(answer).values(
                    attempt_id=attempt_id,
                    task_id=owner.task_id,
                    polling_id=polling_id,
                    question_id=question_id,
                    phone_id=owner.phone_id,
                    phone=owner.phone,
                    result=result,
                    exten=keys,
                    changed_us=tx.now_us,
                )
            )

    return operation


def fetch_in_progress(connection: Connection) -> list[InProgress]:
    """Every attempt that has left the queue and has no result."""
    rows = connection.execute(
        select(attempt.c.id, attempt.c.task_id, attempt.c.state, attempt.c.call_file, task.c.inner_num_type)
        .join(task, task.c.id == attempt.c.task_id)
        .where(IN_PROGRESS)
    )
    return [
        InProgress(
            Attempt(row.id, row.task_id, InnerNumType(row.inner_num_type), AttemptState(row.state)), row.call_file or ""
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class DialogueOrder:
    """Which polling to hold with whom."""

    polling_id: int
    params: dict[str, object] | None


def fetch_dialogue_order(connection: Connection, attempt_id: int) -> DialogueOrder | None:
    """None: the attempt was not dialled, is over, or its task is not a polling (any more)."""
    row = connection.execute(
        select(attempt.c.params, task.c.inner_num)
        .join(task, task.c.id == attempt.c.task_id)
        .where(attempt.c.id == attempt_id, attempt.c.closed_us.is_(None))
        .where(attempt.c.state.in_([state.value for state in DIALLED_STATES]))
        .where(task.c.inner_num_type == InnerNumType.POLLING.value)
    ).first()
    if row is None:
        return None
    polling_id = find_polling_id(connection, row.inner_num)
    return None if polling_id is None else DialogueOrder(polling_id, row.params)
