"""Numbers of lists as rows: made of what a list says, and put in by the thousand."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from sqlalchemy import insert

from dialer.model.attempt import AttemptState
from dialer.model.task import Number
from dialer.store.database import Transaction
from dialer.store.schema import attempt

ROWS_A_BLOCK = 1000
_ROWS_A_STATEMENT = (1000, 256, 32, 4, 1)
"""No other ones: sqlite3 keeps each text that it has seen, with what SQLite has made of it."""
_WAITS = AttemptState.CREATED.value

ListedRow = tuple[str, str, str | None, str | None, str, int, int | None, str | None, int | None]
"""A number of a list as it is stored: the columns of `LISTED`."""
LISTED = (
    "phone_id", "phone", "params", "client_id", "zone", "not_before_us", "until_us", "caller_id", "ring_timeout_s",
)  # fmt: skip
_DEFAULTS = (None, None, None, None, "", 0, None, None, None, 0)
"""Of those columns, and `held`, where every row has the same."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """First attempts as the writer takes them."""

    columns: tuple[str, ...]
    """Of `LISTED`, and `held`; those that are not named have their defaults."""
    values: Sequence[Any]
    """Of one row after the other."""

    def __len__(self) -> int:
        return len(self.values) // len(self.columns)

    def column(self, name: str) -> list[Any]:
        return list(self.values[self.columns.index(name) :: len(self.columns)])

    def without(self, phone_ids: Collection[str]) -> "RowBlock":
        width = len(self.columns)
        rows = [
            self.values[at * width : (at + 1) * width]
            for at, phone_id in enumerate(self.column("phone_id"))
            if phone_id not in phone_ids
        ]
        return RowBlock(self.columns, list(chain.from_iterable(rows)))


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
    while some := list(islice(left, ROWS_A_BLOCK)):
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


def insert_block(tx: Transaction, task_id: int, block: RowBlock) -> None:
    """Many rows a statement: SQLite puts them in without asking for the interpreter's lock at each, for which it would
    wait while calls are served."""
    if tx.connection.dialect.paramstyle != "qmark":
        tx.connection.execute(insert(attempt), list(_dictionaries(tx, task_id, block)))
        return
    columns = [*block.columns, *(["due_us"] if "not_before_us" in block.columns else [])]
    width = len(block.columns)
    head = f"INSERT INTO attempt (task_id, attempt_number, state, changed_us, {', '.join(columns)}) VALUES "  # noqa: S608  # nosec B608 - our own names
    start, end = 0, len(block.values)
    for rows in _ROWS_A_STATEMENT:
        while end - start >= rows * width:
            some = block.values[start : start + rows * width]
            tx.connection.exec_driver_sql(head + _rows_text(block.columns, rows), (task_id, tx.now_us, *some))
            start += rows * width


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
