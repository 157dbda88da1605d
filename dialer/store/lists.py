"""A list of numbers compared with what is stored of its task, and what it changes there.

A small list of a small task is compared and applied by one operation. Of a large one others have their turn between
the parts: a new task's is staged (`dialer.store.staging`), one for a task that there is is joined to it
(`dialer.store.joining`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, Connection, Text, bindparam, delete, select, tuple_, type_coerce, update
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from dialer.model.attempt import AttemptState
from dialer.model.task import Number
from dialer.store.batches import batches
from dialer.store.database import Transaction
from dialer.store.finishing import LIFETIME_TOPIC, close_stopped, release_clients
from dialer.store.list_rows import ListedRow, insert_block, listed_row, row_blocks
from dialer.store.results import Span
from dialer.store.schema import IN_PROGRESS, QUEUED, answer, attempt, task

DROPPED_TOPIC = "dropped"
"""Told when rows of a task were deleted; the detail is its id."""
_ROWS_A_TURN = 2000
"""Rows that are made something of before the event loop has its turn: some 20 ms."""


class _JsonText(TypeDecorator[str]):
    """JSON that is a text already."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        return None


_WAITS, _SPOOLED = AttemptState.CREATED.value, AttemptState.SPOOLED.value
_STORED = (
    attempt.c.id, attempt.c.phone_id, attempt.c.attempt_number, attempt.c.state, attempt.c.closed_us, attempt.c.due_us,
    attempt.c.held, type_coerce(attempt.c.params, Text).label("params"), attempt.c.client_id, attempt.c.zone,
    attempt.c.not_before_us, attempt.c.until_us, attempt.c.caller_id, attempt.c.ring_timeout_s,
)  # fmt: skip
_SAID = 7
"""From there on they are what a list says: the columns of `LISTED` behind `phone`."""
_CHANGE_WAITING = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt_id"))
    .values(
        params=bindparam("new_params", type_=_JsonText),
        client_id=bindparam("new_client"),
        zone=bindparam("new_zone"),
        due_us=bindparam("new_due_us"),
        until_us=bindparam("new_until_us"),
        caller_id=bindparam("new_caller"),
        not_before_us=bindparam("new_not_before_us"),
        ring_timeout_s=bindparam("new_ring_timeout_s"),
        held=bindparam("new_held"),
    )
)


class ListChangedError(Exception):
    """The list, or the task itself, was changed by somebody else since it was looked at: look again."""


class Comparison:
    """The rows of a task beside a new list, page by page."""

    def __init__(self, listed: Mapping[str, ListedRow]) -> None:
        self._listed = listed
        self._kept: set[str] = set()
        self._dropped: dict[str, None] = {}
        self.changed: list[ListedRow] = []
        """Numbers that wait and are told anew."""
        self.busy_clients: set[str | None] = set()
        """Clients with numbers that are not finished."""

    def take(self, stored: Iterable[Any]) -> None:
        for row in stored:
            _row_id, phone_id, _number, state, closed_us, _due_us, _held, _params, client_id, *_others = row
            number = self._listed.get(phone_id)
            self._kept.add(phone_id)
            if number is None:
                self._dropped[phone_id] = None
            if closed_us is not None:
                continue
            if number is not None and state == _WAITS:
                client_id = number[3]
                if _change_of(row, number):
                    self.changed.append(number)
            self.busy_clients.add(client_id)

    @property
    def dropped(self) -> list[str]:
        """Listed no more (`phone_id`)."""
        return list(self._dropped)

    def new(self) -> list[ListedRow]:
        return [number for phone_id, number in self._listed.items() if phone_id not in self._kept]


def by_phone(numbers: Sequence[Number]) -> dict[str, Number]:
    """In the order of the list; of duplicates the first one counts."""
    listed: dict[str, Number] = {}
    for number in numbers:
        listed.setdefault(number.phone_id, number)
    return listed


def fetch_stored_page(connection: Connection, task_id: int, after: tuple[str, int] | None) -> Sequence[Any]:
    """Some of a task's rows, in the order of their numbers; `after`: number and attempt of the last one before."""
    query = select(*_STORED).where(attempt.c.task_id == task_id)
    if after is not None:
        query = query.where(tuple_(attempt.c.phone_id, attempt.c.attempt_number) > after)
    return connection.execute(query.order_by(attempt.c.phone_id, attempt.c.attempt_number).limit(_ROWS_A_TURN)).all()


def fetch_stored_range(connection: Connection, task_id: int, first_id: int, last_id: int) -> Sequence[Any]:
    """The same by their ids, for a list of so many that its rows are a good part of all."""
    within = (attempt.c.id >= first_id, attempt.c.id <= last_id, attempt.c.task_id + 0 == task_id)
    return connection.execute(select(*_STORED).where(*within).order_by(attempt.c.id).limit(_ROWS_A_TURN)).all()


def take_page(connection: Connection, task_id: int, span: Span, found: Comparison, last: Any) -> Any:
    """Compare a page of a task's rows; its last one, None: there is none. `last`: that of the page before."""
    if span.is_dense:
        first_id = span.first_id if last is None else last.id + 1
        page = fetch_stored_range(connection, task_id, first_id, span.last_id)
    else:
        page = fetch_stored_page(connection, task_id, last and (last.phone_id, last.attempt_number))
    found.take(page)
    return page[-1] if page else None


def take_later(connection: Connection, task_id: int, after_id: int, found: Comparison) -> None:
    """Likewise the attempts that came meanwhile: a client whose number was tried again has one that is not finished.
    Reads the whole index of the task's numbers."""
    # + 0: else everybody's rows from there on are walked through
    later = select(*_STORED).where(attempt.c.task_id == task_id, attempt.c.id + 0 > after_id)
    found.take(connection.execute(later).all())


