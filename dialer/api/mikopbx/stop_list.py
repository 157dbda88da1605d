"""/stop-list: numbers that no task may dial, or one task may not"""

import asyncio
import functools
import re
from collections.abc import Sequence
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from dialer.api.endpoint import Answer, Endpoint, Form, Nothing
from dialer.api.mikopbx.clients import PhonePath
from dialer.api.mikopbx.envelope import RefusedError, envelope
from dialer.api.mikopbx.fields import (
    AsList,
    ListSchema,
    MaybeName,
    MaybeOwnId,
    Name,
    QueryFlag,
    QueryNumber,
    Schema,
    at_most,
    not_empty,
    one_of,
)
from dialer.api.mikopbx.numbers import PHONE_SCHEMAS, phone_of
from dialer.api.mikopbx.phone_sheets import TABLE_FILE, TableFiles, no_numbers
from dialer.api.mikopbx.phone_table import PhoneTable, read_table
from dialer.api.mikopbx.plain import as_list
from dialer.api.mikopbx.replies import Done, Refused, answers
from dialer.api.mikopbx.results import SECOND_US
from dialer.api.mikopbx.serving import Call
from dialer.api.mikopbx.sheet_replies import WrongCells
from dialer.api.mikopbx.tasks import not_found
from dialer.api.sheets.limits import Row
from dialer.model.audit import Change, masked
from dialer.model.safe import phone_id_of
from dialer.store.audit import audited
from dialer.store.database import Operation, Store
from dialer.store.schema import GLOBAL
from dialer.store.stop_list import (
    BATCH,
    Stop,
    StopRow,
    add_stops,
    end_stopped,
    fetch_on_lists,
    fetch_stops,
    fetch_tasks_with_waiting,
    find_stops,
    remove_stop,
    share_out,
)
from dialer.store.tasks import fetch_task_of

LIST_LIMIT = 1000
MAX_NUMBERS = 100_000
MAX_REASON = 500
_REASON_TITLE = re.compile(r"причин|основан|коммент|примеч|reason|comment|note", re.IGNORECASE)
EXAMPLE: dict[str, Any] = {"numbers": ["79522233446", "+7 (952) 223-34-16"], "reason": "asked us not to call"}
_NUMBERS: Schema = ListSchema(least=1, most=MAX_NUMBERS).around({"anyOf": list(PHONE_SCHEMAS)})


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class StopShown(_Shown):
    """A number on a stop list."""

    id: str
    """Its place; for `offset`."""
    taskId: str
    """The task whose list it is; empty: that of all tasks."""
    phone: str
    """As it was posted, without spaces, brackets and hyphens."""
    phoneId: str
    """The last ten digits: what counts."""
    reason: str
    """As posted."""
    created: str
    """Since when, Unix seconds."""


class StopList(_Shown):
    results: list[StopShown]
    """Oldest first, 1000 at the most; go on with the last id as `offset`."""


class StopsAdded(_Shown):
    added: int
    """Numbers that were not on the list before."""
    known: int
    """Numbers that were."""


class StopsReadShown(StopsAdded):
    invalid: WrongCells
    """Cells and rows that are left out, and why."""


class StopsRead(Done[StopsReadShown]):
    """A table was read."""

    data: StopsReadShown
    """What became of its numbers, or by `dryRun` would."""
    messages: list[str]
    """What is wrong with other cells, by row and column; the first 20."""


class StopQuery(Nothing):
    """Whose list."""

    taskId: QueryNumber = None
    """That of a task; not said: that of all tasks."""


class StopListQuery(StopQuery):
    """Whose list, and from where on."""

    limit: QueryNumber = None
    """How many, 1000 at the most; 1000 by default."""
    offset: QueryNumber = None
    """Only those with a greater id."""


class StopUploadQuery(StopQuery):
    """Whose list, and why."""

    reason: Name = ""
    """For people; of numbers whose row has none of its own."""
    dryRun: QueryFlag = ""
    """1: nothing is stored; `data` tells what would be."""


