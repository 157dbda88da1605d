"""Attempts on their way: spooled, claimed, closed.

The statements of the paths that run for every call are built once, here, and executed with parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import (
    BindParameter,
    Boolean,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    insert,
    or_,
    select,
    text,
    update,
)

from dialer.model.attempt import Attempt, AttemptState, shown_state
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.progress import Progress
from dialer.model.task import Task, TaskState
from dialer.model.verdict import dial_status_shown
from dialer.store.database import Operation, Transaction
from dialer.store.events import add_answer, add_mail, add_progress
from dialer.store.finishing import (
    ENDED_BY_USER,
    LIFETIME_OVER,
    STOPPED,
    Bill,
    after_result,
    close_undialled,
    is_stopped,
)
from dialer.store.prepared import Prepared
from dialer.store.queue import Queued
from dialer.store.schema import HUNG_UP, IN_PROGRESS, QUEUED, UNLISTED, answer, attempt, dialled, task
from dialer.store.tasks import fetch_task

_THIS = attempt.c.id == bindparam("attempt_id")
_OPEN = attempt.c.closed_us.is_(None)
_TASK_IS_OPEN = select(task.c.id).where(task.c.id == attempt.c.task_id, task.c.state == TaskState.OPEN.value).exists()
_NOW: BindParameter[int] = bindparam("now_us")

_MAY_BE_DIALLED = (
    or_(attempt.c.until_us.is_(None), attempt.c.until_us > _NOW),
    attempt.c.signalled == 0,
    ~is_stopped(attempt.c.task_id, attempt.c.phone_id),
)
_MARK_SPOOLED = Prepared(
    update(attempt)
    .where(_THIS, QUEUED)
    .values(
        state=AttemptState.SPOOLED.value,
        call_file=bindparam("file"),
        callback=bindparam("rings_employee"),
        recording=bindparam("recorded_as"),
        changed_us=_NOW,
    )
)
_CLAIM = Prepared(
    update(attempt)
    .where(
        _THIS,
        attempt.c.state == AttemptState.SPOOLED.value,
        _OPEN,
        _TASK_IS_OPEN,
        *_MAY_BE_DIALLED,
        # the list may have been changed while the call file was on its way
        attempt.c.held == 0,
        attempt.c.due_us <= bindparam("due_by"),
    )
    .values(
        state=AttemptState.DIALLING.value,
        linked_id=bindparam("linked"),
        verbose_call_id=bindparam("verbose_call"),
        changed_us=_NOW,
    )
)
_REQUEUE = Prepared(
    update(attempt)
    .where(
        _THIS,
        _OPEN,
        or_(
            attempt.c.state == AttemptState.SPOOLED.value,
            and_(
                or_(
                    attempt.c.state == AttemptState.DIALLING.value,
                    attempt.c.state == AttemptState.CONNECTING.value,
                ),
                attempt.c.linked_id == bindparam("linked"),
            ),
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
_SAVE_PROGRESS = Prepared(update(attempt).where(_THIS, _OPEN).values(state=bindparam("moved_to"), changed_us=_NOW))
_SIGNALLED = and_(attempt.c.signalled == 1, bindparam("told", type_=Boolean))
_HUNG_UP = and_(attempt.c.unlisted == HUNG_UP, bindparam("told", type_=Boolean))
_SAVE_RESULT = Prepared(
    update(attempt)
    .where(_THIS, _OPEN)
    .values(
        state=bindparam("moved_to"),
        # somebody's word amid the call makes something else of a verdict that is no success
        result=case((_SIGNALLED, Outcome.SUCCESS_EXTERNAL_SIGNAL.value), else_=bindparam("outcome")),
        cause=case(
            (_SIGNALLED, bindparam("because_signalled")),
            (_HUNG_UP, bindparam("because_hung_up")),
            else_=bindparam("because"),
        ),
        out_dial_state=bindparam("out_status"),
        in_dial_state=bindparam("in_status"),
        recording=bindparam("recorded_as"),
        talked_s=bindparam("talked"),
        cost_u=bindparam("cost"),
        employee=bindparam("called_employee"),
        employee_talked_s=bindparam("employee_talked"),
        employee_cost_u=bindparam("employee_cost"),
        changed_us=_NOW,
        closed_us=_NOW,
    )
)
_REFUSE = update(attempt).where(_THIS, _OPEN, attempt.c.unlisted == 0).values(unlisted=UNLISTED)
_COUNT = Prepared(
    text(
        "INSERT INTO dialled (day, phone_id, times) SELECT :day, phone_id, 1 FROM attempt WHERE id = :attempt_id "
        "ON CONFLICT (day, phone_id) DO UPDATE SET times = dialled.times + 1"
    )
)
_CALLED = (
    select(dialled.c.times)
    .join(attempt, attempt.c.phone_id == dialled.c.phone_id)
    .where(_THIS, dialled.c.day == bindparam("day"))
)
NO_BILL = Bill()
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
class InProgress:
    """An attempt that has left the queue and has no result."""

    order: CallOrder
    """As far as its row tells; what its task's rules add, `task` and `number` tell."""
    state: AttemptState
    linked_id: str
    task: Task
    number: Queued


