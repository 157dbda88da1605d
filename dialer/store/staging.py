"""The list of a new task, stored in parts, between which calls go on.

Its rows are put below an id that no task has yet; nothing looks at them. The task is made last, and with it they are
there all at once. What an end of the daemon leaves of such a list is removed after the next start.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from dialer.store.database import Operation, Transaction
from dialer.store.list_rows import RowBlock, insert_block
from dialer.store.lists import ListChangedError, has_numbers
from dialer.store.schema import STAGED, attempt, meta, task
from dialer.store.sqlite import make_room, take_room_back

_ROWS_REMOVED = 5000
_WHOLE, _REMOVED = "", "removed"


@dataclass(frozen=True, slots=True)
class StagedList:
    """The rows of a task that is to be made."""

    task_id: int
    posted: int
    """How many numbers the list has."""
    has_lifetimes: bool


def note_staged(connection: Connection, task_id: int) -> None:
    """Rows are going to be staged below this id, which no task has."""
    connection.execute(insert(meta).values(key=f"{STAGED}{task_id}", value=_WHOLE))


def stage(task_id: int, blocks: Sequence[RowBlock]) -> Operation[None]:
    """Store a part of a list. Raises ListChangedError where those before have been removed, some or all."""

    def operation(tx: Transaction) -> None:
        whole = select(meta.c.key).where(meta.c.key == f"{STAGED}{task_id}", meta.c.value == _WHOLE)
        if tx.connection.execute(whole).first() is None:
            raise ListChangedError("its rows were removed")
        make_room(tx.connection)
        for block in blocks:
            insert_block(tx, task_id, block)

    return operation


def use_staged(tx: Transaction, staged: StagedList) -> None:
    """The task of these rows is there now. Raises ListChangedError where they have been removed, some or all."""
    whole = delete(meta).where(meta.c.key == f"{STAGED}{staged.task_id}", meta.c.value == _WHOLE)
    if tx.connection.execute(whole).rowcount != 1:
        raise ListChangedError("its rows were removed")
    has_numbers(tx, staged.task_id, staged.posted, has_lifetimes=staged.has_lifetimes)
    take_room_back(tx.connection)


def unstage(task_id: int) -> Operation[bool]:
    """Remove a part of what was staged for a task that is not made; False: that was all. Nothing is added to the rest,
    and no task gets it."""

    def operation(tx: Transaction) -> bool:
        key = meta.c.key == f"{STAGED}{task_id}"
        if tx.connection.execute(update(meta).where(key).values(value=_REMOVED)).rowcount == 0:
            return False
        removed = 0
        if tx.connection.execute(select(task.c.id).where(task.c.id == task_id)).first() is None:
            rows = select(attempt.c.id).where(attempt.c.task_id == task_id).limit(_ROWS_REMOVED)
            removed = tx.connection.execute(delete(attempt).where(attempt.c.id.in_(rows))).rowcount
        if removed < _ROWS_REMOVED:
            tx.connection.execute(delete(meta).where(key))
        return removed == _ROWS_REMOVED

    return operation


def end_of_parts(tx: Transaction) -> None:
    """The writer is as it was before the first part of a list; needs no room on the disk."""
    take_room_back(tx.connection)


def fetch_staged(connection: Connection) -> list[int]:
    """Ids below which an earlier daemon has staged rows."""
    keys = connection.execute(select(meta.c.key).where(meta.c.key.startswith(STAGED))).scalars()
    return [int(key.removeprefix(STAGED)) for key in keys]
