"""What follows when an attempt has its result: the next attempt, the other numbers of the client, the budget, the news.

Every row that gets a result gets it here or in `attempts.save_result`, which calls `after_result`.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    ScalarSelect,
    String,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    select,
    type_coerce,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome
from dialer.model.retry import seconds_to_next_attempt
from dialer.model.rules import Rules, as_rules
from dialer.model.task import TaskState
from dialer.store.batches import BATCH, batches
from dialer.store.database import Operation, Transaction
from dialer.store.events import add_result, add_results
from dialer.store.prepared import Prepared
from dialer.store.schema import GLOBAL, HUNG_UP, IN_PROGRESS, MORTAL, QUEUED, UNLISTED, attempt, stop_number, task

QUEUE_TOPIC = "queue"
"""Told when numbers of a task may be dialled that could not be before; the detail is its id."""
TASK_TOPIC = "task"
"""Told when the engine itself has changed a task, or a large list of it is joined whole; the detail is its id."""
RETOLD_TOPIC = "retold"
"""Told, with the task's id, when a part of a large list has changed or dropped numbers that may have been read to be
dialled."""
SPENT_TOPIC = "spent"
"""Told, with the task's id, when it was paused because it has spent what it may."""
STATE_TOPIC = "task state"
"""Told, with the task's id, whenever a task was created, changed or deleted, by whomever."""
LIFETIME_TOPIC = "lifetime"
"""Told when numbers have got a lifetime."""
_UNDIALLED = frozenset({AttemptState.CREATED.value, AttemptState.SPOOLED.value})
NOT_DIALLED = and_(attempt.c.closed_us.is_(None), attempt.c.state.in_(sorted(_UNDIALLED)))
"""Waiting, or with a call file whose claim will find no row and be refused."""
_OPEN = attempt.c.closed_us.is_(None)
_OF_CLIENT = (attempt.c.task_id == bindparam("of_task"), attempt.c.client_id == bindparam("of_client"))
_COPIED = (
    "task_id",
    "phone_id",
    "phone",
    "params",
    "client_id",
    "zone",
    "until_us",
    "caller_id",
    "not_before_us",
    "ring_timeout_s",
)


class _Ended(NamedTuple):
    """An attempt that has just got its result, and what its task says."""

    attempt_id: int
    task_id: int
    phone_id: str
    client_id: str | None
    until_us: int | None
    unlisted: int
    signalled: int
    attempt_number: int
    result: str
    cause: str | None
    cost_u: int | None
    employee_cost_u: int | None
    rules: str
    spent_u: int
    notify_url: str | None
    task_state: int


_ENDED = Prepared(
    select(
        attempt.c.id,
        attempt.c.task_id,
        attempt.c.phone_id,
        attempt.c.client_id,
        attempt.c.until_us,
        attempt.c.unlisted,
        attempt.c.signalled,
        attempt.c.attempt_number,
        attempt.c.result,
        attempt.c.cause,
        attempt.c.cost_u,
        attempt.c.employee_cost_u,
        type_coerce(task.c.rules, String),
        task.c.spent_u,
        task.c.notify_url,
        task.c.state,
    )
    .join(task, task.c.id == attempt.c.task_id)
    .where(attempt.c.id == bindparam("attempt_id"))
)
_NEXT_OF_CLIENT: ScalarSelect[int] = (
    select(attempt.c.id).where(*_OF_CLIENT, QUEUED).order_by(attempt.c.due_us, attempt.c.id).limit(1).scalar_subquery()
)
_ONE_IS_FREE = select(attempt.c.id).where(*_OF_CLIENT, _OPEN, attempt.c.held == 0).exists()
_RELEASE = update(attempt).where(attempt.c.id == _NEXT_OF_CLIENT, ~_ONE_IS_FREE).values(held=0)
_STOPPED_NOW = select(stop_number.c.id).where(
    stop_number.c.task_id.in_([literal(GLOBAL), bindparam("of_task")]), stop_number.c.phone_id == bindparam("of_phone")
)
_ADD_ATTEMPT = insert(attempt).from_select(
    [*_COPIED, "attempt_number", "state", "changed_us", "due_us", "held"],
    select(
        *(attempt.c[name] for name in _COPIED),
        attempt.c.attempt_number + 1,
        literal(AttemptState.CREATED.value),
        bindparam("now_us", type_=BigInteger),
        bindparam("when_us", type_=BigInteger),
        bindparam("is_held", type_=Integer),
    ).where(attempt.c.id == bindparam("attempt_id")),
)
STOPPED = "Stop list"
ENDED_BY_USER = "Ended by the user"
LIFETIME_OVER = "Lifetime over: timeCallUntil has passed"


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call has cost."""

    talked_s: int | None = None
    cost_u: int | None = None
    employee: str | None = None
    """The telephone that a dialogue called last …"""
    employee_talked_s: int | None = None
    employee_cost_u: int | None = None
    """… and what the talk with it has taken and cost."""


def is_stopped(task_id: ColumnElement[int], phone_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a number is on the stop list of all tasks or of its own."""
    return (
        select(stop_number.c.id)
        .where(stop_number.c.task_id.in_([GLOBAL, task_id]), stop_number.c.phone_id == phone_id)
        .exists()
    )