def mark_spooled(order: CallOrder) -> Operation[None]:
    """Store that a call file is on its way. Comes before the attempt's claim: operations keep their order."""

    def operation(tx: Transaction) -> None:
        _MARK_SPOOLED.run(
            tx.connection,
            {
                "attempt_id": order.attempt_id,
                "file": order.shown_call_file,
                "rings_employee": int(order.callback),
                "recorded_as": order.recording,
                "now_us": tx.now_us,
            },
        )

    return operation


@dataclass(frozen=True, slots=True)
class DayCap:
    """How often a telephone may be called on a day."""

    day: int
    """Of the PBX's zone, counted from year 1."""
    ends_us: int
    most: int
    """0: as often as one likes; the call is counted all the same, for other tasks."""


def claim_attempt(
    attempt_id: int,
    linked_id: str,
    verbose_call_id: str,
    cap: DayCap | None = None,
    *,
    now_us: int | None = None,
    counts: bool = True,
    shown_number: str | None = None,
) -> Operation[bool]:
    """Give leave to dial, once: True only for an attempt with a call file out and a task that is open now, whose time
    has come and whose lifetime is not over, on no stop list. One that is refused for its own sake gets its result, or
    waits for the next day. `now_us`: the caller's clock. `counts`: as a call to the telephone; False: that is done when
    it is confirmed. `shown_number`: to the subscriber; the task's receiver is told it, if that is told progress; None:
    it is not."""

    def operation(tx: Transaction) -> bool:
        if cap is not None and not _within(tx, attempt_id, cap):
            return False
        done = _CLAIM.run(
            tx.connection,
            {
                "attempt_id": attempt_id,
                "linked": linked_id or None,
                "verbose_call": verbose_call_id or None,
                "now_us": tx.now_us,
                "due_by": tx.now_us if now_us is None else now_us,
            },
        )
        if done == 1:
            if cap is not None and counts:
                _count(tx, attempt_id, cap.day)
            if shown_number is not None:
                add_progress(tx, attempt_id, Progress.DIALLED, {"shown": shown_number})
            return True
        _end_what_may_not_be_dialled(tx, attempt_id)
        return False

    return operation


def _end_what_may_not_be_dialled(tx: Transaction, attempt_id: int) -> None:
    this = attempt.c.id == attempt_id
    close_undialled(tx, and_(this, attempt.c.signalled == 1), Outcome.SUCCESS_EXTERNAL_SIGNAL)
    close_undialled(tx, and_(this, is_stopped(attempt.c.task_id, attempt.c.phone_id)), Outcome.FAIL, STOPPED)
    close_undialled(tx, and_(this, attempt.c.until_us <= tx.now_us), Outcome.FAIL, LIFETIME_OVER)


def confirm_claim(attempt_id: int, cap: DayCap | None = None) -> Operation[bool]:
    """Whether an attempt that has its leave may still be dialled, as `claim_attempt` asks; then the call is counted."""

    def operation(tx: Transaction) -> bool:
        if cap is not None and not _within(tx, attempt_id, cap):
            return False
        still = (_THIS, _OPEN, _TASK_IS_OPEN, *_MAY_BE_DIALLED)
        asked = {"attempt_id": attempt_id, "now_us": tx.now_us}
        if tx.connection.execute(select(attempt.c.id).where(*still), asked).first() is None:
            return False
        if cap is not None:
            _count(tx, attempt_id, cap.day)
        return True

    return operation


def _within(tx: Transaction, attempt_id: int, cap: DayCap) -> bool:
    """Whether the attempt's telephone may be called once more on the day; else it waits for the next one."""
    if not cap.most:
        return True
    called = tx.connection.execute(_CALLED, {"attempt_id": attempt_id, "day": cap.day}).scalar()
    if (called or 0) < cap.most:
        return True
    tx.connection.execute(update(attempt).where(attempt.c.id == attempt_id, _OPEN).values(due_us=cap.ends_us))
    return False


def _count(tx: Transaction, attempt_id: int, day: int) -> None:
    _COUNT.run(tx.connection, {"attempt_id": attempt_id, "day": day})


