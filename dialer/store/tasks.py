"""Tasks and their lists of numbers."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from dialer.model.prices import shown
from dialer.model.rules import as_rules, as_stored, conflict_of
from dialer.model.safe import UnsafeValueError, safe_extension
from dialer.model.task import InnerNumType, Number, Task, TaskState
from dialer.store.batches import batches
from dialer.store.database import Operation, Transaction
from dialer.store.finishing import STATE_TOPIC, release_clients
from dialer.store.joining import NotedList, begin_joining, check_unchanged, finish_joining, leave_joining
from dialer.store.lists import DROPPED_TOPIC, ListChangedError, apply_list, by_phone, insert_numbers
from dialer.store.naming import insert_named
from dialer.store.pollings import find_polling_id
from dialer.store.rescheduling import follow_rules
from dialer.store.results import is_large
from dialer.store.schema import IN_PROGRESS, JOINING, OF_CLIENT, QUEUED, answer, attempt, meta, stop_number, task
from dialer.store.scripts import find_script
from dialer.store.staging import StagedList, note_staged, use_staged

_ROWS_A_TURN = 2000
"""Rows that are made something of before the event loop has its turn: some 20 ms."""


class TaskRefusedError(Exception):
    """The sender's fault, seen only beside what is stored; nothing was changed. Names the field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What a CRM says about a task; None: not said."""

    name: str | None = None
    state: TaskState | None = None
    inner_num: str | None = None
    inner_num_type: InnerNumType | None = None
    max_count_channels: int | None = None
    dial_prefix: str | None = None
    numbers: Sequence[Number] | None = None
    record_talk: bool | None = None
    notify_url: str | None = None
    """Where results go; empty: nowhere any more."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Rules`, those that are said."""
    owner: str | None = None
    """Whose task it is, None: the PBX's own; another owner's is not found."""
    prepared: StagedList | NotedList | None = None
    """Of a large list what is stored beforehand, in place of `numbers`."""

    @property
    def posted(self) -> int | None:
        """How many numbers its list has; None: no list is said."""
        if self.prepared is not None:
            return self.prepared.posted
        return None if self.numbers is None else len(self.numbers)

    def columns(self) -> dict[str, object]:
        said = {
            "name": self.name,
            "state": self.state,
            "inner_num": self.inner_num,
            "inner_num_type": self.inner_num_type,
            "max_count_channels": self.max_count_channels,
            "dial_prefix": self.dial_prefix,
            "record_talk": None if self.record_talk is None else int(self.record_talk),
            "notify_url": self.notify_url,
            "owner": self.owner,
        }
        return {column: value for column, value in said.items() if value is not None}


_DEFAULTS = {
    "name": "",
    "state": TaskState.OPEN.value,
    "inner_num": "",
    "inner_num_type": InnerNumType.EXTEN.value,
    "max_count_channels": 1,
    "dial_prefix": "",
}


def save_task(crm_id: str | None, task_id: int | None, change: TaskChange) -> Operation[Task]:
    """Update the task with this `crm_id` or id, or create one. Numbers still listed keep their rows and results.

    What is not said stays as it is, but a closed task is opened by a list.
    """

    def operation(tx: Transaction) -> Task:
        found = _find(tx.connection, crm_id, task_id, change.owner or "")
        wanted = change
        if found is None:
            if change.inner_num is None:
                raise TaskRefusedError("innerNum", "missing")
            if change.posted is None:
                raise TaskRefusedError("numbers", "missing")
            found = _make(tx, crm_id, change)
        elif isinstance(change.prepared, StagedList):
            raise ListChangedError("the task has been made")
        else:
            if crm_id is not None:
                _rename(tx, found, crm_id)
            stored = fetch_task(tx.connection, found)
            is_closed = stored is not None and stored.state is TaskState.CLOSED
            if change.state is None and change.posted is not None and is_closed:
                wanted = replace(change, state=TaskState.OPEN)  # a list posted anew is to be dialled
        return _change(tx, found, wanted)

    return operation


def reserve_task(crm_id: str | None, task_id: int | None, change: TaskChange) -> Operation[int | None]:
    """The id of a task that `save_task` would make, for its list to be staged; None: it would update one. Raises
    TaskRefusedError where it would, also."""

    def operation(tx: Transaction) -> int | None:
        if _find(tx.connection, crm_id, task_id, change.owner or "") is not None:
            return None
        trial = Transaction(tx.connection, tx.now_us)
        made = save_task(crm_id, task_id, replace(change, numbers=()))(trial)
        tx.connection.execute(delete(task).where(task.c.id == made.task_id))
        note_staged(tx.connection, made.task_id)
        return made.task_id

    return operation