def after_result(tx: Transaction, attempt_id: int) -> None:
    """An attempt has just got its result by a call."""
    found = _ENDED.first(tx.connection, {"attempt_id": attempt_id})
    assert found is not None  # noqa: S101 - it has just been changed
    row = _Ended(*found)
    if row.cost_u or row.employee_cost_u:
        _add_cost(tx, row)
    outcome = Outcome(row.result)
    wait_s = None if row.signalled else seconds_to_next_attempt(
        _rules_of(row.rules), row.attempt_number, outcome, row.cause
    )  # fmt: skip
    if wait_s is not None:
        _add_attempt(tx, row, tx.now_us + wait_s * 1_000_000)
    if row.notify_url:
        add_result(tx, attempt_id)  # it tells whether there is another attempt
    if row.client_id is None:
        return
    if outcome.is_success:
        others = and_(attempt.c.task_id == row.task_id, attempt.c.client_id == row.client_id)
        if wait_s is not None:  # until the CRM says so, also who was reached is called again
            others = and_(others, attempt.c.phone_id != row.phone_id)
        close_undialled(tx, others, Outcome.SUCCESS_ANOTHER_PHONE)
    _release(tx, row.task_id, row.client_id)


def close_undialled(tx: Transaction, which: ColumnElement[bool], outcome: Outcome, cause: str | None = None) -> int:
    """Give their result to numbers that nobody is dialling now; say how many."""
    rows = tx.connection.execute(
        select(attempt.c.id, attempt.c.task_id, attempt.c.client_id, task.c.notify_url)
        .join(task, task.c.id == attempt.c.task_id)
        .where(NOT_DIALLED, which)
    ).all()
    state = AttemptState.ENDED if outcome.is_success else AttemptState.NOT_REACHED
    values = {
        "state": state.value,
        "result": outcome.value,
        "cause": cause,
        "changed_us": tx.now_us,
        "closed_us": tx.now_us,
    }
    for some in batches([row.id for row in rows]):
        tx.connection.execute(update(attempt).where(attempt.c.id.in_(some)).values(values))
    for some in batches([row.id for row in rows if row.notify_url]):
        add_results(tx, some)
    for task_id, client_id in {(row.task_id, row.client_id) for row in rows if row.client_id is not None}:
        _release(tx, task_id, client_id)
    for task_id in {row.task_id for row in rows}:
        tx.tell(QUEUE_TOPIC, str(task_id))
    return len(rows)


def release_clients(tx: Transaction, task_id: int) -> None:
    """Let one number of each client be dialled of whom every open number is held."""
    all_held = (
        select(func.min(attempt.c.id))
        .where(attempt.c.task_id == task_id, _OPEN, attempt.c.client_id.is_not(None))
        .group_by(attempt.c.client_id)
        .having(func.min(attempt.c.held) == 1)
    )
    tx.connection.execute(update(attempt).where(attempt.c.id.in_(all_held)).values(held=0))