def forget_days(before_day: int) -> Operation[None]:
    """Forget how often telephones were called on days before that one."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(delete(dialled).where(dialled.c.day < before_day))

    return operation


def requeue_attempt(attempt_id: int, linked_id: str = "") -> Operation[None]:
    """Give an attempt that was not dialled back to the queue. One that got leave only on the word of the call that
    got it, `linked_id`. A number that the user has ended or taken off the list meanwhile has its result instead."""

    def operation(tx: Transaction) -> None:
        _REQUEUE.run(tx.connection, {"attempt_id": attempt_id, "linked": linked_id, "now_us": tx.now_us})
        given_back = and_(attempt.c.id == attempt_id, QUEUED, attempt.c.unlisted != 0)
        close_undialled(tx, given_back, Outcome.FAIL, ENDED_BY_USER)

    return operation


def save_progress(moved: Attempt) -> Operation[None]:
    """Store the state of an attempt that goes on."""

    def operation(tx: Transaction) -> None:
        _SAVE_PROGRESS.run(
            tx.connection, {"attempt_id": moved.attempt_id, "moved_to": moved.state.value, "now_us": tx.now_us}
        )

    return operation


def save_result(
    closed: Attempt, recording: str | None = None, bill: Bill = NO_BILL, *, tells_progress: bool = False
) -> Operation[None]:
    """Store the one result, the name of the talk's recording, and what the call has cost; with it what follows, the
    next attempt above all. An attempt that already has a result, or whose task was deleted, is left as it is."""
    verdict = closed.verdict
    if verdict is None:
        raise ValueError(f"attempt {closed.attempt_id} is not closed")
    out, leg = closed.out_record, closed.in_record
    values = {
        "attempt_id": closed.attempt_id,
        "moved_to": shown_state(closed).value,
        "outcome": verdict.outcome.value,
        "because": verdict.cause,
        "told": not verdict.outcome.is_success,
        "because_signalled": f"The call itself: {verdict}",
        "because_hung_up": f"{ENDED_BY_USER}: {verdict}",
        "out_status": (dial_status_shown(out) or None) if out and not out.answered else None,
        "in_status": leg.shown_status or None if leg else None,
        "recorded_as": recording,
        "talked": bill.talked_s,
        "cost": bill.cost_u,
        "called_employee": bill.employee,
        "employee_talked": bill.employee_talked_s,
        "employee_cost": bill.employee_cost_u,
    }

    def operation(tx: Transaction) -> None:
        done = _SAVE_RESULT.run(tx.connection, {**values, "now_us": tx.now_us})
        if done:
            if tells_progress and out is not None and not closed.answered:
                add_progress(tx, closed.attempt_id, Progress.UNANSWERED, {"cause": str(out.hangup_cause)})
            after_result(tx, closed.attempt_id)

    return operation


def tell_progress(attempt_id: int, progress: Progress, details: Mapping[str, str]) -> Operation[None]:
    """Note a step of the call for the task's receiver."""
    return lambda tx: add_progress(tx, attempt_id, progress, details)


def save_answer(
    attempt_id: int,
    polling_id: int,
    question_id: str,
    result: str,
    keys: str,
    *,
    mail_to: str = "",
    refuses: bool = False,
) -> Operation[None]:
    """Store what a subscriber pressed or said, for an attempt that still exists. `mail_to`: addresses, separated by
    commas, that what was said, a recording, is sent to. `refuses`: the number gets no further attempt."""
    values = {
        "attempt_id": attempt_id, "polling": polling_id, "question": question_id, "value": result, "keys": keys,
    }  # fmt: skip

    def operation(tx: Transaction) -> None:
        done = tx.connection.execute(_SAVE_ANSWER, {**values, "now_us": tx.now_us})
        if done.rowcount:
            add_answer(tx, attempt_id)
            if refuses:
                tx.connection.execute(_REFUSE, {"attempt_id": attempt_id})
            for address in filter(None, mail_to.split(",")):
                add_mail(tx, attempt_id, address)

    return operation


def fetch_in_progress(connection: Connection) -> list[InProgress]:
    """Every attempt that has left the queue and has no result."""
    rows = connection.execute(select(attempt).where(IN_PROGRESS)).all()
    tasks = {task_id: fetch_task(connection, task_id) for task_id in {row.task_id for row in rows}}
    found = []
    for row in rows:
        of = tasks[row.task_id]
        if of is None:  # deleted: nobody asks what became of it
            continue
        order = CallOrder(
            row.id,
            row.task_id,
            row.phone,
            of.dial_prefix,
            of.inner_num,
            of.inner_num_type,
            row.params,
            row.recording,
            zone=row.zone,
            callback=bool(row.callback),
        )
        number = Queued(
            row.id, row.phone, row.phone_id, row.params, row.caller_id, row.zone, row.ring_timeout_s
        )  # fmt: skip
        found.append(InProgress(order, AttemptState(row.state), row.linked_id or "", of, number))
    return found
