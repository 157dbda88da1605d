"""Pollings: what the API stores, what the dialogue reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from dialer.model.polling import Polling, Press, Question
from dialer.model.task import InnerNumType, TaskState
from dialer.store.audio import find_missing
from dialer.store.database import Operation
from dialer.store.naming import insert_named
from dialer.store.schema import polling, question, task


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    row_id: int
    """The store's id of the row, shown by the API as the question's `id`."""
    question: Question


@dataclass(frozen=True, slots=True)
class PollingHead:
    polling_id: int
    crm_id: str
    name: str


class PollingInUseError(Exception):
    """An open task still needs the polling."""

    def __init__(self, task_id: int) -> None:
        super().__init__(f"the polling is used by task {task_id}, which is not closed")
        self.task_id = task_id


class AudioMissingError(Exception):
    """An uploaded file that the polling plays was deleted meanwhile."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no uploaded file {name!r}")


def save_polling(crm_id: str | None, name: str, questions: Sequence[Question]) -> Operation[PollingHead]:
    """Create a polling, or replace the one with this `crm_id` and keep its id. No `crm_id`: it becomes the new id.
    Raises AudioMissingError."""
    return lambda tx: _save(tx.connection, crm_id, name, questions)


def _save(connection: Connection, crm_id: str | None, name: str, questions: Sequence[Question]) -> PollingHead:
    missing = find_missing(connection, [file for one in questions for file in one.files()])
    if missing is not None:
        raise AudioMissingError(missing)
    polling_id = None
    if crm_id is not None:
        polling_id = connection.execute(select(polling.c.id).where(polling.c.crm_id == crm_id)).scalar()
    if polling_id is None:
        polling_id = insert_named(connection, polling, crm_id, {"name": name})
        crm_id = str(polling_id) if crm_id is None else crm_id
    else:
        connection.execute(update(polling).where(polling.c.id == polling_id).values(name=name))
        connection.execute(delete(question).where(question.c.polling_id == polling_id))
    if questions:
        connection.execute(insert(question), [_question_row(polling_id, one) for one in questions])
    return PollingHead(polling_id, str(crm_id), name)


def _question_row(polling_id: int, one: Question) -> dict[str, object]:
    return {
        "polling_id": polling_id,
        "question_id": one.question_id,
        "text": one.text,
        "file": one.file,
        "lang": one.lang,
        "next_question": one.next_question,
        "def_press": one.def_press,
        "timeout_ms": round(one.timeout_s * 1000),
        "press": [press.as_json() for press in one.press],
    }


def fetch_polling_heads(connection: Connection) -> list[PollingHead]:
    rows = connection.execute(select(polling).order_by(polling.c.id))
    return [PollingHead(row.id, row.crm_id, row.name) for row in rows]


def find_polling_id(connection: Connection, reference: str) -> int | None:
    """The polling a CRM means: by the CRM's own id first, then by ours. (Where the CRM gave none they are the same.)"""
    found = connection.execute(select(polling.c.id).where(polling.c.crm_id == reference)).scalar()
    if found is None and reference.isascii() and reference.isdecimal() and len(reference) < 19:
        found = connection.execute(select(polling.c.id).where(polling.c.id == int(reference))).scalar()
    return found


def fetch_polling(connection: Connection, polling_id: int) -> tuple[Polling, list[StoredQuestion]] | None:
    head = connection.execute(select(polling).where(polling.c.id == polling_id)).first()
    if head is None:
        return None
    rows = connection.execute(select(question).where(question.c.polling_id == polling_id).order_by(question.c.id))
    stored = [
        StoredQuestion(
            row.id,
            Question(
                row.question_id,
                row.text,
                row.file,
                row.lang,
                row.next_question,
                row.def_press,
                row.timeout_ms / 1000,
                tuple(Press.from_json(press) for press in row.press),
            ),
        )
        for row in rows
    ]
    return Polling(head.id, head.crm_id, head.name, tuple(one.question for one in stored)), stored


def find_polling(connection: Connection, reference: str) -> Polling | None:
    """The polling a CRM means, as `find_polling_id` finds it."""
    polling_id = find_polling_id(connection, reference)
    found = None if polling_id is None else fetch_polling(connection, polling_id)
    return None if found is None else found[0]


def delete_polling(reference: str) -> Operation[bool]:
    """False: no such polling. Raises PollingInUseError while a task that is not closed needs it."""
    return lambda tx: _delete(tx.connection, reference)


def _delete(connection: Connection, reference: str) -> bool:
    polling_id = find_polling_id(connection, reference)
    if polling_id is None:
        return False
    users = connection.execute(
        select(task.c.id, task.c.inner_num)
        .where(task.c.inner_num_type == InnerNumType.POLLING.value)
        .where(task.c.state != TaskState.CLOSED.value)
        .order_by(task.c.id)
    )
    for user in users:
        if find_polling_id(connection, user.inner_num) == polling_id:
            raise PollingInUseError(user.id)
    connection.execute(delete(polling).where(polling.c.id == polling_id))
    return True
