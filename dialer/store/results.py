"""Results and answers as the CRM fetches them: the columns that it is shown, no others."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, func, select

from dialer.store.schema import TRIED, answer, attempt, task

PAGE_ROWS = 10_000
MOST_OTHERS = 8
"""To each row of a task: fewer others are read past, beyond that each row is looked up."""
ResultRow = Row[Any]
Query = Select[Any]
"""Of `COLUMNS`."""
# Rows of numbers nobody has tried to call yet are not news, and a list of a million has them all in one second.
# Those of other facades' accounts are theirs.
_OTHERS = select(task.c.id).where(task.c.owner != "")
SHOWN = {
    attempt: (TRIED, attempt.c.task_id.not_in(_OTHERS)),
    answer: (answer.c.task_id.not_in(_OTHERS),),
}
_later = attempt.alias("later")
NEXT_DUE = (
    select(_later.c.due_us)
    .where(
        and_(_later.c.task_id == attempt.c.task_id, _later.c.phone_id == attempt.c.phone_id),
        _later.c.attempt_number == attempt.c.attempt_number + 1,
    )
    .scalar_subquery()
    .label("next_due_us")
)
"""When the number's attempt after this one may be made; null: there is none, its result is the number's."""
COLUMNS = {
    attempt: (
        attempt.c.id, attempt.c.task_id, attempt.c.phone_id, attempt.c.phone, attempt.c.linked_id, attempt.c.call_file,
        attempt.c.result, attempt.c.out_dial_state, attempt.c.in_dial_state, attempt.c.state,
        attempt.c.verbose_call_id, attempt.c.cause, attempt.c.params,
        attempt.c.changed_us, attempt.c.attempt_number, attempt.c.due_us, attempt.c.closed_us, NEXT_DUE,
        attempt.c.recording, attempt.c.client_id, attempt.c.caller_id, attempt.c.talked_s, attempt.c.cost_u,
    ),
    answer: (answer,),
}  # fmt: skip


def is_large(connection: Connection, task_id: int, rows: int) -> bool:
    """Whether a task has more rows, or more answers, than these."""
    first_rows = (select(table.c.id).where(table.c.task_id == task_id).limit(rows + 1) for table in (attempt, answer))
    return any(len(connection.execute(query).all()) > rows for query in first_rows)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a task's rows are in the table."""

    first_id: int
    last_id: int
    rows: int

    @property
    def is_dense(self) -> bool:
        """Whether they are a good part of all rows there."""
        return self.last_id - self.first_id < self.rows * MOST_OTHERS


def fetch_span(connection: Connection, task_id: int) -> Span:
    """Reads the whole index of a task's numbers."""
    # + 0: else the table is walked from its end to the first row of this task, past all others
    ends = select(func.min(attempt.c.id + 0), func.max(attempt.c.id + 0), func.count())
    first, last, rows = connection.execute(ends.where(attempt.c.task_id == task_id)).one()
    return Span(int(first or 0), int(last or 0), int(rows))


def task_results(task_id: int) -> Query:
    """All rows of a task of few, in the order of their ids. By its index: + 0, else everybody's are walked through."""
    return select(*COLUMNS[attempt]).where(attempt.c.task_id == task_id).order_by(attempt.c.id + 0)


def dense_page(task_id: int, first_id: int, last_id: int, limit: int) -> Query:
    """A page of the rows of a task whose `Span` is dense, in the order of their ids: the index of its numbers has
    another one."""
    within = (attempt.c.id >= first_id, attempt.c.id <= last_id, attempt.c.task_id + 0 == task_id)
    return select(*COLUMNS[attempt]).where(*within).order_by(attempt.c.id).limit(limit)


def fetch_ids(connection: Connection, task_id: int) -> Sequence[int]:
    """Of all rows of a task, in order."""
    ids = select(attempt.c.id).where(attempt.c.task_id == task_id).order_by(attempt.c.id + 0)
    return array("q", connection.execute(ids).scalars())


def task_rows(task_id: int, ids: Sequence[int]) -> Query:
    """Those of these rows that the task has still, in the order of their ids."""
    which = (attempt.c.id.in_(list(ids)), attempt.c.task_id + 0 == task_id)
    return select(*COLUMNS[attempt]).where(*which).order_by(attempt.c.id)


def fetch_task_answers(connection: Connection, task_id: int, after_id: int, limit: int) -> Sequence[ResultRow]:
    """A page of the answers given in a task."""
    which = (answer.c.task_id == task_id, answer.c.id > after_id)
    return connection.execute(select(answer).where(*which).order_by(answer.c.id).limit(limit)).all()


def results_since(connection: Connection, since_us: int, shown_us: int, page: int = PAGE_ROWS) -> Query:
    return _page_since(connection, attempt, since_us, shown_us, page)


def fetch_answers_since(
    connection: Connection, since_us: int, shown_us: int, page: int = PAGE_ROWS
) -> Sequence[ResultRow]:
    return connection.execute(_page_since(connection, answer, since_us, shown_us, page)).all()


def _page_since(connection: Connection, table: Table, since_us: int, shown_us: int, page: int) -> Query:
    """A page of rows changed at `since_us` or later, oldest first.

    Clients ask again from the greatest time they were shown, and are shown times in steps of `shown_us`. So that they
    always get on, a page that would hold nothing but rows of its first step goes on by a page into the next steps.
    """
    changed = (*SHOWN[table], table.c.changed_us >= since_us)
    next_step_us = since_us // shown_us * shown_us + shown_us
    first_step = select(func.count()).select_from(table).where(*changed, table.c.changed_us < next_step_us)
    rows = int(connection.execute(first_step).scalar_one())
    query = select(*COLUMNS[table]).where(*changed).order_by(table.c.changed_us, table.c.id)
    return query.limit(page if rows < page else rows + page)
