"""The audit log: each change is stored together with the row that tells who made it.

Whoever lets people change something says who they are (`acting_as`); whoever makes a change wraps its operation
(`audited`). What the engine does by itself has no author and leaves no row.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select

from dialer.model.audit import Author, Change
from dialer.store.database import Operation, Transaction
from dialer.store.schema import audit

T = TypeVar("T")
log = logging.getLogger("dialer.audit")
TOPIC = "audit"
"""Told with each row, once it is committed; the detail is JSON: the fields of its log line."""
DAY_US = 86_400 * 1_000_000
PRUNED_AT_ONCE = 2000
LOOKED_AT = 100_000
"""Rows that a page is chosen from at the most."""
_ADD = insert(audit).values(
    time_us=bindparam("new_time_us"),
    who=bindparam("new_who"),
    address=bindparam("new_address"),
    action=bindparam("new_action"),
    target=bindparam("new_target"),
    detail=bindparam("new_detail"),
)
LOGGED_IDS = 100
AuditRow = Row[Any]


@dataclass(slots=True)
class Trail:
    """What one author does in one request."""

    author: Author
    told: bool = False
    """Whether a change of it has a row."""


_TRAIL: ContextVar[Trail | None] = ContextVar("audit trail", default=None)


@contextmanager
def acting_as(author: Author) -> Iterator[Trail]:
    """Everything changed within is this author's doing."""
    trail = Trail(author)
    token = _TRAIL.set(trail)
    try:
        yield trail
    finally:
        _TRAIL.reset(token)


def audited(operation: Operation[T], describe: Callable[[T], Change | None]) -> Operation[T]:
    """The operation with a row in the same transaction; `describe` tells what its result means, None: nothing was
    changed. To be called by whoever acts: the author is who it is at this moment."""
    return audited_change(operation, lambda _tx: None, lambda _before, result: describe(result))


def audited_change(
    operation: Operation[T], look: Operation[Any], describe: Callable[[Any, T], Change | None]
) -> Operation[T]:
    """Likewise; `look` sees what was there before."""
    trail = _TRAIL.get()
    if trail is None:
        return operation
    trail.told = True
    author = trail.author

    def both(tx: Transaction) -> T:
        before = look(tx)
        result = operation(tx)
        change = describe(before, result)
        if change is not None:
            add_entry(tx, author, change)
        return result

    return both


def entry(author: Author, change: Change) -> Operation[None]:
    """Only the row."""
    return lambda tx: add_entry(tx, author, change)


def add_entry(tx: Transaction, author: Author, change: Change) -> None:
    values = {
        "new_time_us": tx.now_us,
        "new_who": author.name,
        "new_address": author.address,
        "new_action": change.action,
        "new_target": change.target,
        "new_detail": change.detail,
    }
    place = tx.add_later(_ADD, values)
    # two that say the same are told twice
    tx.tell(TOPIC, json.dumps({**_fields(author, change), "place": [tx.now_us, place]}))


def write_line(detail: str) -> None:
    """The log line of a row; a listener of TOPIC. The message is the action alone: what clients have sent stands in
    fields, which are quoted, and so does not look like one of them."""
    fields = json.loads(detail)
    del fields["place"]
    log.info("%s", fields["action"], extra=fields)


def _fields(author: Author, change: Change) -> dict[str, Any]:
    """`address` is empty for Asterisk's CLI and for telephones (of REST from this machine it is 127.0.0.1); ids and
    number only where there are; many numbers: the first."""
    said = {"who": author.name, "address": author.address, "action": change.action, "target": change.target}
    about: dict[str, Any] = {"task_id": change.task_id, "detail": change.detail, "number": change.number or None}
    if len(change.attempt_ids) == 1:
        about["attempt_id"] = change.attempt_ids[0]
    elif change.attempt_ids:
        about["attempt_ids"] = list(change.attempt_ids[:LOGGED_IDS])
    return {**said, **about}


def prune_audit(keep_days: int) -> Operation[bool]:
    """Forget a part of what is older; False: that was all."""

    def operation(tx: Transaction) -> bool:
        oldest = tx.connection.execute(select(audit.c.id, audit.c.time_us).order_by(audit.c.id).limit(PRUNED_AT_ONCE))
        old = [row.id for row in oldest if row.time_us < tx.now_us - keep_days * DAY_US]
        if old:
            tx.connection.execute(delete(audit).where(audit.c.id >= old[0], audit.c.id <= old[-1]))
        return len(old) == PRUNED_AT_ONCE

    return operation


def fetch_audit(
    connection: Connection, *, before_id: int | None = None, limit: int = 100, search: str = ""
) -> tuple[list[AuditRow], int | None]:
    """A page, newest first, and before which id to go on; None: that was all. It is chosen from LOOKED_AT rows."""
    newest = before_id
    if newest is None:
        newest = (connection.execute(select(audit.c.id).order_by(audit.c.id.desc()).limit(1)).scalar() or 0) + 1
    lowest = newest - LOOKED_AT
    query = select(audit).where(audit.c.id < newest, audit.c.id >= lowest).order_by(audit.c.id.desc()).limit(limit + 1)
    if search:
        columns = (audit.c.who, audit.c.address, audit.c.action, audit.c.target, audit.c.detail)
        query = query.where(or_(*(column.contains(search, autoescape=True) for column in columns)))
    rows = list(connection.execute(query))
    if len(rows) > limit:
        return rows[:limit], rows[limit - 1].id
    older = connection.execute(select(audit.c.id).where(audit.c.id < lowest).limit(1)).first()
    return rows, None if older is None else lowest
