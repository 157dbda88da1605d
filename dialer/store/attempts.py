"""Attempts on their way: spooled, claimed, closed.

The statements of the paths that run for every call are built once, here, and executed with parameters.
"""

from dataclasses import dataclass

from sqlalchemy import BindParameter, Connection, and_, bindparam, insert, or_, select, update

from dialer.model.attempt import Attempt, AttemptState, shown_state
from dialer.model.call import CallOrder
from dialer.model.task import InnerNumType, TaskState
from dialer.model.verdict import dial_status_shown
from dialer.store.database import Operation, Transaction
from dialer.store.events import add_answer, add_result
from dialer.store.schema import IN_PROGRESS, QUEUED, answer, attempt, task

_THIS = attempt.c.id == bindparam("attempt_id")
_OPEN = attempt.c.closed_us.is_(None)
_TASK_IS_OPEN = select(task.c.id).where(task.c.id == attempt.c.task_id, task.c.state == TaskState.OPEN.value).exists()
_NOW: BindParameter[int] = bindparam("now_us")

_FETCH_QUEUED = (
    select(attempt.c.id, attempt.c.phone, attempt.c.params)
    .where(attempt.c.task_id == bindparam("of_task"), QUEUED, attempt.c.id > bindparam("after_id"))
    .order_by(attempt.c.id)
    .limit(bindparam("most"))
)
_MARK_SPOOLED = (
    update(attempt)
    .where(_THIS, QUEUED)
    .values(
        state=AttemptState.SPOOLED.value,
        call_file=bindparam("file"),
        recording=bindparam("recorded_as"),
        changed_us=_NOW,
    )
)
_CLAIM = (
    update(attempt)
    .where(_THIS, attempt.c.state == AttemptState.SPOOLED.value, _OPEN, _TASK_IS_OPEN)
    .values(
        state=AttemptState.DIALLING.value,
        linked_id=bindparam("linked"),
        verbose_call_id=bindparam("verbose_call"),
        changed_us=_NOW,
    )
)
_REQUEUE = (
    update(attempt)
    .where(
        _THIS,
        _OPEN,
        or_(
            attempt.c.state == AttemptState.SPOOLED.value,
            and_(attempt.c.state == AttemptState.DIALLING.value, attempt.c.linked_id == bindparam("linked")),
        ),
    )
    .values(
        state=AttemptState.CREATED.value,
        call_file=None,
        linked_id=None,
        verbose_call_id=None,
        recording=None,
        changed_us=_NOW,
    )
)
_SAVE_PROGRESS = update(attempt).where(_THIS, _OPEN).values(state=bindparam("moved_to"), changed_us=_NOW)
_SAVE_RESULT = (
    update(attempt)
    .where(_THIS, _OPEN)
    .values(
        state=bindparam("moved_to"),
        result=bindparam("outcome"),
        cause=bindparam("because"),
        out_dial_state=bindparam("out_status"),
        in_dial_state=bindparam("in_status"),
        recording=bindparam("recorded_as"),
        changed_us=_NOW,
        closed_us=_NOW,
    )
)
_SAVE_ANSWER = insert(answer).from_select(
    [
        answer.c.attempt_id, answer.c.task_id, answer.c.phone_id, answer.c.phone, answer.c.polling_id,
        answer.c.question_id, answer.c.result, answer.c.exten, answer.c.changed_us,
    ],
    select(
        attempt.c.id, attempt.c.task_id, attempt.c.phone_id, attempt.c.phone, bindparam("polling"),
        bindparam("question"), bindparam("value"), bindparam("keys"), _NOW,
    ).where(_THIS),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Queued:
    """An attempt that waits for a channel."""

    attempt_id: int
    phone: str
    params: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class InProgress:
    """An attempt that has left the queue and has no result."""

    order: CallOrder
    state: AttemptState
    linked_id: str


def fetch_queued(connection: Connection, task_id: int, after_id: int, limit: int) -> list[Queued]:
    """The next attempts of a task's queue, oldest first, behind `after_id`."""
    rows = connection.execute(_FETCH_QUEUED, {"of_task": task_id, "after_id": after_id, "most": limit})
    return [Queued(row.id, row.phone, row.params) for row in rows]


def mark_spooled(order: CallOrder) -> Operation[None]:
    """Store that a call file is on its way. Comes before the attempt's claim: operations keep their order."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(
            _MARK_SPOOLED,
            {
                "attempt_id": order.attempt_id,
                "file": order.shown_call_file,
                "recorded_as": order.recording,
                "now_us": tx.now_us,
            },
        )

    return operation


def claim_attempt(attempt_id: int, linked_id: str, verbose_call_id: str) -> Operation[bool]:
    """Give leave to dial, once: True only for an attempt with a call file out and a task that is open now."""

    def operation(tx: Transaction) -> bool:
        done = tx.connection.execute(
            _CLAIM,
            {
                "attempt_id": attempt_id,
                "linked": linked_id or None,
                "verbose_call": verbose_call_id or None,
                "now_us": tx.now_us,
            },
        )
        return done.rowcount == 1

    return operation


def requeue_attempt(attempt_id: int, linked_id: str = "") -> Operation[None]:
    """Give an attempt that was not dialled back to the queue. One that got leave only on the word of the call that
    got it, `linked_id`."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(_REQUEUE, {"attempt_id": attempt_id, "linked": linked_id, "now_us": tx.now_us})

    return operation


def save_progress(moved: Attempt) -> Operation[None]:
    """Store the state of an attempt that goes on."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(
            _SAVE_PROGRESS, {"attempt_id": moved.attempt_id, "moved_to": moved.state.value, "now_us": tx.now_us}
        )

    return operation


def save_result(closed: Attempt, recording: str | None = None) -> Operation[None]:
    """Store the one result, and the name of the talk's recording. An attempt that already has a result, or whose task
    was deleted, is left as it is."""
    verdict = closed.verdict
    if verdict is None:
        raise ValueError(f"attempt {closed.attempt_id} is not closed")
    out, leg = closed.out_record, closed.in_record
    values = {
        "attempt_id": closed.attempt_id,
        "moved_to": shown_state(closed).value,
        "outcome": verdict.outcome.value,
        "because": verdict.cause,
        "out_status": (dial_status_shown(out) or None) if out and not out.answered else None,
        "in_status": leg.shown_status or None if leg else None,
        "recorded_as": recording,
    }

    def operation(tx: Transaction) -> None:
        done = tx.connection.execute(_SAVE_RESULT, {**values, "now_us": tx.now_us})
        if done.rowcount:
            add_result(tx, closed.attempt_id)

    return operation


def save_answer(attempt_id: int, polling_id: int, question_id: str, result: str, keys: str) -> Operation[None]:
    """Store what a subscriber pressed, for an attempt that still exists."""
    values = {
        "attempt_id": attempt_id, "polling": polling_id, "question": question_id, "value": result, "keys": keys,
    }  # fmt: skip

    def operation(tx: Transaction) -> None:
        done = tx.connection.execute(_SAVE_ANSWER, {**values, "now_us": tx.now_us})
        if done.rowcount:
            add_answer(tx, attempt_id)

    return operation


def fetch_in_progress(connection: Connection) -> list[InProgress]:
    """Every attempt that has left the queue and has no result."""
    rows = connection.execute(
        select(attempt, task.c.dial_prefix, task.c.inner_num, task.c.inner_num_type)
        .join(task, task.c.id == attempt.c.task_id)
        .where(IN_PROGRESS)
    )
    return [
        InProgress(
            CallOrder(
                row.id,
                row.task_id,
                row.phone,
                row.dial_prefix,
                row.inner_num,
                InnerNumType(row.inner_num_type),
                row.params,
                row.recording,
            ),
            AttemptState(row.state),
            row.linked_id or "",
        )
        for row in rows
    ]