def change_task(task_id: int, crm_id: str | None, change: TaskChange) -> Operation[Task | None]:
    """Change what is said; None: no such task. Raises TaskRefusedError, also for another facade's task that is closed
    and is to go on: whatever waited in it has its result."""

    def operation(tx: Transaction) -> Task | None:
        stored = fetch_task_of(tx.connection, task_id, change.owner or "")
        if stored is None:
            return None
        goes_on = change.state not in {None, TaskState.CLOSED}
        if stored.owner and stored.state is TaskState.CLOSED and goes_on:
            raise TaskRefusedError("state", "a task of the VotBox API that is closed is over and cannot go on")
        if crm_id is not None:
            _rename(tx, task_id, crm_id)
        return _change(tx, task_id, change)

    return operation


def add_numbers(task_id: int, numbers: Sequence[Number]) -> Operation[tuple[Task, int] | None]:
    """Add numbers to the list of a task of the PBX's own; those that are in it stay as they are. A closed task is
    opened. Says how many are new; None: there is no such task."""

    def operation(tx: Transaction) -> tuple[Task, int] | None:
        stored = fetch_task_of(tx.connection, task_id)
        if stored is None:
            return None
        listed = by_phone(numbers)
        check_lifetimes(listed.values())
        finish_joining(tx, task_id)
        known = fetch_listed(tx.connection, task_id, list(listed))
        new = [number for phone_id, number in listed.items() if phone_id not in known]
        opened = TaskState.OPEN if new and stored.state is TaskState.CLOSED else None
        changed = _change(tx, task_id, TaskChange(state=opened))
        insert_numbers(tx, task_id, new, _fetch_busy(tx.connection, task_id, {one.client_id for one in new}))
        return changed, len(new)

    return operation


def _fetch_busy(connection: Connection, task_id: int, client_ids: set[str | None]) -> set[str | None]:
    """Those of the clients that have numbers without a result in the task."""
    asked = sorted(client_id for client_id in client_ids if client_id is not None)
    found: set[str | None] = set()
    for some in batches(asked):
        of_some = (attempt.c.task_id == task_id, attempt.c.client_id.in_(some), OF_CLIENT)
        found.update(connection.execute(select(attempt.c.client_id).where(*of_some)).scalars())
    return found


def delete_task(task_id: int) -> Operation[bool]:
    """Delete the task with its rows; False: the PBX has no such task of its own."""

    def operation(tx: Transaction) -> bool:
        if fetch_task_of(tx.connection, task_id) is None:
            return False
        for table in (answer, attempt, stop_number):
            tx.connection.execute(delete(table).where(table.c.task_id == task_id))
        leave_joining(tx, task_id)
        tx.tell(DROPPED_TOPIC, str(task_id))
        tx.tell(STATE_TOPIC, str(task_id))
        return tx.connection.execute(delete(task).where(task.c.id == task_id)).rowcount > 0

    return operation


def close_task_if_done(task_id: int) -> Operation[bool]:
    """Close an open task whose every number is finished; say whether it was closed now."""

    def operation(tx: Transaction) -> bool:
        left = (
            select(attempt.c.id).where(attempt.c.task_id == task_id, QUEUED),
            select(attempt.c.id).where(attempt.c.task_id == task_id, IN_PROGRESS),
            select(meta.c.key).where(meta.c.key == f"{JOINING}{task_id}"),
        )
        is_open = (task.c.id == task_id, task.c.state == TaskState.OPEN.value)
        done = tx.connection.execute(
            update(task)
            .where(*is_open, *(~some.exists() for some in left))
            .values(state=TaskState.CLOSED.value, changed_us=tx.now_us)
        )
        if done.rowcount:
            tx.tell(STATE_TOPIC, str(task_id))
        return done.rowcount > 0

    return operation


def fetch_task(connection: Connection, task_id: int) -> Task | None:
    row = connection.execute(select(task).where(task.c.id == task_id)).first()
    return _task_of(row) if row else None


def fetch_task_of(connection: Connection, task_id: int, owner: str = "") -> Task | None:
    """None also for another owner's task."""
    found = fetch_task(connection, task_id)
    return found if found is not None and found.owner == owner else None