class StopBody(BaseModel):
    """Numbers that are not to be dialled any more; of all tasks: the list alone will do."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, use_attribute_docstrings=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    numbers: Annotated[
        Annotated[tuple[Annotated[str, BeforeValidator(phone_of)], ...], AfterValidator(not_empty)],
        at_most(MAX_NUMBERS),
        AsList,
        one_of(_NUMBERS),
    ]
    """Their waiting attempts end at once; a call in progress is the last."""
    taskId: MaybeOwnId = None
    """Only this task may not; not said: none may."""
    reason: MaybeName = None
    """For people; not said: as it is stored."""


class _OrTheListAlone:
    """A list of numbers where the object with `numbers` is meant; in the schema, too."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        return {"anyOf": [handler(core_schema), _NUMBERS]}


def _named(body: Any) -> Any:
    listed = as_list(body)
    return {"numbers": listed} if isinstance(listed, list) else body


StopsPosted = Annotated[StopBody, BeforeValidator(_named), _OrTheListAlone()]


class StopLists:
    """The resource of the stop lists."""

    def __init__(self, store: Store, tables: TableFiles) -> None:
        self._store = store
        self._tables = tables

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        uploaded = {
            200: Answer("`result` tells whether there were numbers in it, or it was refused", StopsRead | Refused),
            413: Answer("The file is too large", Refused),
            503: Answer("It cannot be read now", Refused),
        }
        return (
            Endpoint("GET", "/stop-list", self.list, "List the numbers that may not be dialled", answers(StopList),
                     query_model=StopListQuery),
            Endpoint("GET", "/stop-list/{phone}", self.get, "Which stop lists a number is on", answers(StopList),
                     path_model=PhonePath),
            Endpoint("POST", "/stop-list", self.post, "Put numbers on a stop list", answers(StopsAdded),
                     body_model=StopsPosted),
            Endpoint("POST", "/stop-list-upload", self.upload, "Put the numbers of a table on a stop list", uploaded,
                     query_model=StopUploadQuery, form=Form("multipart/form-data", {"file": TABLE_FILE}, ("file",))),
            Endpoint("DELETE", "/stop-list/{phone}", self.delete, "Take a number off a stop list", answers(StopList),
                     path_model=PhonePath, query_model=StopQuery),
        )  # fmt: skip

    async def list(self, call: Call[Nothing, StopListQuery, None]) -> dict[str, Any]:
        query = call.query
        limit = LIST_LIMIT if query.limit is None else min(query.limit, LIST_LIMIT)
        found = await self._store.read(
            lambda connection: fetch_stops(connection, query.taskId, query.offset or 0, limit)
        )
        return {"results": [_stop_json(one) for one in found]}

    async def get(self, call: Call[PhonePath, Nothing, None]) -> dict[str, Any]:
        return await self._lists_of(phone_id_of(call.path.phone))

    async def post(self, call: Call[Nothing, Nothing, StopBody]) -> dict[str, Any]:
        """The same numbers posted twice stand once: a request that is cut off is just repeated."""
        body = call.body
        stops = {phone_id_of(phone): phone for phone in body.numbers}
        return await self._add(
            [Stop(phone, phone_id, body.reason or "") for phone_id, phone in stops.items()], body.taskId
        )

    async def upload(self, call: Call[Nothing, StopUploadQuery, None]) -> web.Response:
        rows = await self._tables.rows_of(call.request)
        if isinstance(rows, web.Response):
            return rows
        stops, table = await asyncio.to_thread(stops_of_rows, rows, call.query.reason)
        if not stops:
            raise no_numbers(table)
        if call.query.dryRun == "1":
            call.changes_nothing()
            added = await self._would_add(stops, call.query.taskId)
        else:
            added = await self._add(stops, call.query.taskId)
        return web.json_response(envelope(True, {**added, "invalid": table.wrong_cells()}, table.messages()))

    async def delete(self, call: Call[PhonePath, StopQuery, None]) -> dict[str, Any]:
        """What is left of it."""
        phone_id = phone_id_of(call.path.phone)
        task_id = call.query.taskId
        shown = masked(phone_id)
        removed = Change("stop-list.remove", shown, _whose(task_id), task_id=task_id, number=shown)
        removing = audited(remove_stop(phone_id, task_id), lambda done: removed if done else None)
        if not await self._store.write(removing):
            raise RefusedError(f"phone: {call.path.phone} is not on this list", data={"error": "StopNotFound"})
        return await self._lists_of(phone_id)

    async def _add(self, stops: Sequence[Stop], task_id: int | None) -> dict[str, Any]:
        """Batch by batch, each on the list before its waiting attempts end: a list posted meanwhile finds it there."""
        await self._check_task(task_id)
        added = 0
        for start in range(0, len(stops), BATCH):
            some = stops[start : start + BATCH]
            added += await self._store.write(_audited(some, task_id))
            tasks = await self._store.read(fetch_tasks_with_waiting) if task_id is None else [task_id]
            for share in share_out(tasks, len(some)):
                await self._store.write(end_stopped([stop.phone_id for stop in some], share))
        return {"added": added, "known": len(stops) - added}

    async def _would_add(self, stops: Sequence[Stop], task_id: int | None) -> dict[str, Any]:
        await self._check_task(task_id)
        phone_ids = [stop.phone_id for stop in stops]
        known = 0
        for start in range(0, len(phone_ids), BATCH):
            some = phone_ids[start : start + BATCH]
            known += len(
                await self._store.read(
                    functools.partial(fetch_on_lists, phone_ids=some, lists=[GLOBAL if task_id is None else task_id])
                )
            )
        return {"added": len(stops) - known, "known": known}

    async def _check_task(self, task_id: int | None) -> None:
        if (
            task_id is not None
            and await self._store.read(lambda connection: fetch_task_of(connection, task_id)) is None
        ):
            raise not_found(task_id, "taskId")

    async def _lists_of(self, phone_id: str) -> dict[str, Any]:
        found = await self._store.read(lambda connection: find_stops(connection, phone_id))
        return {"results": [_stop_json(one) for one in found]}


