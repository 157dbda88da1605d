"""The outbox: events that wait for delivery, stored with what they tell, and those given up. What is delivered goes."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from dialer.store.database import Operation, Transaction
from dialer.store.schema import WAITING, answer, attempt, event, task

TOPIC = "event"
"""What an operation tells when there is an event to deliver; the detail is its URL."""
RESULT, ANSWER = "result", "answer"
_OF_RESULT = (
    select(attempt, task.c.crm_id, task.c.notify_url)
    .join(task, task.c.id == attempt.c.task_id)
    .where(attempt.c.id == bindparam("attempt_id"), task.c.notify_url > "")
)
_OF_ANSWER = (
    select(answer, task.c.crm_id, task.c.notify_url)
    .join(task, task.c.id == answer.c.task_id)
    .where(answer.c.attempt_id == bindparam("attempt_id"), task.c.notify_url > "")
    .order_by(answer.c.id.desc())
    .limit(1)
)
_EARLIER = event.alias("earlier")
_IS_FIRST = ~(
    select(_EARLIER.c.id)
    .where(
        _EARLIER.c.task_id == event.c.task_id,
        _EARLIER.c.phone_id == event.c.phone_id,
        _EARLIER.c.id < event.c.id,
        _EARLIER.c.dead_us.is_(None),
    )
    .exists()
)
_DUE = (
    select(event)
    .where(WAITING, event.c.url == bindparam("of_url"), event.c.due_us <= bindparam("now_us"), _IS_FIRST)
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
    due_us: int
    tries: int
    last_error: str | None
    dead_us: int | None

    @property
    def number(self) -> tuple[int, str]:
        """Whose events keep their order."""
        return self.task_id, self.phone_id


def add_result(tx: Transaction, attempt_id: int) -> None:
    """Note the result of an attempt that has just got it, for a task that wants to be told."""
    _add(tx, RESULT, tx.connection.execute(_OF_RESULT, {"attempt_id": attempt_id}).first())


def add_answer(tx: Transaction, attempt_id: int) -> None:
    """Note the latest answer of an attempt, which has just been stored."""
    _add(tx, ANSWER, tx.connection.execute(_OF_ANSWER, {"attempt_id": attempt_id}).first())


def _add(tx: Transaction, kind: str, row: Row[Any] | None) -> None:
    if row is None:
        return
    content = dict(row._mapping)
    url = content.pop("notify_url")
    tx.connection.execute(
        insert(event).values(
            event_id=f"{kind}-{row.id}-{secrets.token_hex(8)}",
            kind=kind,
            task_id=row.task_id,
            phone_id=row.phone_id,
            url=url,
            content=content,
            created_us=tx.now_us,
            due_us=tx.now_us,
            tries=0,
        )
    )
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
    of_kind = event.c.dead_us.is_not(None) if dead else WAITING
    rows = connection.execute(select(event).where(of_kind, event.c.id > after_id).order_by(event.c.id).limit(limit))
    return [_event_of(row) for row in rows]


def count_events(connection: Connection) -> tuple[int, int]:
    """How many wait, and how many were given up."""
    row = connection.execute(select(func.count(), func.count(event.c.dead_us)).select_from(event)).one()
    return int(row[0]) - int(row[1]), int(row[1])


def mark_delivered(row_id: int) -> Operation[None]:
    def operation(tx: Transaction) -> None:
        tx.connection.execute(delete(event).where(event.c.id == row_id))

    return operation


def mark_failed(row_id: int, error: str, due_us: int) -> Operation[None]:
    """Try again at that time."""

    def operation(tx: Transaction) -> None:
        values = {"tries": event.c.tries + 1, "last_error": error, "due_us": due_us}
        tx.connection.execute(update(event).where(event.c.id == row_id).values(values))

    return operation


def mark_dead(row_id: int, error: str, now_us: int) -> Operation[None]:
    """Give it up; the number's next event is tried."""

    def operation(tx: Transaction) -> None:
        values = {"tries": event.c.tries + 1, "last_error": error, "dead_us": now_us}
        tx.connection.execute(update(event).where(event.c.id == row_id).values(values))

    return operation


def bury_old(url: str, before_us: int, error: str, now_us: int) -> Operation[int]:
    """Give up what has waited for a receiver since before this time; say how many."""

    def operation(tx: Transaction) -> int:
        old = update(event).where(WAITING, event.c.url == url, event.c.created_us < before_us)
        return tx.connection.execute(old.values(last_error=error, dead_us=now_us)).rowcount

    return operation


def replay(event_ids: Sequence[str] | None) -> Operation[int]:
    """Let events that were given up wait again, all of them for None; say how many. Their age counts anew."""

    def operation(tx: Transaction) -> int:
        dead = event.c.dead_us.is_not(None)
        wanted = dead if event_ids is None else dead & event.c.event_id.in_(event_ids)
        urls = tx.connection.execute(select(event.c.url).where(wanted).distinct()).scalars().all()
        values = {"dead_us": None, "due_us": tx.now_us, "created_us": tx.now_us}
        count = tx.connection.execute(update(event).where(wanted).values(values)).rowcount
        for url in urls:
            tx.tell(TOPIC, url)
        return count

    return operation


def _event_of(row: Row[Any]) -> Event:
    return Event(
        row.id,
        row.event_id,
        row.kind,
        row.task_id,
        row.phone_id,
        row.url,
        row.content,
        row.created_us,
        row.due_us,
        row.tries,
        row.last_error,
        row.dead_us,
    )