def find_task(connection: Connection, crm_id: str | None, task_id: int | None, owner: str = "") -> Task | None:
    """The task that `save_task` would update."""
    found = _find(connection, crm_id, task_id, owner)
    return None if found is None else fetch_task(connection, found)


def is_long(connection: Connection, crm_id: str | None, task_id: int | None, owner: str, rows: int) -> bool:
    """Whether the task that `save_task` would update has more rows than these."""
    found = _find(connection, crm_id, task_id, owner)
    return found is not None and is_large(connection, found, rows)


def find_any_task(connection: Connection, named: str) -> Task | None:
    """By our id, else by the CRM's, whoever owns it."""
    if named.isascii() and named.isdecimal() and len(named) <= 18:
        found = fetch_task(connection, int(named))
        if found is not None:
            return found
    row = connection.execute(select(task).where(task.c.crm_id == named)).first()
    return _task_of(row) if row else None


def fetch_listed(connection: Connection, task_id: int, phone_ids: Sequence[str]) -> dict[str, str]:
    """Those of the numbers (`phone_id`) that are in a task's list, each as it was listed."""
    found: dict[str, str] = {}
    for some in batches(phone_ids):
        of_some = (attempt.c.task_id == task_id, attempt.c.phone_id.in_(some))
        listed = select(attempt.c.phone_id, attempt.c.phone).where(*of_some)
        found.update((row.phone_id, row.phone) for row in connection.execute(listed))
    return found


def fetch_ending(connection: Connection, task_id: int, ends: Set[str], length: int) -> list[str]:
    """The numbers of a task's list whose last characters (`length`) are one of these, as they are listed. Reads the
    whole list, by its index."""
    found: list[str] = []
    query = select(attempt.c.phone_id).where(attempt.c.task_id == task_id).order_by(attempt.c.phone_id)
    page = query.limit(_ROWS_A_TURN)
    while phone_ids := connection.execute(page).scalars().all():
        found += dict.fromkeys(one for one in phone_ids if one[-length:] in ends)
        page = query.where(attempt.c.phone_id > phone_ids[-1]).limit(_ROWS_A_TURN)
    return list(fetch_listed(connection, task_id, found).values())


def fetch_open_tasks(connection: Connection) -> list[Task]:
    rows = connection.execute(select(task).where(task.c.state == TaskState.OPEN.value).order_by(task.c.id))
    return [_task_of(row) for row in rows]


def fetch_states(connection: Connection) -> dict[int, TaskState]:
    """Of every task that is not closed, whoever owns it."""
    rows = connection.execute(select(task.c.id, task.c.state).where(task.c.state != TaskState.CLOSED.value))
    return {row.id: TaskState(row.state) for row in rows}


def count_tasks(connection: Connection) -> dict[TaskState, int]:
    """How many there are, by state."""
    rows = connection.execute(select(task.c.state, func.count()).group_by(task.c.state))
    return {TaskState(state): count for state, count in rows.tuples()}


def fetch_tasks(
    connection: Connection,
    state: TaskState | None,
    after_id: int,
    limit: int,
    *,
    crm_id: str | None = None,
    owner: str = "",
) -> list[Task]:
    """Those of one owner."""
    query = select(task).where(task.c.owner == owner, task.c.id > after_id).order_by(task.c.id).limit(limit)
    if state is not None:
        query = query.where(task.c.state == state.value)
    if crm_id is not None:
        query = query.where(task.c.crm_id == crm_id)
    return [_task_of(row) for row in connection.execute(query)]


def fetch_tasks_of_script(connection: Connection, script_id: int) -> list[Task]:
    """Those that are not closed."""
    of_script = (task.c.inner_num_type == InnerNumType.SCRIPT.value, task.c.inner_num == str(script_id))
    rows = connection.execute(select(task).where(*of_script, task.c.state != TaskState.CLOSED.value))
    return [_task_of(row) for row in rows]


def _task_of(row: Row[tuple[object, ...]]) -> Task:
    return Task(
        row.id,
        row.crm_id,
        row.name,
        TaskState(row.state),
        row.inner_num,
        InnerNumType(row.inner_num_type),
        row.max_count_channels,
        row.dial_prefix,
        bool(row.record_talk),
        row.notify_url or None,
        as_rules(row.rules),
        row.spent_u,
        row.owner,
    )