def _audited(stops: Sequence[Stop], task_id: int | None) -> Operation[int]:
    """Putting numbers on a list, with the row that tells who did it."""

    def told(added: int) -> Change:
        target = masked(stops[0].phone_id) if len(stops) == 1 else ""
        said = f"{_whose(task_id)}; {added} added, {len(stops) - added} known"
        return Change("stop-list.add", target, said, task_id=task_id, number=target)

    return audited(add_stops(stops, task_id), told)


def _whose(task_id: int | None) -> str:
    return "of all tasks" if task_id is None else f"of task {task_id}"


def stops_of_rows(rows: Sequence[Row], reason: str) -> tuple[list[Stop], PhoneTable]:
    """The numbers of a table, each with the reason of its row, or else this one. Reasons stand in the column that a
    title names so, or else behind the last column of telephones."""
    table = read_table(rows)
    titled = (place for row in table.titles for place, title in enumerate(row) if _REASON_TITLE.search(title))
    column = next(titled, max(table.columns, default=0) + 1)

    def reason_of(row: Row) -> str:
        return (row[column] if column < len(row) else "")[:MAX_REASON] or reason

    return [Stop(one.number, phone_id_of(one.number), reason_of(rows[one.row - 1])) for one in table.numbers], table


def _stop_json(row: StopRow) -> dict[str, Any]:
    return {
        "id": str(row.row_id),
        "taskId": "" if row.task_id is None else str(row.task_id),
        "phone": row.phone,
        "phoneId": row.phone_id,
        "reason": row.reason,
        "created": str(row.created_us // SECOND_US),
    }