def _stored_rows(connection: Connection, task_id: int) -> Iterator[Any]:
    """Page by page: what is made of a page holds up the event loop, the next query lets it go on."""
    after = None
    while rows := fetch_stored_page(connection, task_id, after):
        yield from rows
        after = rows[-1].phone_id, rows[-1].attempt_number


def fetch_stamp(connection: Connection, task_id: int) -> int:
    """When a task was changed last; each change of its list moves it. 0: there is none."""
    return int(connection.execute(select(task.c.changed_us).where(task.c.id == task_id)).scalar() or 0)


def apply_list(tx: Transaction, task_id: int, numbers: Mapping[str, Number]) -> None:
    """Add what is new, drop what is not listed any more. Calls in progress keep their rows until they end."""
    found = Comparison({phone_id: listed_row(number) for phone_id, number in numbers.items()})
    found.take(_stored_rows(tx.connection, task_id))
    new = found.new()
    are_busy = bool(found.busy_clients - {None})
    relist(tx, task_id)
    drop(tx, task_id, found.dropped)
    tell_anew(tx, task_id, found.changed)
    for block in row_blocks(new, found.busy_clients):
        insert_block(tx, task_id, block)
    if are_busy and (found.dropped or new or found.changed):
        release_clients(tx, task_id)
    has_lifetimes = any(number.until_us is not None for number in numbers.values())
    has_numbers(tx, task_id, len(numbers), has_lifetimes=has_lifetimes)


def has_numbers(tx: Transaction, task_id: int, listed: int, *, has_lifetimes: bool) -> None:
    """The task has the numbers of a list, which are as many."""
    if has_lifetimes:
        tx.tell(LIFETIME_TOPIC, "")
    close_stopped(tx, task_id, listed)


def insert_numbers(tx: Transaction, task_id: int, new: Sequence[Number], busy_clients: set[str | None]) -> None:
    """`busy_clients`: who has a number in the list already that is not finished."""
    are_busy = bool(busy_clients - {None})
    for block in row_blocks(map(listed_row, new), busy_clients):
        insert_block(tx, task_id, block)
    if are_busy:
        release_clients(tx, task_id)
    if any(number.until_us is not None for number in new):
        tx.tell(LIFETIME_TOPIC, "")
    close_stopped(tx, task_id, len(new), [number.phone_id for number in new])


def relist(tx: Transaction, task_id: int) -> None:
    """Numbers of calls in progress that earlier lists had dropped are listed, until `drop`."""
    dialled = (attempt.c.task_id == task_id, IN_PROGRESS, attempt.c.state != _SPOOLED, attempt.c.unlisted != 0)
    tx.connection.execute(update(attempt).where(*dialled).values(unlisted=0))


def drop(tx: Transaction, task_id: int, phone_ids: Sequence[str], since_us: int | None = None) -> None:
    """Delete numbers that are listed no more. A call in progress goes on, and gets no further attempt. `since_us`: when
    the list began to hold; results from then on stay, as those of the calls that were in progress."""
    for some in batches(phone_ids):
        of_numbers = (attempt.c.task_id == task_id, attempt.c.phone_id.in_(some))
        rows = tx.connection.execute(select(attempt.c.id, attempt.c.state, attempt.c.closed_us).where(*of_numbers))
        gone: list[int] = []
        unlisted: list[int] = []
        for row_id, state, closed_us in rows:
            if closed_us is None:
                (gone if state in {_WAITS, _SPOOLED} else unlisted).append(row_id)
            elif since_us is None or closed_us < since_us:
                gone.append(row_id)
        for ids in batches(gone):
            tx.connection.execute(delete(answer).where(answer.c.attempt_id.in_(ids)))
            tx.connection.execute(delete(attempt).where(attempt.c.id.in_(ids)))
        for ids in batches(unlisted):
            tx.connection.execute(update(attempt).where(attempt.c.id.in_(ids)).values(unlisted=1))
    if phone_ids:
        tx.tell(DROPPED_TOPIC, str(task_id))


def tell_anew(tx: Transaction, task_id: int, rows: Sequence[ListedRow]) -> None:
    """Of these numbers those that wait are what the list says of them."""
    for some in batches(rows):
        listed = {row[0]: row for row in some}
        waiting = (attempt.c.task_id == task_id, attempt.c.phone_id.in_(list(listed)), QUEUED)
        stored = tx.connection.execute(select(*_STORED).where(*waiting)).all()
        changes = [change for row in stored if (change := _change_of(row, listed[row.phone_id]))]
        if changes:
            tx.connection.execute(_CHANGE_WAITING, changes)


def _change_of(row: Any, number: ListedRow) -> dict[str, object] | None:
    """What the list says anew of a number that waits; a time that it has got for its next attempt stays."""
    row_id, _phone_id, attempt_number, _state, _closed_us, stored_due_us, stored_held, *stored = row
    _phone_id, _phone, params, client_id, zone, not_before_us, until_us, caller_id, ring_timeout_s = number
    due_us = not_before_us if attempt_number == 1 else max(stored_due_us, not_before_us)
    held = 0 if client_id is None else stored_held if client_id == row[_SAID + 1] else 1
    if due_us == stored_due_us and held == stored_held and number[2:] == tuple(stored):
        return None
    return {
        "attempt_id": row_id,
        "new_params": params,
        "new_client": client_id,
        "new_zone": zone,
        "new_due_us": due_us,
        "new_until_us": until_us,
        "new_caller": caller_id,
        "new_not_before_us": not_before_us,
        "new_ring_timeout_s": ring_timeout_s,
        "new_held": held,
    }