def _find(connection: Connection, crm_id: str | None, task_id: int | None, owner: str = "") -> int | None:
    own = select(task.c.id).where(task.c.owner == owner)
    if crm_id is not None:
        found = connection.execute(own.where(task.c.crm_id == crm_id)).scalar()
        if found is not None:
            return int(found)
    if task_id is not None and connection.execute(own.where(task.c.id == task_id)).first():
        return task_id
    return None


def _make(tx: Transaction, crm_id: str | None, change: TaskChange) -> int:
    values = {**_DEFAULTS, "changed_us": tx.now_us}
    if isinstance(change.prepared, NotedList):
        raise ListChangedError("the task is gone")
    if change.prepared is None:
        return insert_named(tx.connection, task, crm_id, values)
    task_id = change.prepared.task_id
    values |= {"id": task_id, "crm_id": str(task_id) if crm_id is None else crm_id}
    if tx.connection.execute(select(task.c.id).where(task.c.crm_id == values["crm_id"])).first():
        raise ListChangedError("another task has the id by now")
    tx.connection.execute(insert(task).values(values))
    return task_id


def _change(tx: Transaction, task_id: int, change: TaskChange) -> Task:
    if isinstance(change.prepared, NotedList):
        check_unchanged(tx.connection, task_id, change.prepared)
    columns: dict[str, Any] = {**change.columns(), "changed_us": tx.now_us}
    if change.rules:
        stored = tx.connection.execute(select(task.c.rules).where(task.c.id == task_id)).scalar_one()
        columns["rules"] = {**stored, **as_stored(change.rules)}
        follow_rules(tx, task_id, as_rules(stored), as_rules(columns["rules"]))
    tx.connection.execute(update(task).where(task.c.id == task_id).values(columns))
    tx.tell(STATE_TOPIC, str(task_id))
    changed = fetch_task(tx.connection, task_id)
    assert changed is not None  # noqa: S101 - we have just written it
    if changed.state is not TaskState.CLOSED:  # also a task that is opened again: its polling may be gone
        _check_inner_num(tx.connection, changed)
    conflict = conflict_of(changed.rules, to_employee=changed.inner_num_type is InnerNumType.EXTEN)
    most_u = changed.rules.max_cost_u
    if changed.state is TaskState.OPEN and most_u is not None and changed.spent_u >= most_u:
        raise TaskRefusedError("maxCost", f"the task's calls have cost {shown(changed.spent_u)} already")
    if conflict is not None and (change.rules or change.inner_num_type is not None):
        raise TaskRefusedError(*conflict)
    if isinstance(change.prepared, StagedList):
        use_staged(tx, change.prepared)
    elif change.prepared is not None:
        begin_joining(tx, change.prepared)
    elif change.numbers is not None:
        listed = by_phone(change.numbers)
        check_lifetimes(listed.values())
        was_left = leave_joining(tx, task_id)
        apply_list(tx, task_id, listed)
        if was_left:
            release_clients(tx, task_id)
    return changed


def _rename(tx: Transaction, task_id: int, crm_id: str) -> None:
    owner = tx.connection.execute(select(task.c.id).where(task.c.crm_id == crm_id)).scalar()
    if owner is not None and owner != task_id:
        raise TaskRefusedError("crmId", f"{crm_id!r} belongs to task {owner}")
    tx.connection.execute(update(task).where(task.c.id == task_id).values(crm_id=crm_id))


def _check_inner_num(connection: Connection, changed: Task) -> None:
    if changed.inner_num_type is InnerNumType.POLLING:
        if find_polling_id(connection, changed.inner_num) is None:
            raise TaskRefusedError("innerNum", f"there is no polling {changed.inner_num!r}")
        return
    if changed.inner_num_type is InnerNumType.SCRIPT:
        if find_script(connection, changed.inner_num, changed.owner) is None:
            raise TaskRefusedError("innerNum", f"there is no script {changed.inner_num!r}")
        return
    try:
        safe_extension(changed.inner_num)
    except UnsafeValueError as error:
        raise TaskRefusedError("innerNum", str(error)) from None


def check_lifetimes(numbers: Iterable[Number]) -> None:
    """Raises TaskRefusedError."""
    for number in numbers:
        if number.until_us is not None and number.until_us <= number.not_before_us:
            raise TaskRefusedError("numbers", lifetime_problem(number.phone))


def lifetime_problem(phone: str) -> str:
    return f"{phone}: timeCallUntil is not after timeCallAllow"
