"""The numbers of a task, each once however often it was called: known by the id of its first attempt, with what its
latest one came to."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, select

from dialer.store.schema import IN_PROGRESS, QUEUED, answer, attempt, task

BATCH = 500
ItemRow = Row[Any]
"""The columns of the latest attempt, and `item_id`, the id of the first."""
_first = attempt.alias("first")
_any = attempt.alias("any_of")
_LATEST_NUMBER = (
    select(func.max(_any.c.attempt_number))
    .where(_any.c.task_id == _first.c.task_id, _any.c.phone_id == _first.c.phone_id)
    .correlate(_first)
    .scalar_subquery()
)
_OF_NUMBER = and_(attempt.c.task_id == _first.c.task_id, attempt.c.phone_id == _first.c.phone_id)


def _items() -> Select[Any]:
    return (
        select(attempt, _first.c.id.label("item_id"))
        .select_from(_first)
        .join(attempt, and_(_OF_NUMBER, attempt.c.attempt_number == _LATEST_NUMBER))
        .where(_first.c.attempt_number == 1)
        .order_by(_first.c.id)
    )


def fetch_items(connection: Connection, task_id: int, offset: int, limit: int) -> Sequence[ItemRow]:
    """In the order of the list."""
    return connection.execute(_items().where(_first.c.task_id == task_id).offset(offset).limit(limit)).all()


def fetch_new_items(connection: Connection, task_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Ids, telephones and params of a task that has just been listed."""
    columns = (attempt.c.id, attempt.c.phone, attempt.c.params)
    return connection.execute(select(*columns).where(attempt.c.task_id == task_id).order_by(attempt.c.id)).all()


def fetch_items_of(connection: Connection, task_id: int, phone_ids: Sequence[str]) -> dict[str, int]:
    """The ids of a task's numbers, by their phone ids."""
    found: dict[str, int] = {}
    for start in range(0, len(phone_ids), BATCH):
        some = _first.c.phone_id.in_(phone_ids[start : start + BATCH])
        rows = connection.execute(
            select(_first.c.phone_id, _first.c.id).where(
                _first.c.task_id == task_id, _first.c.attempt_number == 1, some
            )
        )
        found.update((row.phone_id, row.id) for row in rows)
    return found


def fetch_open_attempts(connection: Connection, task_id: int, item_ids: Sequence[int]) -> dict[int, int]:
    """The attempts without a result of these numbers of a task, by the numbers' ids."""
    found: dict[int, int] = {}
    for start in range(0, len(item_ids), BATCH):
        rows = connection.execute(
            select(_first.c.id.label("item_id"), attempt.c.id)
            .select_from(_first)
            .join(attempt, _OF_NUMBER)
            .where(
                _first.c.task_id == task_id, _first.c.id.in_(item_ids[start : start + BATCH]),
                attempt.c.closed_us.is_(None),
            )
        )  # fmt: skip
        found.update((row.item_id, row.id) for row in rows)
    return found


def find_item(connection: Connection, item_id: int, owner: str) -> ItemRow | None:
    """None: there is none, or it is in another owner's task."""
    of_owner = select(task.c.id).where(task.c.owner == owner)
    return connection.execute(_items().where(_first.c.id == item_id, _first.c.task_id.in_(of_owner))).first()


def fetch_attempts(connection: Connection, item_id: int) -> Sequence[Row[Any]]:
    """Every attempt of a number, the first one first."""
    rows = (
        select(attempt)
        .select_from(_first)
        .join(attempt, _OF_NUMBER)
        .where(_first.c.id == item_id)
        .order_by(attempt.c.attempt_number)
    )
    return connection.execute(rows).all()


def fetch_answers_of(connection: Connection, attempt_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """What subscribers pressed and said in these attempts, in order."""
    return connection.execute(select(answer).where(answer.c.attempt_id.in_(attempt_ids)).order_by(answer.c.id)).all()


def is_recorded(connection: Connection, attempt_id: int, name: str, owner: str) -> bool:
    """Whether a recording of this name is of a talk, or a message, of this attempt, in a task of the owner."""
    of_owner = select(task.c.id).where(task.c.owner == owner)
    talks = select(attempt.c.id).where(
        attempt.c.id == attempt_id, attempt.c.recording == name, attempt.c.task_id.in_(of_owner)
    )
    said = select(answer.c.id).where(
        answer.c.attempt_id == attempt_id, answer.c.result == name, answer.c.task_id.in_(of_owner)
    )
    return any(connection.execute(one).first() is not None for one in (talks, said))


def count_unfinished(connection: Connection, task_id: int) -> int:
    """Attempts of a task without a result. By the partial indexes of those: however many are finished."""
    counts = (
        connection.execute(select(func.count()).select_from(attempt).where(attempt.c.task_id == task_id, which))
        for which in (QUEUED, IN_PROGRESS)
    )
    return sum(int(count.scalar_one()) for count in counts)
