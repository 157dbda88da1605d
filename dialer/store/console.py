"""Tasks and numbers as people look at them: by name, page by page, whoever owns them."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, exists, func, null, or_, select, tuple_

from dialer.model.outcome import Outcome
from dialer.model.safe import phone_id_of
from dialer.model.task import InnerNumType, TaskState
from dialer.store.schema import IN_PROGRESS, QUEUED, answer, attempt, polling, question, task

_HEADS: Select[Any] = select(
    task.c.id, task.c.crm_id, task.c.name, task.c.state, task.c.inner_num, task.c.inner_num_type,
    task.c.max_count_channels, task.c.owner, task.c.changed_us,
)  # fmt: skip
LOOKED_AT = 100_000
"""Rows that a page of numbers is chosen from at the most: it may have fewer rows than asked for, and go on."""
_listed = attempt.alias()
_OF_NUMBER = and_(_listed.c.task_id == attempt.c.task_id, _listed.c.phone_id == attempt.c.client_id)
_CLIENT_ID = case((exists().where(_OF_NUMBER), null()), else_=attempt.c.client_id).label("client_id")
"""Null where the CRM gave none: what a table's row is called instead is a number of it (`phone_table.read_table`)."""
_ROWS: Select[Any] = select(
    attempt.c.id, attempt.c.phone, attempt.c.phone_id, attempt.c.attempt_number, _CLIENT_ID, attempt.c.state,
    attempt.c.result, attempt.c.cause, attempt.c.out_dial_state, attempt.c.employee, attempt.c.talked_s,
    attempt.c.cost_u, attempt.c.changed_us, attempt.c.closed_us, attempt.c.due_us, attempt.c.recording,
    attempt.c.params,
)  # fmt: skip
_key = tuple_(attempt.c.phone_id, attempt.c.attempt_number)
_DONE = attempt.c.closed_us.is_not(None)
WAITING, CALLING, DONE = "waiting", "calling", "done"
STATES: dict[str, ColumnElement[bool]] = {WAITING: QUEUED, CALLING: IN_PROGRESS, DONE: _DONE}
WHOLE_DIGITS = 10
_PUNCTUATION = str.maketrans("", "", " +-()")
TaskHead = Row[Any]
NumberRow = Row[Any]
AnswerRow = Row[Any]
Cursor = tuple[str, int]
"""A number (its `phone_id`) and which attempt."""


def fetch_heads(
    connection: Connection,
    *,
    state: TaskState | None = None,
    search: str = "",
    phone_id: str | None = None,
    unfinished: bool = False,
    first: int = 0,
    limit: int = 200,
) -> Sequence[TaskHead]:
    """The newest tasks first. `search`: in the name, the CRM's id or our id. `phone_id`: that list this
    number. `unfinished`: that are not closed. `first`: how many are passed over."""
    query = _HEADS.order_by(task.c.id.desc()).offset(first).limit(limit)
    if unfinished:
        query = query.where(task.c.state != TaskState.CLOSED.value)
    if state is not None:
        query = query.where(task.c.state == state.value)
    if phone_id is not None:
        query = query.where(exists().where(attempt.c.task_id == task.c.id, attempt.c.phone_id == phone_id))
    if search:
        query = query.where(or_(_like(task.c.name, search), _like(task.c.crm_id, search), _is_id(search)))
    return connection.execute(query).all()


def fetch_live_heads(connection: Connection, newest: int, most: int) -> Sequence[TaskHead]:
    """Tasks that are not closed, and the newest ones; the newest first."""
    recent = select(task.c.id).order_by(task.c.id.desc()).limit(newest)
    which = or_(task.c.state != TaskState.CLOSED.value, task.c.id.in_(recent))
    return connection.execute(_HEADS.where(which).order_by(task.c.id.desc()).limit(most)).all()


def fetch_head(connection: Connection, task_id: int) -> TaskHead | None:
    return connection.execute(_HEADS.where(task.c.id == task_id)).first()


@dataclass(frozen=True, slots=True)
class NumberPage:
    """Rows with the answers of each, and from where to go on; None: that was all."""

    rows: Sequence[NumberRow]
    answers: dict[int, list[AnswerRow]]
    after: Cursor | None


def fetch_numbers(
    connection: Connection,
    task_id: int,
    *,
    after: Cursor | None = None,
    limit: int = 100,
    search: str = "",
    result: Outcome | None = None,
    state: str | None = None,
) -> NumberPage:
    """A page of a task's attempts in the order of the last ten digits, each number's together. It is chosen from
    LOOKED_AT rows at the most. `search`: a part of the number or of its client's id."""
    chosen = [attempt.c.task_id == task_id]
    if after is not None:
        chosen.append(_key > after)
    digits = search.translate(_PUNCTUATION)
    is_number = digits.isascii() and digits.isdecimal()
    end = None
    if is_number and len(digits) >= WHOLE_DIGITS:
        chosen.append(attempt.c.phone_id == phone_id_of(digits))
    elif state != CALLING:  # of calls in progress there are few, and they have an index
        end = _end_of(connection, chosen)
    if search and not (is_number and len(digits) >= WHOLE_DIGITS):
        sought = digits if is_number else search
        chosen.append(or_(_contains(attempt.c.phone, sought), _contains(attempt.c.client_id, search)))
    if end is not None:
        chosen.append(_key <= end)
    if result is not None:
        chosen.append(attempt.c.result == result.value)
    if state is not None:
        chosen.append(STATES[state])
    query = _ROWS.where(*chosen).order_by(attempt.c.phone_id, attempt.c.attempt_number).limit(limit + 1)
    rows = connection.execute(query).all()
    following = end
    if len(rows) > limit:
        rows = rows[:limit]
        following = (rows[-1].phone_id, rows[-1].attempt_number)
    return NumberPage(rows, fetch_answers_of(connection, [row.id for row in rows]), following)


