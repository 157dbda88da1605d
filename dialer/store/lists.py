"""Lists of numbers: rows put in by the thousand, a list compared with what is stored, and one stored in parts.

A list of a million takes seconds to store, and there is one writer. A new task's is staged: its rows are stored in
parts, between which calls go on, below an id that no task has yet; nothing looks at them. The task is made last, and
with it they are there all at once. What an end of the daemon leaves of a staged list is removed at the next start. A
list for a task that there is is compared beside the writer, which is told the differences only (`ListPlan`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Text, bindparam, delete, insert, select, tuple_, type_coerce, update

from dialer.model.attempt import AttemptState
from dialer.model.task import Number
from dialer.store.database import Operation, Transaction
from dialer.store.finishing import LIFETIME_TOPIC, close_stopped, release_clients
from dialer.store.schema import IN_PROGRESS, QUEUED, answer, attempt, meta, task
from dialer.store.sqlite import make_room, take_room_back

DROPPED_TOPIC = "dropped"
"""Told when rows of a task were deleted; the detail is its id."""
ROWS_A_STATEMENT = 2000
_KEYS_A_STATEMENT = 500
_ROWS_A_TURN = 2000
"""Rows that are made something of before the event loop has its turn: some 20 ms."""
_ROWS_REMOVED = 5000
_MOST_VARIABLES = 30_000
"""SQLite takes 32766 in a statement."""
_STAGED = "staged:"
"""`meta` has a row of that key, and the id, for each list that is being staged."""

ListedRow = tuple[str, str, str | None, str | None, str, int, int | None, str | None, int | None]
"""A number of a list as it is stored: the columns of `LISTED`."""
LISTED = (
    "phone_id", "phone", "params", "client_id", "zone", "not_before_us", "until_us", "caller_id", "ring_timeout_s",
)  # fmt: skip
_DEFAULTS = (None, None, None, None, "", 0, None, None, None, 0)
"""Of those columns, and `held`, where every row has the same."""
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
        params=bindparam("new_params", type_=Text),
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
T = TypeVar("T")


class ListChangedError(Exception):
    """The list, or the task itself, was changed by somebody else since it was looked at: look again."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """First attempts as the writer takes them."""

    columns: tuple[str, ...]
    """Of `LISTED`, and `held`; those that are not named have their defaults."""
    values: Sequence[Any]
    """Of one row after the other."""

    def __len__(self) -> int:
        return len(self.values) // len(self.columns)


@dataclass(frozen=True, slots=True)
class ListPlan:
    """What a list changes in a task that there is."""

    posted: int
    """How many numbers the list has."""
    task_id: int
    changed_us: int | None
    """The task's time stamp when it was made: each change of a list moves it. None: it is applied at once."""
    has_rows: bool
    """Whether the task had rows."""
    dropped: Sequence[str]
    """Listed no more (`phone_id`)."""
    changed: Iterable[Sequence[ListedRow]]
    """Said anew, by some."""
    new: Iterable[RowBlock]
    new_count: int
    has_clients: bool
    """Whether clients have numbers in it that are not finished."""
    has_lifetimes: bool


@dataclass(frozen=True, slots=True)
class StagedList:
    """The rows of a task that is to be made."""

    task_id: int
    posted: int
    has_lifetimes: bool


def listed_row(number: Number) -> ListedRow:
    return (
        number.phone_id,
        number.phone,
        json.dumps(number.params) if number.params is not None else None,
        number.client_id,
        number.zone,
        number.not_before_us,
        number.until_us,
        number.caller_id,
        number.ring_timeout_s,
    )


def row_blocks(rows: Iterable[ListedRow], busy_clients: set[str | None]) -> Iterator[RowBlock]:
    """`busy_clients`: who has a number in the list already that is not finished. Of a client's numbers only the first
    one is not held."""
    left = iter(rows)
    while some := list(islice(left, ROWS_A_STATEMENT)):
        held = []
        for row in some:
            client_id = row[3]
            held.append(int(client_id is not None and client_id in busy_clients))
            busy_clients.add(client_id)
        columns = [*zip(*some, strict=True), held]
        said = [
            (name, values)
            for name, values, default in zip((*LISTED, "held"), columns, _DEFAULTS, strict=True)
            if name in {"phone_id", "phone"} or any(value != default for value in values)
        ]
        values = chain.from_iterable(zip(*(values for _name, values in said), strict=True))
        yield RowBlock(tuple(name for name, _values in said), list(values))


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
    def has_rows(self) -> bool:
        return bool(self._kept)

    @property
    def dropped(self) -> list[str]:
        return list(self._dropped)

    def new(self) -> list[ListedRow]:
        return [number for phone_id, number in self._listed.items() if phone_id not in self._kept]


