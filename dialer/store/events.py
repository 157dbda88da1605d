"""The outbox: events that wait for delivery, stored with what they tell, and those given up. What is delivered goes.

Of a number's events for one URL only the first has a time (`due_us`); each operation that takes it away gives the next
one the time 0. So what is due is found by index, however much waits behind it.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Update,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)

from dialer.model.progress import Progress
from dialer.store.database import Operation, Transaction
from dialer.store.results import NEXT_DUE
from dialer.store.schema import DEAD, WAITING, answer, attempt, event, task

TOPIC = "event"
"""What an operation tells when there is an event to deliver; the detail is its URL."""
RESULT, ANSWER, PROGRESS, MAIL = "result", "answer", "progress", "mail"
BATCH = 500
"""Events that one operation gives up or replays at the most: the writer is not held for long."""
_OF_ANSWER = (
    select(answer, task.c.crm_id, task.c.notify_url, task.c.rules)
    .join(task, task.c.id == answer.c.task_id)
    .where(answer.c.attempt_id == bindparam("attempt_id"), task.c.notify_url > "")
    .order_by(answer.c.id.desc())
    .limit(1)
)
_first = attempt.alias("first")
_FIRST_ID = (
    select(_first.c.id)
    .where(
        _first.c.task_id == attempt.c.task_id,
        _first.c.phone_id == attempt.c.phone_id,
        _first.c.attempt_number == literal_column("1"),
    )
    .scalar_subquery()
    .label("first_id")
)
_OF_RESULTS = (
    select(attempt, NEXT_DUE, _FIRST_ID, task.c.crm_id, task.c.notify_url, task.c.rules)
    .join(task, task.c.id == attempt.c.task_id)
    .where(attempt.c.id.in_(bindparam("attempt_ids", expanding=True)), task.c.notify_url > "")
    .order_by(attempt.c.id)
)
_OF_MAIL = (
    select(answer.c.id, answer.c.task_id, answer.c.phone_id, answer.c.phone, answer.c.result, answer.c.changed_us)
    .where(answer.c.attempt_id == bindparam("attempt_id"))
    .order_by(answer.c.id.desc())
    .limit(1)
)
_NUMBER = (event.c.url, event.c.task_id, event.c.phone_id)
_OF_NUMBER = (
    WAITING,
    event.c.url == bindparam("of_url"),
    event.c.task_id == bindparam("of_task"),
    event.c.phone_id == bindparam("of_phone"),
)
_ONE_WAITS = select(event.c.id).where(*_OF_NUMBER).exists()
_ADD = insert(event).values(
    event_id=bindparam("new_event_id"),
    kind=bindparam("new_kind"),
    task_id=bindparam("of_task"),
    phone_id=bindparam("of_phone"),
    url=bindparam("of_url"),
    content=bindparam("new_content", type_=event.c.content.type),
    created_us=bindparam("now_us"),
    due_us=case((_ONE_WAITS, null()), else_=0),
    tries=0,
)
_FIRST = select(func.min(event.c.id)).where(*_OF_NUMBER).scalar_subquery()
_STOP_FIRST = update(event).where(event.c.id == _FIRST).values(due_us=None)
_LET_FIRST_GO = update(event).where(event.c.id == _FIRST, event.c.due_us.is_(None)).values(due_us=0)
_DUE = (
    select(event)
    .where(WAITING, event.c.url == bindparam("of_url"), event.c.due_us <= bindparam("now_us"))
    .order_by(event.c.due_us, event.c.id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something a receiver is to be told."""

    row_id: int
    event_id: str
    """The same at every try, also after a replay."""
    kind: str
    task_id: int
    phone_id: str
    url: str
    content: dict[str, Any]
    """The row that it tells, column by column, as it was committed; with the task's `crm_id`."""
    created_us: int
    due_us: int | None
    """When it is tried next, 0: at once; None: after an earlier one of its number."""
    first_tried_us: int | None
    tries: int
    last_error: str | None
    dead_us: int | None

    @property
    def number(self) -> tuple[int, str]:
        """Whose events keep their order."""
        return self.task_id, self.phone_id


def add_result(tx: Transaction, attempt_id: int) -> None:
    """Note the result of an attempt that has just got it, for a task that wants to be told."""
    add_results(tx, [attempt_id])