def _end_of(connection: Connection, chosen: Collection[ColumnElement[bool]]) -> Cursor | None:
    """The last of the rows that a page is chosen from; None: all of them. Read from an index alone."""
    ordered = select(attempt.c.phone_id, attempt.c.attempt_number).where(*chosen)
    last = ordered.order_by(attempt.c.phone_id, attempt.c.attempt_number).offset(LOOKED_AT - 1).limit(2)
    rows = connection.execute(last).all()
    return (rows[0].phone_id, rows[0].attempt_number) if len(rows) == 2 else None


def fetch_answers_of(connection: Connection, attempt_ids: Sequence[int]) -> dict[int, list[AnswerRow]]:
    """Answers by attempt, in the order in which they were given."""
    found: dict[int, list[AnswerRow]] = {}
    for start in range(0, len(attempt_ids), 500):
        some = answer.c.attempt_id.in_(attempt_ids[start : start + 500])
        for row in connection.execute(select(answer).where(some).order_by(answer.c.id)):
            found.setdefault(row.attempt_id, []).append(row)
    return found


def _contains(column: Any, text: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.contains(text, autoescape=True)
    return found


def _like(column: Any, text: str) -> ColumnElement[bool]:
    """Whether the text stands in it, in the usual spellings: SQLite knows capitals of ASCII only."""
    spellings = dict.fromkeys((text, text.lower(), text.upper(), text.capitalize(), text.title()))
    return or_(*(_contains(column, one) for one in spellings))


def _is_id(text: str) -> ColumnElement[bool]:
    known = text.isascii() and text.isdecimal() and len(text) < 19
    return and_(task.c.id == (int(text) if known else 0))


def fetch_export_page(
    connection: Connection, task_id: int, after: Cursor | None, limit: int
) -> tuple[Sequence[NumberRow], dict[int, list[AnswerRow]]]:
    """Attempts of a task in the order of `fetch_numbers`, with their answers."""
    query = _ROWS.where(attempt.c.task_id == task_id)
    if after is not None:
        query = query.where(_key > after)
    rows = connection.execute(query.order_by(attempt.c.phone_id, attempt.c.attempt_number).limit(limit)).all()
    return rows, fetch_answers_of(connection, [row.id for row in rows])


def fetch_params_page(
    connection: Connection, task_id: int, after: Cursor | None, limit: int
) -> tuple[list[dict[str, Any]], Cursor | None]:
    """Parameters of attempts, those that have some, in the order of `fetch_numbers`, and from where to go on; None:
    that was all."""
    query = select(attempt.c.phone_id, attempt.c.attempt_number, attempt.c.params).where(attempt.c.task_id == task_id)
    if after is not None:
        query = query.where(_key > after)
    rows = connection.execute(query.order_by(attempt.c.phone_id, attempt.c.attempt_number).limit(limit)).all()
    following = (rows[-1].phone_id, rows[-1].attempt_number) if len(rows) == limit else None
    return [row.params for row in rows if row.params], following


def fetch_questions(connection: Connection, task_id: int) -> dict[tuple[int, str], str]:
    """The questions that a task has answers to, each with its text, where its polling has it still."""
    asked = select(answer.c.polling_id, answer.c.question_id).where(answer.c.task_id == task_id).distinct()
    given = {(row.polling_id, row.question_id) for row in connection.execute(asked)}
    of_polling = and_(task.c.id == task_id, task.c.inner_num_type == InnerNumType.POLLING.value)
    texts: dict[tuple[int, str], str] = {}
    if connection.execute(select(task.c.id).where(of_polling)).first():
        known = select(question.c.polling_id, question.c.question_id, question.c.text)
        rows = connection.execute(
            known.where(question.c.polling_id.in_({one for one, _ in given})).order_by(question.c.id)
        )
        texts = {(row.polling_id, row.question_id): row.text for row in rows}
    return {key: texts[key] for key in texts if key in given} | {key: "" for key in sorted(given) if key not in texts}


@dataclass(frozen=True, slots=True)
class PollingSummary:
    polling_id: int
    crm_id: str
    name: str
    questions: int
    open_tasks: int
    """Tasks that are not closed and hold it."""


def fetch_polling_summaries(connection: Connection) -> list[PollingSummary]:
    """The newest first."""
    asked = func.count(question.c.id).label("questions")
    rows = connection.execute(
        select(polling.c.id, polling.c.crm_id, polling.c.name, asked)
        .outerjoin(question, question.c.polling_id == polling.c.id)
        .group_by(polling.c.id)
        .order_by(polling.c.id.desc())
    ).all()
    open_polls = (task.c.state != TaskState.CLOSED.value, task.c.inner_num_type == InnerNumType.POLLING.value)
    used = select(task.c.inner_num, func.count().label("times")).where(*open_polls).group_by(task.c.inner_num)
    by_crm_id, ids = {row.crm_id: row.id for row in rows}, {str(row.id): row.id for row in rows}
    users: Counter[int] = Counter()
    for row in connection.execute(used):
        users[by_crm_id.get(row.inner_num, ids.get(row.inner_num, 0))] += row.times
    return [PollingSummary(row.id, row.crm_id, row.name, row.questions, users[row.id]) for row in rows]
