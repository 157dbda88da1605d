"""/upload-xls: a table of clients becomes a list of numbers."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from dialer.api.endpoint import Answer, Endpoint, Form, Nothing
from dialer.api.forms import TooLargeError
from dialer.api.mikopbx.envelope import RefusedError, envelope, refusal
from dialer.api.mikopbx.fields import QueryFlag, QueryId, QueryNumber
from dialer.api.mikopbx.forms import file_of_form
from dialer.api.mikopbx.phone_table import PhoneTable, as_numbers, leave_out_twins, numbers_with_params, read_table
from dialer.api.mikopbx.replies import Refused, SheetNumbers
from dialer.api.mikopbx.serving import Call
from dialer.api.mikopbx.sheet_forecast import forecast_json
from dialer.api.mikopbx.sheet_replies import SheetNumbersWithParams, TableForecast
from dialer.api.mikopbx.tasks import not_found
from dialer.api.sheets.limits import Row, SheetError
from dialer.api.sheets.reader import SheetReader
from dialer.dispatch.dry_run import DryRun

MAX_BYTES = 32 * 1024 * 1024
"""A million rows of three columns take 23 MB as XLSX."""
TABLE_FILE = {
    "type": "string",
    "format": "binary",
    "minLength": 1,
    "description": "XLSX, XLS or CSV under its name; the form's field may have any name",
}


class TableFiles:
    """Reads the tables that are sent."""

    def __init__(self, reader: SheetReader, max_bytes: int = MAX_BYTES) -> None:
        self._reader = reader
        self._max_bytes = max_bytes

    async def rows_of(self, request: web.Request) -> Sequence[Row] | web.Response:
        """The rows of the table in a form, or the reply that says why not now. Raises RefusedError for what is none."""
        try:
            sent = await file_of_form(request, self._max_bytes)
            content = b"".join([chunk async for chunk in sent.chunks])
            return await self._reader.read(content, sent.name)
        except TooLargeError:
            return refusal([f"file: too large: {self._max_bytes} bytes at the most"], status=413)
        except SheetError as error:
            raise RefusedError(f"file: {error}", data={"error": "CannotBeRead"}) from None
        except OSError as error:
            return refusal([f"file: it cannot be read now: {error.strerror}"], status=503)


class UploadQuery(Nothing):
    """What is done with the table."""

    dryRun: QueryFlag = ""
    """1: `data` tells what would become of the numbers, instead of listing them."""
    taskId: QueryNumber = None
    """dryRun: in this task; not said: in a new one."""
    polling: QueryId = None
    """dryRun, of a new task: the polling that it is to hold, whose texts are looked at beside the columns."""
    params: QueryFlag = ""
    """1, without dryRun: each number also has `params`, the row's other cells by their titles."""


class PhoneSheets:
    """The resource that turns tables into numbers; nothing is stored."""

    def __init__(self, tables: TableFiles, dry_run: DryRun) -> None:
        self._tables = tables
        self._dry_run = dry_run

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        answers = {
            200: Answer(
                "`result` tells whether there are numbers in it, or it was refused",
                SheetNumbers | SheetNumbersWithParams | TableForecast | Refused,
            ),
            413: Answer("The file is too large", Refused),
            503: Answer("It cannot be read now", Refused),
        }
        return (
            Endpoint("POST", "/upload-xls", self.post, "Turn a table of clients into a list of numbers", answers,
                     query_model=UploadQuery, form=Form("multipart/form-data", {"file": TABLE_FILE}, ("file",)),
                     action=""),
        )  # fmt: skip

    async def post(self, call: Call[Nothing, UploadQuery, None]) -> web.Response:
        """The numbers in `data`; what is wrong with other cells in `messages`, the first 20."""
        rows = await self._tables.rows_of(call.request)
        if isinstance(rows, web.Response):
            return rows
        table = await asyncio.to_thread(read_table, rows)
        if "1" in (call.query.dryRun, call.query.params):  # the original's reply stays as it is
            twins = await self._dry_run.twins([one.number for one in table.numbers])
            await asyncio.to_thread(leave_out_twins, table, twins)
        if call.query.dryRun == "1":
            return await self._forecast(table, rows, call.query)
        if not table.numbers:
            raise no_numbers(table)
        numbers: list[Any] = as_numbers(table)
        if call.query.params == "1":
            numbers = await asyncio.to_thread(numbers_with_params, table, rows)
        return web.json_response(envelope(True, numbers, table.messages()))

    async def _forecast(self, table: PhoneTable, rows: Sequence[Row], query: UploadQuery) -> web.Response:
        found = await self._dry_run.forecast([one.number for one in table.numbers], query.taskId)
        if found is None:
            raise not_found(query.taskId or 0, "taskId")
        parameters = await self._dry_run.parameters(query.taskId, query.polling)
        if parameters is None and query.taskId is None and query.polling is not None:
            raise RefusedError(
                f"polling: there is no polling {query.polling[:60]!r}", data={"error": "PollingNotFound"}
            )
        data = await asyncio.to_thread(forecast_json, table, rows, found, parameters)
        return web.json_response(envelope(True, data, table.messages()))


def no_numbers(table: PhoneTable) -> RefusedError:
    return RefusedError("file: no telephone number in it", *table.messages(), data={"error": "NoNumbers"})
