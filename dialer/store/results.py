"""Results and answers as the CRM fetches them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, select

from dialer.store.schema import TRIED, answer, attempt, task

PAGE_ROWS = 10_000
ResultRow = Row[Any]
# Rows of numbers nobody has tried to call yet are not news, and a list of a million has them all in one second.
# Those of other facades' accounts are theirs.
_OTHERS = select(task.c.id).where(task.c.owner != "")
_SHOWN = {
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
_COLUMNS = {attempt: (attempt, NEXT_DUE), answer: (answer,)}


def fetch_task_results(connection: Connection, task_id: int) -> Sequence[ResultRow]:
    rows = select(*_COLUMNS[attempt]).where(attempt.c.task_id == task_id).order_by(attempt.c.id)
    return connection.execute(rows).all()


def fetch_task_answers(connection: Connection, task_id: int) -> Sequence[ResultRow]:
    return connection.execute(select(answer).where(answer.c.task_id == task_id).order_by(answer.c.id)).all()


def fetch_results_since(connection: Connection, since_us: int, shown_us: int, page: int = PAGE_ROWS) -> list[ResultRow]:
    return _fetch_page(connection, attempt, since_us, shown_us, page)


def fetch_answers_since(connection: Connection, since_us: int, shown_us: int, page: int = PAGE_ROWS) -> list[ResultRow]:
    return _fetch_page(connection, answer, since_us, shown_us, page)


def _fetch_page(connection: Connection, table: Table, since_us: int, shown_us: int, page: int) -> list[ResultRow]:
    """A page of rows changed at `since_us` or later, oldest first.

    Clients ask again from the greatest time they were shown, and are shown times in steps of `shown_us`. So that they
    always get on, a page that would hold nothing but rows of its first step goes on by a page into the next steps.
    """
    ordered = select(*_COLUMNS[table]).where(*_SHOWN.get(table, ())).order_by(table.c.changed_us, table.c.id)
    rows = list(connection.execute(ordered.where(table.c.changed_us >= since_us).limit(page)))
    next_step_us = since_us // shown_us * shown_us + shown_us
    if len(rows) == page and rows[-1].changed_us < next_step_us:
        after = rows[-1]
        same_step = ordered.where(table.c.changed_us >= after.changed_us, table.c.changed_us < next_step_us)
        seen = {row.id for row in rows}
        rows += [row for row in connection.execute(same_step) if row.id not in seen]
        rows += connection.execute(ordered.where(table.c.changed_us >= next_step_us).limit(page))
    return rows
