"""Tasks and their lists of numbers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, tuple_, update

from dialer.model.attempt import AttemptState
from dialer.model.prices import shown
from dialer.model.rules import as_rules, as_stored, conflict_of
from dialer.model.safe import UnsafeValueError, safe_extension
from dialer.model.task import InnerNumType, Number, Task, TaskState
from dialer.store.database import Operation, Transaction
from dialer.store.finishing import LIFETIME_TOPIC, STATE_TOPIC, close_stopped, release_clients
from dialer.store.naming import insert_named
from dialer.store.pollings import find_polling_id
from dialer.store.rescheduling import follow_rules
from dialer.store.schema import IN_PROGRESS, OF_CLIENT, QUEUED, answer, attempt, stop_number, task
from dialer.store.scripts import find_script

DROPPED_TOPIC = "dropped"
"""Told when rows of a task were deleted; the detail is its id."""
_ROWS_A_STATEMENT = 500
_ROWS_A_TURN = 2000
"""Rows that are made something of before the event loop has its turn: some 20 ms."""
_KEPT = (
    attempt.c.id, attempt.c.phone_id, attempt.c.state, attempt.c.closed_us, attempt.c.params, attempt.c.client_id,
    attempt.c.zone, attempt.c.due_us, attempt.c.until_us, attempt.c.caller_id, attempt.c.held, attempt.c.attempt_number,
    attempt.c.unlisted, attempt.c.not_before_us, attempt.c.ring_timeout_s,
)  # fmt: skip
_CHANGE_QUEUED = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt_id"))
    .values(
        params=bindparam("new_params"),
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
            if change.numbers is None:
                raise TaskRefusedError("numbers", "missing")
            found = insert_named(tx.connection, task, crm_id, {**_DEFAULTS, "changed_us": tx.now_us})
        else:
            if crm_id is not None:
                _rename(tx, found, crm_id)
            stored = fetch_task(tx.connection, found)
            is_closed = stored is not None and stored.state is TaskState.CLOSED
            if change.state is None and change.numbers is not None and is_closed:
                wanted = replace(change, state=TaskState.OPEN)  # a list posted anew is to be dialled
        return _change(tx, found, wanted)

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
        listed = _by_phone(numbers)
        _check_lifetimes(listed.values())
        known = fetch_listed(tx.connection, task_id, list(listed))
        new = [number for phone_id, number in listed.items() if phone_id not in known]
        opened = TaskState.OPEN if new and stored.state is TaskState.CLOSED else None
        changed = _change(tx, task_id, TaskChange(state=opened))
        _insert_numbers(tx, task_id, new, _fetch_busy(tx.connection, task_id, {one.client_id for one in new}))
        return changed, len(new)

    return operation


def _fetch_busy(connection: Connection, task_id: int, client_ids: set[str | None]) -> set[str | None]:
    """Those of the clients that have numbers without a result in the task."""
    asked = sorted(client_id for client_id in client_ids if client_id is not None)
    found: set[str | None] = set()
    for start in range(0, len(asked), _ROWS_A_STATEMENT):
        some = (attempt.c.task_id == task_id, attempt.c.client_id.in_(asked[start : start + _ROWS_A_STATEMENT]))
        found.update(connection.execute(select(attempt.c.client_id).where(*some, OF_CLIENT)).scalars())
    return found


def delete_task(task_id: int) -> Operation[bool]:
    """Delete the task with its rows; False: the PBX has no such task of its own."""

    def operation(tx: Transaction) -> bool:
        if fetch_task_of(tx.connection, task_id) is None:
            return False
        for table in (answer, attempt, stop_number):
            tx.connection.execute(delete(table).where(table.c.task_id == task_id))
        tx.tell(DROPPED_TOPIC, str(task_id))
        tx.tell(STATE_TOPIC, str(task_id))
        return tx.connection.execute(delete(task).where(task.c.id == task_id)).rowcount > 0

    return operation


def close_task_if_done(task_id: int) -> Operation[bool]:
    """Close an open task whose every number is finished; say whether it was closed now."""

    def operation(tx: Transaction) -> bool:
        queued = select(attempt.c.id).where(attempt.c.task_id == task_id, QUEUED)
        in_progress = select(attempt.c.id).where(attempt.c.task_id == task_id, IN_PROGRESS)
        done = tx.connection.execute(
            update(task)
            .where(task.c.id == task_id, task.c.state == TaskState.OPEN.value, ~queued.exists(), ~in_progress.exists())
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
    for start in range(0, len(phone_ids), _ROWS_A_STATEMENT):
        some = attempt.c.phone_id.in_(phone_ids[start : start + _ROWS_A_STATEMENT])
        listed = select(attempt.c.phone_id, attempt.c.phone).where(attempt.c.task_id == task_id, some)
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


def _change(tx: Transaction, task_id: int, change: TaskChange) -> Task:
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
    if change.numbers is not None:
        _replace_numbers(tx, task_id, change.numbers)
    return changed


def _is_queued(row: Any) -> bool:
    return bool(row.closed_us is None and row.state == AttemptState.CREATED.value)


def _is_not_dialled(row: Any) -> bool:
    """Waiting, or with a call file whose claim will find no row and be refused."""
    return bool(row.state in (AttemptState.CREATED.value, AttemptState.SPOOLED.value))


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


def _replace_numbers(tx: Transaction, task_id: int, numbers: Sequence[Number]) -> None:
    """Add what is new, drop what is not listed any more. Calls in progress keep their rows until they end."""
    listed = _by_phone(numbers)
    _check_lifetimes(listed.values())
    dropped: list[int] = []
    changes: list[dict[str, object]] = []
    in_progress: list[Any] = []
    kept: set[str] = set()
    busy_clients: set[str | None] = set()
    for row in _stored_rows(tx.connection, task_id):
        number = listed.get(row.phone_id)
        kept.add(row.phone_id)
        if number is None and (row.closed_us is not None or _is_not_dialled(row)):
            dropped.append(row.id)
        if row.closed_us is not None:
            continue
        if not _is_not_dialled(row):
            in_progress.append(row)
        client_id = row.client_id
        if number is not None and _is_queued(row):
            client_id = number.client_id
            change = _change_of(row, number)
            if change:
                changes.append(change)
        busy_clients.add(client_id)
    for some in _statements(dropped):
        tx.connection.execute(delete(answer).where(answer.c.attempt_id.in_(some)))
        tx.connection.execute(delete(attempt).where(attempt.c.id.in_(some)))
    if dropped:
        tx.tell(DROPPED_TOPIC, str(task_id))
    for changed in _statements(changes):
        tx.connection.execute(_CHANGE_QUEUED, changed)
    _mark_unlisted(tx, in_progress, listed)
    new = [number for number in listed.values() if number.phone_id not in kept]
    if any(number.until_us is not None for number in listed.values()):
        tx.tell(LIFETIME_TOPIC, "")
    _insert_numbers(tx, task_id, new, busy_clients)


def _by_phone(numbers: Sequence[Number]) -> dict[str, Number]:
    """In the order of the list; of duplicates the first one counts."""
    listed: dict[str, Number] = {}
    for number in numbers:
        listed.setdefault(number.phone_id, number)
    return listed


def _stored_rows(connection: Connection, task_id: int) -> Iterator[Any]:
    """A task's rows, page by page: what is made of a page holds up the event loop, the next query lets it go on."""
    place = tuple_(attempt.c.phone_id, attempt.c.attempt_number)
    ordered = select(*_KEPT).where(attempt.c.task_id == task_id).order_by(attempt.c.phone_id, attempt.c.attempt_number)
    query = ordered.limit(_ROWS_A_TURN)
    while rows := connection.execute(query).all():
        yield from rows
        query = ordered.where(place > (rows[-1].phone_id, rows[-1].attempt_number)).limit(_ROWS_A_TURN)