def add_results(tx: Transaction, attempt_ids: Sequence[int]) -> None:
    """The same of many attempts, up to `BATCH`."""
    rows = tx.connection.execute(_OF_RESULTS, {"attempt_ids": attempt_ids}).all()
    ended = {"progress": Progress.ENDED.value, "at_us": tx.now_us, "details": {}}
    _add(tx, RESULT, [row._asdict() for row in rows if not _tells_progress(row)])
    _add(tx, PROGRESS, [_without_words({**row._asdict(), **ended}) for row in rows if _tells_progress(row)])


def add_answer(tx: Transaction, attempt_id: int) -> None:
    """Note the latest answer of an attempt, which has just been stored. (Of a task that is told progress the keys are
    told as they are pressed.)"""
    row = tx.connection.execute(_OF_ANSWER, {"attempt_id": attempt_id}).first()
    if row is not None and not _tells_progress(row):
        _add(tx, ANSWER, [row._asdict()])


def add_progress(
    tx: Transaction, attempt_id: int, progress: Progress, details: Mapping[str, str] | None = None
) -> None:
    """Note a step of a call, for a task that wants to be told progress: with the attempt's row as it is now."""
    row = tx.connection.execute(_OF_RESULTS, {"attempt_ids": [attempt_id]}).first()
    if row is None or not _tells_progress(row):
        return
    told = {**row._asdict(), "progress": progress.value, "at_us": tx.now_us, "details": dict(details or {})}
    _add(tx, PROGRESS, [told if progress is Progress.DIALLED else _without_words(told)])


def add_mail(tx: Transaction, attempt_id: int, address: str) -> None:
    """Note that the latest answer of an attempt, a recording, is to be mailed."""
    row = tx.connection.execute(_OF_MAIL, {"attempt_id": attempt_id}).first()
    if row is not None:
        _add(tx, MAIL, [{**row._asdict(), "notify_url": f"mailto:{address}"}])


def _tells_progress(row: Row[Any]) -> bool:
    return bool(row.rules.get("tells_progress"))


def _without_words(told: dict[str, Any]) -> dict[str, Any]:
    """Without the number's params, which may be long: only the first event of a call tells them."""
    return {**told, "params": None}


def _add(tx: Transaction, kind: str, told: Sequence[dict[str, Any]]) -> None:
    """One event for each row that is told."""
    events = []
    for row in told:
        hidden = ("rules", "notify_url", *(() if kind == PROGRESS else ("first_id",)))
        events.append(
            {
                "new_event_id": f"{kind}-{row['id']}-{secrets.token_hex(8)}",
                "new_kind": kind,
                "of_task": row["task_id"],
                "of_phone": row["phone_id"],
                "of_url": row["notify_url"],
                "new_content": {name: value for name, value in row.items() if name not in hidden},
                "now_us": tx.now_us,
            }
        )
    if events:
        tx.connection.execute(_ADD, events)
    for url in {one["of_url"] for one in events}:
        tx.tell(TOPIC, url)


def fetch_due(connection: Connection, url: str, now_us: int, most: int) -> list[Event]:
    """Events for a receiver whose time has come, of each number the first one only."""
    return [_event_of(row) for row in connection.execute(_DUE, {"of_url": url, "now_us": now_us, "most": most})]


def fetch_next_due_us(connection: Connection, url: str, after_us: int) -> int | None:
    """When the next event for a receiver is due that is not yet."""
    next_due = select(func.min(event.c.due_us)).where(WAITING, event.c.url == url, event.c.due_us > after_us)
    found = connection.execute(next_due).scalar()
    return None if found is None else int(found)


def fetch_urls(connection: Connection) -> list[str]:
    """Receivers for which something waits."""
    return [str(url) for url in connection.execute(select(event.c.url).where(WAITING).distinct()).scalars()]


def fetch_events(connection: Connection, *, dead: bool, after_id: int, limit: int) -> list[Event]:
    """Events that wait, or those given up, oldest first."""
    of_kind = DEAD if dead else WAITING
    rows = connection.execute(select(event).where(of_kind, event.c.id > after_id).order_by(event.c.id).limit(limit))
    return [_event_of(row) for row in rows]


def count_events(connection: Connection) -> tuple[int, int]:
    """How many wait, and how many were given up."""
    waiting, dead = (select(func.count()).select_from(event).where(of_kind) for of_kind in (WAITING, DEAD))
    return connection.execute(waiting).scalar_one(), connection.execute(dead).scalar_one()


