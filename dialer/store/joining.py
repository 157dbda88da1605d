"""A large list for a task that there is, joined to it in parts, between which calls go on.

What the list changes is noted first, part by part; nobody sees anything of it. Then one transaction changes the task
itself and makes the notes hold: from then on the list is stored, whatever happens. What the notes say is done after
that, again part by part: what is listed no more goes first, what is new comes last. Who reads the task meanwhile sees
its new fields, and some of the numbers as they were before. An end of the daemon before that transaction leaves notes
that are removed; after it the next daemon goes on.

Another list for the same task takes the place of what is left of one whose joining has failed (`leave_joining`);
before numbers are added, that is done at once (`finish_joining`).
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from dialer.model.outcome import Outcome
from dialer.store.batches import batches
from dialer.store.database import Operation, Transaction
from dialer.store.finishing import (
    LIFETIME_TOPIC,
    QUEUE_TOPIC,
    RETOLD_TOPIC,
    TASK_TOPIC,
    close_stopped,
    close_undialled,
    release_clients,
)
from dialer.store.list_rows import LISTED, ListedRow, RowBlock, insert_block
from dialer.store.lists import ListChangedError, drop, fetch_stamp, relist, tell_anew
from dialer.store.schema import JOINING, LIST_PART, OF_CLIENT, QUEUED, TRIED, attempt, meta
from dialer.store.sqlite import make_room, take_room_back

log = logging.getLogger(__name__)
_SUCCESSES = sorted(outcome.value for outcome in Outcome if outcome.is_success)
PARTS_REMOVED = 32
_UNTIL = LISTED.index("until_us")


@dataclass(frozen=True, slots=True)
class NotedList:
    """A list whose changes are noted."""

    list_id: str
    task_id: int
    changed_us: int
    """The task's time stamp when they were found."""
    parts: int
    posted: int
    """How many numbers the list has."""
    has_clients: bool
    """Whether clients have numbers in it that are not finished."""


@dataclass(frozen=True, slots=True)
class _Joining:
    """What is left of a list; stored as JSON."""

    list_id: str
    parts: int
    since_us: int
    """When it began to hold."""
    has_clients: bool
    done: int = 0


def dropped_part(phone_ids: Sequence[str]) -> str:
    """Numbers that are listed no more."""
    return json.dumps({"dropped": phone_ids})


def changed_part(rows: Sequence[ListedRow]) -> str:
    """Numbers of which the list says something else."""
    return json.dumps({"changed": rows})


def new_part(block: RowBlock) -> str:
    return json.dumps({"columns": block.columns, "values": block.values})


def note(list_id: str, first: int, parts: Sequence[str]) -> Operation[None]:
    """Note some of what a list changes; `first`: how many parts there are before."""

    def operation(tx: Transaction) -> None:
        make_room(tx.connection)
        rows = [{"key": _key(list_id, first + at), "value": part} for at, part in enumerate(parts)]
        if rows:
            tx.connection.execute(insert(meta), rows)

    return operation


def check_unchanged(connection: Connection, task_id: int, noted: NotedList) -> None:
    """Raises ListChangedError where the list was compared with another task, or with an earlier list of this one. To be
    asked before the task is changed."""
    if noted.task_id != task_id or noted.changed_us != fetch_stamp(connection, task_id):
        raise ListChangedError("the task was changed")


def begin_joining(tx: Transaction, noted: NotedList) -> None:
    """From now on the list is the task's."""
    was_left = leave_joining(tx, noted.task_id)
    relist(tx, noted.task_id)
    if was_left and not noted.parts:  # all that is missing may be that its clients are freed
        release_clients(tx, noted.task_id)
    if noted.parts:
        left = _Joining(noted.list_id, noted.parts, tx.now_us, noted.has_clients)
        row = {"key": f"{JOINING}{noted.task_id}", "value": json.dumps(asdict(left))}
        tx.connection.execute(insert(meta), row)
    take_room_back(tx.connection)


def join(task_id: int, parts: int) -> Operation[bool]:
    """Do some of what is left of a task's list; False: that was all, but for `free_clients` and `end_joining`."""

    def operation(tx: Transaction) -> bool:
        left = _fetch(tx.connection, task_id)
        if left is None or left.done == left.parts:
            return False
        make_room(tx.connection)
        keys = [_key(left.list_id, at) for at in range(left.done, min(left.done + parts, left.parts))]
        noted = {row.key: row.value for row in tx.connection.execute(select(meta).where(meta.c.key.in_(keys)))}
        for key in keys:
            if key in noted:
                _do(tx, task_id, json.loads(noted[key]), left.since_us)
            else:
                log.error("task %d: a part of its list is lost (%s): post it again", task_id, key)
        tx.connection.execute(delete(meta).where(meta.c.key.in_(keys)))
        _store(tx, task_id, replace(left, done=left.done + len(keys)))
        return True

    return operation


def fetch_held_clients(connection: Connection, task_id: int) -> list[str]:
    """Clients of a list that is joined of whose numbers none may be dialled."""
    left = _fetch(connection, task_id)
    if left is None or not left.has_clients:
        return []
    of_clients = select(attempt.c.client_id).where(attempt.c.task_id == task_id, OF_CLIENT)
    held = of_clients.group_by(attempt.c.client_id).having(func.min(attempt.c.held) == 1)
    return [str(client_id) for client_id in connection.execute(held).scalars()]