def by_phone(numbers: Sequence[Number]) -> dict[str, Number]:
    """In the order of the list; of duplicates the first one counts."""
    listed: dict[str, Number] = {}
    for number in numbers:
        listed.setdefault(number.phone_id, number)
    return listed


def plan_of(connection: Connection, task_id: int, numbers: Mapping[str, Number]) -> ListPlan:
    listed = {phone_id: listed_row(number) for phone_id, number in numbers.items()}
    found = Comparison(listed)
    found.take(_stored_rows(connection, task_id))
    new = found.new()
    has_clients = bool(found.busy_clients - {None})
    blocks = row_blocks(new, found.busy_clients)
    mortal = any(number.until_us is not None for number in numbers.values())
    return ListPlan(
        len(numbers), task_id, None, found.has_rows, found.dropped, [found.changed], blocks, len(new), has_clients,
        mortal,
    )  # fmt: skip


def fetch_stamp(connection: Connection, task_id: int) -> int:
    """When a task was changed last; 0: there is none."""
    return int(connection.execute(select(task.c.changed_us).where(task.c.id == task_id)).scalar() or 0)


def check_unchanged(connection: Connection, task_id: int, plan: ListPlan) -> None:
    """Raises ListChangedError where the plan was made for another task, or for an earlier list of this one. To be asked
    before the task is changed."""
    if plan.task_id != task_id or plan.changed_us != fetch_stamp(connection, task_id):
        raise ListChangedError("the task was changed")


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


def _stored_rows(connection: Connection, task_id: int) -> Iterator[Any]:
    """Page by page: what is made of a page holds up the event loop, the next query lets it go on."""
    after = None
    while rows := fetch_stored_page(connection, task_id, after):
        yield from rows
        after = rows[-1].phone_id, rows[-1].attempt_number


def apply_plan(tx: Transaction, task_id: int, plan: ListPlan) -> None:
    """Add what is new, drop what is not listed any more; what became of the rows since the plan was made counts. Calls
    in progress keep their rows until they end."""
    if plan.has_rows:
        _drop(tx, task_id, plan.dropped)
    for rows in plan.changed:
        _tell_anew(tx.connection, task_id, rows)
    for block in plan.new:
        insert_block(tx, task_id, block)
    if plan.has_clients and (plan.dropped or plan.new_count or plan.changed):
        release_clients(tx, task_id)
    _has_numbers(tx, task_id, plan.posted, has_lifetimes=plan.has_lifetimes)


