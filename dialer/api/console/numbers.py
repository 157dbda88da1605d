"""/console/v1/tasks/{id}/numbers: a task's numbers with their attempts and answers"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from dialer.api.console.fields import QueryOutcome, QuerySearch, choice, choice_schema
from dialer.api.console.shown import NumberRows, NumbersAdded, maybe_seconds, seconds
from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.bodies import Numbers as ListedNumbers
from dialer.api.mikopbx.fields import QueryNumber
from dialer.api.mikopbx.replies import answers
from dialer.api.mikopbx.serving import Call
from dialer.api.mikopbx.tasks import TaskPath, known, not_found, refused
from dialer.dispatch.desk import TaskDesk
from dialer.model.prices import shown
from dialer.model.safe import UnsafeValueError, safe_recording_name
from dialer.store.console import STATES, AnswerRow, Cursor, NumberPage, NumberRow, fetch_head, fetch_numbers
from dialer.store.database import Store
from dialer.store.schema import GLOBAL
from dialer.store.tasks import TaskRefusedError

DEFAULT_ROWS, MOST_ROWS = 100, 1000
_CURSOR = "^[0-9]{1,9}\\.[^\\u0000]{1,100}$"


def _cursor(text: str) -> Cursor | None:
    if text == "":
        return None
    if not re.fullmatch("[0-9]{1,9}\\.[^\0]{1,100}", text, re.ASCII | re.DOTALL):
        raise ValueError(f"`next` of an earlier page expected, got {text[:60]!r}")
    attempt_number, _, phone_id = text.partition(".")
    return phone_id, int(attempt_number)


class NumbersQuery(Nothing):
    """Which rows."""

    search: QuerySearch = ""
    """A part of the number or of its client's id; ten digits and more: that number."""
    result: QueryOutcome = None
    """Only those with this result."""
    state: Annotated[str, choice(*STATES), choice_schema(*STATES)] = ""
    """Only those that are waiting, calling, done."""
    after: Annotated[
        Cursor | None,
        BeforeValidator(_cursor),
        WithJsonSchema({"anyOf": [{"type": "string", "pattern": _CURSOR}, {"type": "string", "enum": [""]}]}),
    ] = None
    """`next` of the page before."""
    limit: QueryNumber = None
    """How many, 1000 at the most; 100 by default."""


class NumbersBody(BaseModel):
    """Numbers that are to be dialled, too."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"numbers": ["79522233446", {"number": "79522233416", "clientId": "5"}]}]},
    )

    numbers: ListedNumbers
    """As `POST /task` takes them; those that are in the list already stay as they are."""


class Numbers:
    """Attempts of a task, page by page."""

    def __init__(self, store: Store, desk: TaskDesk) -> None:
        self._store = store
        self._desk = desk

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/tasks/{id}/numbers", self.page, "Numbers of a task, each with its attempts and answers",
                     answers(NumberRows), path_model=TaskPath, query_model=NumbersQuery),
            Endpoint("POST", "/tasks/{id}/numbers", self.add, "Add numbers to a task's list; a closed task is opened",
                     answers(NumbersAdded), path_model=TaskPath, body_model=NumbersBody),
        )  # fmt: skip

    async def add(self, call: Call[TaskPath, Nothing, NumbersBody]) -> dict[str, Any]:
        task_id, numbers = known(call.path.id), call.body.numbers
        try:
            done = await self._desk.add_numbers(task_id, numbers)
        except TaskRefusedError as error:
            raise refused(error) from None
        if done is None:
            raise not_found(task_id)
        return {"added": done[1], "duplicates": len(numbers) - done[1], "state": done[0].state.value}

    async def page(self, call: Call[TaskPath, NumbersQuery, None]) -> dict[str, Any]:
        task_id, query = known(call.path.id), call.query
        limit = max(1, min(DEFAULT_ROWS if query.limit is None else query.limit, MOST_ROWS))

        def fetch(connection: Any) -> NumberPage | None:
            if fetch_head(connection, task_id) is None:
                return None
            return fetch_numbers(
                connection,
                task_id,
                after=query.after,
                limit=limit,
                search=query.search,
                result=query.result,
                state=query.state or None,
            )

        page = await self._store.read(fetch)
        if page is None:
            raise not_found(task_id)
        following = None if page.after is None else f"{page.after[1]}.{page.after[0]}"
        return {"rows": [_row(row, page) for row in page.rows], "next": following}


def _row(row: NumberRow, page: NumberPage) -> dict[str, Any]:
    stopped_by = page.stopped.get(row.phone_id)
    return {
        "attemptId": row.id,
        "number": row.phone,
        "attemptNumber": row.attempt_number,
        "clientId": row.client_id,
        "state": row.state,
        "result": row.result,
        "cause": row.cause,
        "outDialState": row.out_dial_state,
        "employee": row.employee,
        "talked_s": row.talked_s,
        "cost": None if row.cost_u is None else shown(row.cost_u),
        "changeTime": seconds(row.changed_us),
        "closeTime": maybe_seconds(row.closed_us),
        "dueTime": maybe_seconds(row.due_us),
        "recording": f"/recording/{row.recording}" if row.recording and row.closed_us else None,
        "params": row.params or None,
        "stopList": None if stopped_by is None else "all" if stopped_by == GLOBAL else "task",
        "answers": [_answer(one) for one in page.answers.get(row.id, [])],
    }


def _answer(row: AnswerRow) -> dict[str, Any]:
    return {
        "questionId": row.question_id,
        "result": row.result,
        "exten": row.exten,
        "changeTime": seconds(row.changed_us),
        "recording": f"/recording/{row.result}" if _is_recording(row.result) else None,
    }


def _is_recording(text: str) -> bool:
    try:
        safe_recording_name(text)
    except UnsafeValueError:
        return False
    return True