def close_stopped(tx: Transaction, task_id: int, listed: int, phone_ids: Sequence[str] | None = None) -> None:
    """End the waiting numbers of a task that are on a stop list; as many as `listed` may be. `phone_ids`: which ones;
    None: any of the task."""
    stops = select(stop_number.c.phone_id).where(stop_number.c.task_id.in_([GLOBAL, task_id]))
    first_ones = stops.limit(listed + 1).subquery()
    count = tx.connection.execute(select(func.count()).select_from(first_ones)).scalar_one()
    if not count:
        return
    own = attempt.c.task_id == task_id
    # by the shorter one of the two lists: either may have a million
    if count <= listed:
        close_undialled(tx, and_(own, attempt.c.phone_id.in_(stops)), Outcome.FAIL, STOPPED)
        return
    which = and_(own, is_stopped(attempt.c.task_id, attempt.c.phone_id))
    for some in [None] if phone_ids is None else batches(phone_ids):
        chosen = which if some is None else and_(which, attempt.c.phone_id.in_(some))
        close_undialled(tx, chosen, Outcome.FAIL, STOPPED)


def close_expired() -> Operation[int | None]:
    """End the waiting numbers whose lifetime is over, of all tasks; say when the next one's is, microseconds."""

    def operation(tx: Transaction) -> int | None:
        # a list that is staged has no task yet: what is over in it ends with the others, once it has
        mortal = (MORTAL, select(task.c.id).where(task.c.id == attempt.c.task_id).exists())
        old = select(attempt.c.id).where(*mortal, attempt.c.until_us <= tx.now_us)
        old = old.order_by(attempt.c.until_us).limit(BATCH)
        ids = list(tx.connection.execute(old).scalars())
        if ids:
            close_undialled(tx, attempt.c.id.in_(ids), Outcome.FAIL, LIFETIME_OVER)
        # not the least of all: that would look for the task of each
        return tx.connection.execute(
            select(attempt.c.until_us).where(*mortal).order_by(attempt.c.until_us).limit(1)
        ).scalar()

    return operation


def end_numbers(
    task_id: int, attempt_ids: Sequence[int] | None = None, *, hang_up: bool = False
) -> Operation[list[int]]:
    """The user ends numbers of a task, all of them for None: the task is closed then. Calls in progress are their
    numbers' last; returns their attempts: with `hang_up` the caller ends the calls. Nothing of what waits is dialled
    any more; `close_ended` gives it its result."""

    def operation(tx: Transaction) -> list[int]:
        mark = HUNG_UP if hang_up else case((attempt.c.unlisted == HUNG_UP, HUNG_UP), else_=UNLISTED)
        in_progress: list[int] = []
        for some in [None] if attempt_ids is None else batches(attempt_ids):
            chosen = IN_PROGRESS if some is None else and_(_OPEN, attempt.c.id.in_(some))
            marked = update(attempt).where(attempt.c.task_id == task_id, chosen).values(unlisted=mark)
            rows = tx.connection.execute(marked.returning(attempt.c.id, attempt.c.state)).all()
            in_progress += [row.id for row in rows if row.state not in _UNDIALLED]
        if attempt_ids is None:
            tx.connection.execute(
                update(task).where(task.c.id == task_id).values(state=TaskState.CLOSED.value, changed_us=tx.now_us)
            )
            tx.tell(TASK_TOPIC, str(task_id))
            tx.tell(STATE_TOPIC, str(task_id))
        return in_progress

    return operation


def close_ended(task_id: int, attempt_ids: Sequence[int] | None = None) -> Operation[bool]:
    """Give their result to a BATCH of the numbers that `end_numbers` was about and nobody is dialling; False: that was
    all."""

    def operation(tx: Transaction) -> bool:
        waiting = [attempt.c.task_id == task_id, NOT_DIALLED]
        if attempt_ids is not None:
            waiting.append(attempt.c.id.in_(attempt_ids))
        ids = list(tx.connection.execute(select(attempt.c.id).where(*waiting).limit(BATCH)).scalars())
        return bool(ids) and close_undialled(tx, attempt.c.id.in_(ids), Outcome.FAIL, ENDED_BY_USER) == BATCH

    return operation