def insert_block(tx: Transaction, task_id: int, block: RowBlock) -> None:
    """Many rows a statement: SQLite puts them in without asking for the interpreter's lock at each, for which it would
    wait while calls are served."""
    if tx.connection.dialect.paramstyle != "qmark":
        tx.connection.execute(insert(attempt), list(_dictionaries(tx, task_id, block)))
        return
    columns = [*block.columns, *(["due_us"] if "not_before_us" in block.columns else [])]
    width = len(block.columns)
    rows_at_once = max(1, min(ROWS_A_STATEMENT, _MOST_VARIABLES // width))
    head = f"INSERT INTO attempt (task_id, attempt_number, state, changed_us, {', '.join(columns)}) VALUES "  # noqa: S608  # nosec B608 - our own names
    for start in range(0, len(block.values), rows_at_once * width):
        some = block.values[start : start + rows_at_once * width]
        rows = _rows_text(block.columns, len(some) // width)
        tx.connection.exec_driver_sql(head + rows, (task_id, tx.now_us, *some))


@lru_cache(maxsize=16)
def _rows_text(columns: tuple[str, ...], rows: int) -> str:
    return ", ".join(_row_text(columns, place) for place in range(rows))


def _row_text(columns: Sequence[str], place: int) -> str:
    """`?1`: the task's id, `?2`: the time."""
    first = 3 + place * len(columns)
    values = [f"?{first + at}" for at in range(len(columns))]
    if "not_before_us" in columns:
        values.append(f"?{first + columns.index('not_before_us')}")
    return f"(?1, 1, '{_WAITS}', ?2, {', '.join(values)})"


def _dictionaries(tx: Transaction, task_id: int, block: RowBlock) -> Iterator[dict[str, object]]:
    width = len(block.columns)
    for start in range(0, len(block.values), width):
        row = dict(zip((*LISTED, "held"), _DEFAULTS, strict=True))
        row |= zip(block.columns, block.values[start : start + width], strict=True)
        row["params"] = None if row["params"] is None else json.loads(str(row["params"]))
        row |= {"task_id": task_id, "attempt_number": 1, "state": _WAITS, "changed_us": tx.now_us}
        yield {**row, "due_us": row["not_before_us"]}


def _has_numbers(tx: Transaction, task_id: int, listed: int, *, has_lifetimes: bool) -> None:
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


def _drop(tx: Transaction, task_id: int, phone_ids: Sequence[str]) -> None:
    unlisted: list[int] = []
    for some in statements(phone_ids):
        of_numbers = (attempt.c.task_id == task_id, attempt.c.phone_id.in_(some))
        rows = tx.connection.execute(select(*_STORED).where(*of_numbers)).all()
        gone = [row.id for row in rows if row.closed_us is not None or row.state in {_WAITS, _SPOOLED}]
        unlisted += [row.id for row in rows if row.closed_us is None and row.state not in {_WAITS, _SPOOLED}]
        for ids in statements(gone):
            tx.connection.execute(delete(answer).where(answer.c.attempt_id.in_(ids)))
            tx.connection.execute(delete(attempt).where(attempt.c.id.in_(ids)))
    if phone_ids:
        tx.tell(DROPPED_TOPIC, str(task_id))
    _mark_unlisted(tx.connection, task_id, set(unlisted))


def _mark_unlisted(connection: Connection, task_id: int, unlisted: set[int]) -> None:
    """A call in progress goes on; a number that is not listed any more gets no further attempt."""
    dialled = (attempt.c.task_id == task_id, IN_PROGRESS, attempt.c.state != _SPOOLED)
    rows = connection.execute(select(attempt.c.id, attempt.c.unlisted).where(*dialled))
    marked = {row.id: row.unlisted for row in rows}
    for value in (0, 1):
        ids = [one for one, had in marked.items() if (one in unlisted) == value and had != value]
        for some in statements(ids):
            connection.execute(update(attempt).where(attempt.c.id.in_(some)).values(unlisted=value))


def _tell_anew(connection: Connection, task_id: int, rows: Sequence[ListedRow]) -> None:
    for some in statements(rows):
        listed = {row[0]: row for row in some}
        waiting = (attempt.c.task_id == task_id, attempt.c.phone_id.in_(list(listed)), QUEUED)
        stored = connection.execute(select(*_STORED).where(*waiting)).all()
        changes = [change for row in stored if (change := _change_of(row, listed[row.phone_id]))]
        if changes:
            connection.execute(_CHANGE_WAITING, changes)


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


def statements(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as a statement takes."""
    for start in range(0, len(values), _KEYS_A_STATEMENT):
        yield values[start : start + _KEYS_A_STATEMENT]


def note_staged(connection: Connection, task_id: int) -> None:
    """Rows are going to be staged below this id, which no task has."""
    connection.execute(insert(meta).values(key=f"{_STAGED}{task_id}", value=""))


def stage(task_id: int, blocks: Sequence[RowBlock]) -> Operation[None]:
    """Store a part of a list. Raises ListChangedError where those before have been removed."""

    def operation(tx: Transaction) -> None:
        if tx.connection.execute(select(meta.c.key).where(meta.c.key == f"{_STAGED}{task_id}")).first() is None:
            raise ListChangedError("its rows were removed")
        make_room(tx.connection)
        for block in blocks:
            insert_block(tx, task_id, block)

    return operation


def use_staged(tx: Transaction, staged: StagedList) -> None:
    """The task of these rows is there now. Raises ListChangedError where they have been removed, some or all."""
    if tx.connection.execute(delete(meta).where(meta.c.key == f"{_STAGED}{staged.task_id}")).rowcount != 1:
        raise ListChangedError("its rows were removed")
    _has_numbers(tx, staged.task_id, staged.posted, has_lifetimes=staged.has_lifetimes)
    take_room_back(tx.connection)


def unstage(task_id: int) -> Operation[bool]:
    """Remove a part of what was staged for a task that is not made; False: that was all."""

    def operation(tx: Transaction) -> bool:
        key = meta.c.key == f"{_STAGED}{task_id}"
        if tx.connection.execute(select(meta.c.key).where(key)).first() is None:
            return False
        rows = select(attempt.c.id).where(attempt.c.task_id == task_id).limit(_ROWS_REMOVED)
        removed = tx.connection.execute(delete(attempt).where(attempt.c.id.in_(rows))).rowcount
        if removed < _ROWS_REMOVED:
            tx.connection.execute(delete(meta).where(key))
        return removed == _ROWS_REMOVED

    return operation


def end_staging(tx: Transaction) -> None:
    """The writer is as it was before `stage`; needs no room on the disk."""
    take_room_back(tx.connection)


def fetch_staged(connection: Connection) -> list[int]:
    """Ids below which an earlier daemon has staged rows."""
    keys = connection.execute(select(meta.c.key).where(meta.c.key.startswith(_STAGED))).scalars()
    return [int(key.removeprefix(_STAGED)) for key in keys]