def mark_delivered(row_id: int) -> Operation[None]:
    """Forget it; the number's next event is tried."""

    def operation(tx: Transaction) -> None:
        gone = delete(event).where(event.c.id == row_id).returning(*_NUMBER)
        _of_each_number(tx, _LET_FIRST_GO, tx.connection.execute(gone).all())

    return operation


def mark_failed(row_id: int, error: str, now_us: int, due_us: int) -> Operation[None]:
    """Try again at that time."""

    def operation(tx: Transaction) -> None:
        values = {
            "tries": event.c.tries + 1,
            "last_error": error,
            "first_tried_us": func.coalesce(event.c.first_tried_us, now_us),
            # one that had to let a replayed one go first waits for it
            "due_us": case((event.c.due_us.is_(None), null()), else_=due_us),
        }
        tx.connection.execute(update(event).where(event.c.id == row_id).values(values))

    return operation


def mark_dead(row_id: int, error: str, now_us: int) -> Operation[None]:
    """Give it up; the number's next event is tried."""

    def operation(tx: Transaction) -> None:
        values = {"tries": event.c.tries + 1, "last_error": error, "dead_us": now_us}
        dead = update(event).where(event.c.id == row_id).values(values).returning(*_NUMBER)
        _of_each_number(tx, _LET_FIRST_GO, tx.connection.execute(dead).all())

    return operation


def bury_old(url: str, before_us: int, error: str, now_us: int) -> Operation[int]:
    """Give up a BATCH of what has waited for a receiver since before then; say how many: fewer, and it was all."""

    def operation(tx: Transaction) -> int:
        old = select(event.c.id).where(WAITING, event.c.url == url, event.c.created_us < before_us)
        some = event.c.id.in_(old.order_by(event.c.created_us).limit(BATCH))
        dead = update(event).where(some).values(last_error=error, dead_us=now_us).returning(*_NUMBER)
        numbers = tx.connection.execute(dead).all()
        _of_each_number(tx, _LET_FIRST_GO, numbers)
        return len(numbers)

    return operation


def replay(event_ids: Sequence[str] | None, after_id: int = 0) -> Operation[list[int]]:
    """Let a BATCH of events that were given up wait again, of all of them for None; their age counts anew. Tell their
    row ids, ascending and greater than `after_id`: fewer than BATCH, and it was all."""

    def operation(tx: Transaction) -> list[int]:
        wanted = select(event.c.id, *_NUMBER).where(DEAD, event.c.id > after_id).order_by(event.c.id).limit(BATCH)
        if event_ids is not None:
            wanted = wanted.where(event.c.event_id.in_(event_ids))
        rows = tx.connection.execute(wanted).all()
        row_ids = [row.id for row in rows]
        values = {"dead_us": None, "due_us": None, "first_tried_us": None, "created_us": tx.now_us}
        _of_each_number(tx, _STOP_FIRST, rows)
        tx.connection.execute(update(event).where(event.c.id.in_(row_ids)).values(values))
        _of_each_number(tx, _LET_FIRST_GO, rows)
        for url in {row.url for row in rows}:
            tx.tell(TOPIC, url)
        return row_ids

    return operation


def _of_each_number(tx: Transaction, change: Update, rows: Iterable[Row[*tuple[Any, ...]]]) -> None:
    """Change the first event that waits of each number among the rows."""
    numbers = [
        {"of_url": url, "of_task": task_id, "of_phone": phone_id}
        for url, task_id, phone_id in {(row.url, row.task_id, row.phone_id) for row in rows}
    ]
    if numbers:
        tx.connection.execute(change, numbers)


def _event_of(row: Row[Any]) -> Event:
    """Of events stored by an earlier version, what it did not know is None; it knew no times of numbers."""
    told = {RESULT: attempt, ANSWER: answer}.get(row.kind)
    known = () if told is None else (*told.c.keys(), NEXT_DUE.name)
    return Event(
        row.id,
        row.event_id,
        row.kind,
        row.task_id,
        row.phone_id,
        row.url,
        {**dict.fromkeys(known), "due_us": 0, **row.content},
        row.created_us,
        row.due_us,
        row.first_tried_us,
        row.tries,
        row.last_error,
        row.dead_us,
    )