def free_clients(task_id: int, client_ids: Sequence[str]) -> Operation[None]:
    """Let one number of each of these be dialled, unless one may be by now."""

    def operation(tx: Transaction) -> None:
        of_clients = (attempt.c.task_id == task_id, OF_CLIENT, attempt.c.client_id.in_(client_ids))
        first = select(func.min(attempt.c.id)).where(*of_clients).group_by(attempt.c.client_id)
        held = first.having(func.min(attempt.c.held) == 1)
        tx.connection.execute(update(attempt).where(attempt.c.id.in_(held)).values(held=0))
        tx.tell(QUEUE_TOPIC, str(task_id))

    return operation


def end_joining(task_id: int) -> Operation[None]:
    """All of the list is done."""

    def operation(tx: Transaction) -> None:
        leave_joining(tx, task_id)
        tx.tell(QUEUE_TOPIC, str(task_id))  # it may be over, which it is not before
        tx.tell(TASK_TOPIC, str(task_id))  # whoever posted the list may be gone without having told

    return operation


def leave_joining(tx: Transaction, task_id: int) -> bool:
    """What is left of a list, if anything is, is not done: another one takes its place, or the task is deleted."""
    return tx.connection.execute(delete(meta).where(meta.c.key == f"{JOINING}{task_id}")).rowcount > 0


def finish_joining(tx: Transaction, task_id: int) -> None:
    """Do all that is left at once: what comes next is to find the whole list."""
    if _fetch(tx.connection, task_id) is None:
        return
    while join(task_id, 1)(tx):
        pass
    release_clients(tx, task_id)
    leave_joining(tx, task_id)
    take_room_back(tx.connection)


def is_joining(connection: Connection, task_id: int) -> bool:
    """Whether a task's list is not joined whole."""
    return _fetch(connection, task_id) is not None


def fetch_joining(connection: Connection) -> list[int]:
    """Tasks whose lists are not joined whole."""
    keys = connection.execute(select(meta.c.key).where(meta.c.key.startswith(JOINING))).scalars()
    return [int(key.removeprefix(JOINING)) for key in keys]


def fetch_left_parts(connection: Connection) -> list[str]:
    """Keys of notes that hold for no task."""
    held = {left.list_id for task_id in fetch_joining(connection) if (left := _fetch(connection, task_id))}
    keys = connection.execute(select(meta.c.key).where(meta.c.key.startswith(LIST_PART))).scalars()
    return [key for key in keys if key.removeprefix(LIST_PART).partition(":")[0] not in held]


def remove_parts(keys: Sequence[str]) -> Operation[None]:
    """PARTS_REMOVED at a time: each is some hundred kilobytes."""

    def operation(tx: Transaction) -> None:
        tx.connection.execute(delete(meta).where(meta.c.key.in_(keys)))

    return operation


def _key(list_id: str, part: int) -> str:
    return f"{LIST_PART}{list_id}:{part}"


def _fetch(connection: Connection, task_id: int) -> _Joining | None:
    value = connection.execute(select(meta.c.value).where(meta.c.key == f"{JOINING}{task_id}")).scalar()
    return None if value is None else _Joining(**json.loads(value))


def _store(tx: Transaction, task_id: int, left: _Joining) -> None:
    row = meta.c.key == f"{JOINING}{task_id}"
    tx.connection.execute(update(meta).where(row).values(value=json.dumps(asdict(left))))


def _do(tx: Transaction, task_id: int, part: dict[str, Any], since_us: int) -> None:
    if "dropped" in part:
        drop(tx, task_id, part["dropped"], since_us)
        tx.tell(RETOLD_TOPIC, str(task_id))
        return
    if "changed" in part:
        rows: list[ListedRow] = [tuple(row) for row in part["changed"]]
        tell_anew(tx, task_id, rows)
        tx.tell(RETOLD_TOPIC, str(task_id))
        are_mortal = any(row[_UNTIL] is not None for row in rows)
    else:
        _add(tx, task_id, RowBlock(tuple(part["columns"]), part["values"]), since_us)
        are_mortal = "until_us" in part["columns"]
    if are_mortal:
        tx.tell(LIFETIME_TOPIC, "")
    tx.tell(QUEUE_TOPIC, str(task_id))


def _add(tx: Transaction, task_id: int, block: RowBlock, since_us: int) -> None:
    phone_ids = block.column("phone_id")
    there: set[str] = set()
    for some in batches(phone_ids):  # after a restore: it takes over attempts
        of_numbers = (attempt.c.task_id == task_id, attempt.c.phone_id.in_(some))
        there.update(tx.connection.execute(select(attempt.c.phone_id).where(*of_numbers)).scalars())
    insert_block(tx, task_id, block.without(there) if there else block)
    close_stopped(tx, task_id, len(phone_ids), phone_ids)
    if "client_id" in block.columns:
        _close_of_reached(tx, task_id, since_us)


def _close_of_reached(tx: Transaction, task_id: int, since_us: int) -> None:
    """Clients who have been reached since the list holds: when that was, these numbers of theirs were to be there."""
    reached = select(attempt.c.client_id).where(
        and_(TRIED, attempt.c.changed_us >= since_us, attempt.c.task_id + 0 == task_id),  # not by the task's index
        attempt.c.client_id.is_not(None),
        attempt.c.result.in_(_SUCCESSES),
    )
    now_new = and_(
        attempt.c.task_id == task_id, QUEUED, attempt.c.attempt_number == 1, attempt.c.changed_us == tx.now_us
    )
    for some in batches(sorted(set(tx.connection.execute(reached).scalars()))):
        close_undialled(tx, and_(now_new, attempt.c.client_id.in_(some)), Outcome.SUCCESS_ANOTHER_PHONE)