def fetch_half_ended(connection: Connection) -> list[int]:
    """Tasks of other facades that their users have ended, and that have numbers waiting still: the daemon was stopped
    amid it. Nothing else closes such a task while a number waits (`TaskDesk.change`)."""
    waiting = select(attempt.c.id).where(attempt.c.task_id == task.c.id, QUEUED).exists()
    ended = select(task.c.id).where(task.c.owner != "", task.c.state == TaskState.CLOSED.value, waiting)
    return list(connection.execute(ended).scalars())


def fetch_hung_up(connection: Connection) -> list[int]:
    """Attempts in progress whose calls their user has ended."""
    return list(connection.execute(select(attempt.c.id).where(IN_PROGRESS, attempt.c.unlisted == HUNG_UP)).scalars())


def close_by_signal(phone_id: str, task_id: int | None) -> Operation[int]:
    """The CRM says that a number is done, and with it the other numbers of its client, in one task or in all. Calls in
    progress go on; whatever comes of them is their last attempt. Says how many rows it was about."""

    def operation(tx: Transaction) -> int:
        ids = _signalled(tx.connection, phone_id, task_id)
        if not ids:
            return 0
        which = attempt.c.id.in_(ids)
        closed = close_undialled(tx, which, Outcome.SUCCESS_EXTERNAL_SIGNAL)
        marked = tx.connection.execute(update(attempt).where(which, _OPEN).values(signalled=1))
        return closed + marked.rowcount

    return operation


def _signalled(connection: Connection, phone_id: str, task_id: int | None) -> list[int]:
    tasks = select(task.c.id).where(task.c.owner == "")  # other facades' accounts have CRMs of their own
    if task_id is not None:
        tasks = tasks.where(task.c.id == task_id)
    own = connection.execute(
        select(attempt.c.id, attempt.c.task_id, attempt.c.client_id, attempt.c.closed_us).where(
            attempt.c.task_id.in_(tasks), attempt.c.phone_id == phone_id
        )
    ).all()
    clients = {(row.task_id, row.client_id) for row in own if row.client_id is not None}
    ids = {row.id for row in own if row.closed_us is None}
    for of_task, client_id in clients:
        ids.update(
            connection.execute(
                select(attempt.c.id).where(
                    attempt.c.task_id == of_task, attempt.c.client_id == client_id, attempt.c.closed_us.is_(None)
                )
            ).scalars()
        )
    return sorted(ids)


@functools.lru_cache(maxsize=1000)
def _rules_of(stored: str) -> Rules:
    return as_rules(json.loads(stored))


def _add_attempt(tx: Transaction, row: _Ended, due_us: int) -> None:
    """The number's next attempt, unless it may not be dialled any more. Of a client's it is held until its turn."""
    if row.unlisted:
        return
    if row.until_us is not None and row.until_us <= due_us:
        return
    if tx.connection.execute(_STOPPED_NOW, {"of_task": row.task_id, "of_phone": row.phone_id}).first():
        return
    held = int(row.client_id is not None)
    values = {"attempt_id": row.attempt_id, "now_us": tx.now_us, "when_us": due_us, "is_held": held}
    tx.connection.execute(_ADD_ATTEMPT, values)
    tx.tell(QUEUE_TOPIC, str(row.task_id))
    if row.until_us is not None:
        tx.tell(LIFETIME_TOPIC, "")


def _release(tx: Transaction, task_id: int, client_id: str) -> None:
    if tx.connection.execute(_RELEASE, {"of_task": task_id, "of_client": client_id}).rowcount:
        tx.tell(QUEUE_TOPIC, str(task_id))


def _add_cost(tx: Transaction, row: _Ended) -> None:
    """A task that has spent what it may is paused."""
    spent_u = row.spent_u + (row.cost_u or 0) + (row.employee_cost_u or 0)
    values: dict[str, object] = {"spent_u": spent_u}
    most_u = _rules_of(row.rules).max_cost_u
    if most_u is not None and spent_u >= most_u and row.task_state == TaskState.OPEN.value:
        values |= {"state": TaskState.PAUSED.value, "changed_us": tx.now_us}
        tx.tell(TASK_TOPIC, str(row.task_id))
        tx.tell(STATE_TOPIC, str(row.task_id))
        tx.tell(SPENT_TOPIC, str(row.task_id))
    tx.connection.execute(update(task).where(task.c.id == row.task_id).values(values))