T = TypeVar("T")


def _statements(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _ROWS_A_STATEMENT):
        yield values[start : start + _ROWS_A_STATEMENT]


def _check_lifetimes(numbers: Iterable[Number]) -> None:
    for number in numbers:
        if number.until_us is not None and number.until_us <= number.not_before_us:
            raise TaskRefusedError("numbers", f"{number.phone}: timeCallUntil is not after timeCallAllow")


def _insert_numbers(tx: Transaction, task_id: int, new: Sequence[Number], busy_clients: set[str | None]) -> None:
    """`busy_clients`: who has a number in the list already that is not finished."""
    for some in _statements(new):
        tx.connection.execute(insert(attempt), [_row_of(task_id, number, busy_clients, tx.now_us) for number in some])
    if busy_clients - {None}:
        release_clients(tx, task_id)
    if any(number.until_us is not None for number in new):
        tx.tell(LIFETIME_TOPIC, "")
    if tx.connection.execute(select(stop_number.c.id).limit(1)).first():
        close_stopped(tx, task_id)


def _mark_unlisted(tx: Transaction, in_progress: Sequence[Any], listed: Mapping[str, Number]) -> None:
    """A call in progress goes on; a number that is not listed any more gets no further attempt."""
    for unlisted in (0, 1):
        ids = [row.id for row in in_progress if (row.phone_id not in listed) == unlisted and row.unlisted != unlisted]
        if ids:
            tx.connection.execute(update(attempt).where(attempt.c.id.in_(ids)).values(unlisted=unlisted))


def _change_of(row: Any, number: Number) -> dict[str, object] | None:
    """What the list says anew of a number that waits; a time that it has got for its next attempt stays."""
    said: dict[str, object] = {
        "new_params": number.params,
        "new_client": number.client_id,
        "new_zone": number.zone,
        "new_due_us": number.not_before_us if row.attempt_number == 1 else max(row.due_us, number.not_before_us),
        "new_until_us": number.until_us,
        "new_caller": number.caller_id,
        "new_not_before_us": number.not_before_us,
        "new_ring_timeout_s": number.ring_timeout_s,
        "new_held": 0 if number.client_id is None else row.held if number.client_id == row.client_id else 1,
    }
    had = (
        row.params, row.client_id, row.zone, row.due_us, row.until_us, row.caller_id, row.not_before_us,
        row.ring_timeout_s, row.held,
    )  # fmt: skip
    return None if tuple(said.values()) == had else {"attempt_id": row.id, **said}


def _row_of(task_id: int, number: Number, busy_clients: set[str | None], now_us: int) -> dict[str, object]:
    """A number's first attempt; of a client's numbers only the first one is not held."""
    held = number.client_id is not None and number.client_id in busy_clients
    busy_clients.add(number.client_id)
    return {
        "task_id": task_id,
        "attempt_number": 1,
        "phone_id": number.phone_id,
        "phone": number.phone,
        "params": number.params,
        "state": AttemptState.CREATED.value,
        "changed_us": now_us,
        "client_id": number.client_id,
        "zone": number.zone,
        "due_us": number.not_before_us,
        "until_us": number.until_us,
        "not_before_us": number.not_before_us,
        "caller_id": number.caller_id,
        "ring_timeout_s": number.ring_timeout_s,
        "held": int(held),
    }
