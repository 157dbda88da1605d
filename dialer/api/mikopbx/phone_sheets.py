"""/upload-xls: a table of clients becomes a list of numbers."""

import asyncio
import re
from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import WithJsonSchema

from dialer.api.endpoint import Answer, Endpoint, Form, Nothing
from dialer.api.mikopbx.envelope import MAX_MESSAGES, RefusedError, envelope, refusal
from dialer.api.mikopbx.fields import QueryNumber
from dialer.api.mikopbx.forms import TooLargeError, file_of_form
from dialer.api.mikopbx.numbers import phone_of
from dialer.api.mikopbx.replies import Refused, SheetForecast, SheetNumbers
from dialer.api.mikopbx.serving import Call
from dialer.api.mikopbx.tasks import not_found
from dialer.api.sheets.cells import whole_number
from dialer.api.sheets.limits import Row, SheetError
from dialer.api.sheets.reader import SheetReader
from dialer.dispatch.dry_run import DryRun, Forecast
from dialer.model.safe import phone_id_of

MAX_BYTES = 32 * 1024 * 1024
"""A million rows of three columns take 23 MB as XLSX."""
TABLE_FILE = {
    "type": "string",
    "format": "binary",
    "minLength": 1,
    "description": "XLSX, XLS or CSV under its name; the form's field may have any name",
}
MIN_DIGITS, MAX_DIGITS = 5, 15
"""Of a telephone number in a table (E.164 knows 15): tables have ages and row numbers beside them."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?", re.ASCII)
"""A date cell as `sheets` reads it; without its dashes it would be dialled."""
_PHONE_TITLE = re.compile(r"тел|phone|моб|mobile|сотов|\bcell\b|\btel\b", re.IGNORECASE)
_BETWEEN_NUMBERS = re.compile(r"[,;/\n]")


_UNTOLD = "one more"
"""Stands for what is only counted: a table may have millions of wrong cells."""


class _NotAPhoneError(ValueError):
    """The text says what was expected."""


def numbers_of_rows(rows: Sequence[Row]) -> tuple[list[dict[str, str]], list[str]]:
    """The numbers of a table, and what is wrong with it, as `read_rows` tells them."""
    numbers, problems, _ = read_rows(rows)
    return numbers, problems


def read_rows(rows: Sequence[Row]) -> tuple[list[dict[str, str]], list[str], list[str]]:
    """[{"number", "clientId"}, …], a row a client; what is wrong, by row and column as a spreadsheet counts them; and
    the numbers that stand in it again.

    Leading rows with no telephone number are the header, down to the last that names columns of telephones. Where one
    does, only those are looked at; otherwise every column that has one. A number stands in the list once, where it
    stood first.

    A row's clientId is the last ten digits of its first number, unless one of its numbers is listed already: then it
    is the id of that client. So it depends neither on the row's place nor on the file: the same client has the same id
    when a list is sent again, sorted anew or put together from two.
    """
    start = _length_of_header(rows)
    header, body = rows[:start], rows[start:]
    columns, problems = _columns_of_phones(header, body)
    numbers: list[dict[str, str]] = []
    client_of: dict[str, str] = {}
    repeated: list[str] = []
    for place, row in enumerate(body, start=start + 1):
        phones, wrong = _phones_of_row(row, place, columns)
        problems += wrong if len(problems) < MAX_MESSAGES else [_UNTOLD] * len(wrong)
        if any(row) and not phones and not wrong:
            problems.append(f"row {place}: no telephone number")
        ids = [phone_id_of(phone) for phone in phones]
        client_id = next((client_of[one] for one in ids if one in client_of), ids[0] if ids else "")
        for phone, phone_id in zip(phones, ids, strict=True):
            if phone_id not in client_of:
                client_of[phone_id] = client_id
                numbers.append({"number": phone, "clientId": client_id})
            else:
                repeated.append(phone)
    return numbers, problems, repeated


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

    dryRun: Annotated[Literal["", "0", "1"], WithJsonSchema({"type": "string", "enum": ["", "0", "1"]})] = ""
    """1: `data` tells what would become of the numbers, instead of listing them."""
    taskId: QueryNumber = None
    """dryRun: in this task; not said: in a new one."""


class PhoneSheets:
    """The resource that turns tables into numbers; nothing is stored."""

    def __init__(self, tables: TableFiles, dry_run: DryRun) -> None:
        self._tables = tables
        self._dry_run = dry_run

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        answers = {
            200: Answer(
                "`result` tells whether there are numbers in it, or it was refused",
                SheetNumbers | SheetForecast | Refused,
            ),
            413: Answer("The file is too large", Refused),
            503: Answer("It cannot be read now", Refused),
        }
        return (
            Endpoint("POST", "/upload-xls", self.post, "Turn a table of clients into a list of numbers", answers,
                     query_model=UploadQuery, form=Form("multipart/form-data", {"file": TABLE_FILE}, ("file",))),
        )  # fmt: skip

    async def post(self, call: Call[Nothing, UploadQuery, None]) -> web.Response:
        """The numbers in `data`; what is wrong with other cells in `messages`, the first 20."""
        rows = await self._tables.rows_of(call.request)
        if isinstance(rows, web.Response):
            return rows
        numbers, problems, repeated = await asyncio.to_thread(read_rows, rows)
        messages = first_of(problems, MAX_MESSAGES)
        if call.query.dryRun == "1":
            forecast = await self._dry_run.forecast([one["number"] for one in numbers], call.query.taskId)
            if forecast is None:
                raise not_found(call.query.taskId or 0, "taskId")
            forecast.duplicate += repeated
            clients = len({one["clientId"] for one in numbers})
            return web.json_response(envelope(True, _forecast_json(forecast, clients, problems), messages))
        if not numbers:
            raise RefusedError("file: no telephone number in it", *messages, data={"error": "NoNumbers"})
        return web.json_response(envelope(True, numbers, messages))


def _forecast_json(forecast: Forecast, clients: int, problems: list[str]) -> dict[str, Any]:
    def counted(items: Sequence[Any]) -> dict[str, Any]:
        return {"count": len(items), "first": list(items[:MAX_MESSAGES])}

    doubtful = [{"number": number, "reason": reason} for number, reason in forecast.doubtful]
    return {
        "new": counted(forecast.new),
        "duplicate": counted(forecast.duplicate),
        "invalid": counted([*problems]),
        "doubtful": counted(doubtful),
        "stopped": counted(forecast.stopped),
        "outsideWindow": counted(forecast.outside_window),
        "clients": clients,
    }


def first_of(problems: list[str], most: int) -> list[str]:
    """The first problems, and how many there are more."""
    more = len(problems) - most
    return [*islice(problems, most), *([f"and {more} more"] if more > 0 else [])]


def _length_of_header(rows: Sequence[Row]) -> int:
    first = next((place for place, row in enumerate(rows) if any(map(_has_phone, row))), len(rows))
    naming = (place for place in range(first - 1, -1, -1) if any(map(_PHONE_TITLE.search, rows[place])))
    return next(naming, first - 1) + 1


def _columns_of_phones(header: Sequence[Row], body: Sequence[Row]) -> tuple[list[int], list[str]]:
    """Columns counted from 0, and a word about every one with telephone numbers that is left out."""
    filled: dict[int, int] = {}
    """Column to the first row that has a telephone number in it."""
    for place, row in enumerate(body, start=len(header) + 1):
        for column, cell in enumerate(row):
            if column not in filled and _has_phone(cell):
                filled[column] = place
    titled = {column for row in header for column, cell in enumerate(row) if _PHONE_TITLE.search(cell)}
    if not titled & filled.keys():
        return sorted(filled), []
    left_out = [
        f"row {filled[column]}, column {column + 1}: a telephone number, but the header does not name the column so: "
        "the column is left out"
        for column in sorted(filled.keys() - titled)
    ]
    return sorted(titled), left_out


def _phones_of_row(row: Row, place: int, columns: list[int]) -> tuple[list[str], list[str]]:
    phones: list[str] = []
    problems: list[str] = []
    for column in columns:
        for text in _texts(row[column]) if column < len(row) else []:
            try:
                phones.append(_phone(text))
            except ValueError as error:
                problems.append(f"row {place}, column {column + 1}: {error}")
    return phones, problems


def _texts(cell: str) -> list[str]:
    """Several numbers in one cell are written with commas between them, and the like."""
    if whole_number(cell) != cell:  # 7,9522233446E+10 and 79522233446,0
        return [cell]
    return [text for part in _BETWEEN_NUMBERS.split(cell) if (text := part.strip())]


def _has_phone(cell: str) -> bool:
    for text in _texts(cell):
        try:
            _phone(text)
        except ValueError:
            continue
        return True
    return False


def _phone(text: str) -> str:
    """The number to dial. Raises ValueError with what was expected."""
    if _DATE.fullmatch(text):
        raise _NotAPhoneError(f"a telephone number expected, got the date {text[:60]}")
    try:
        phone = phone_of(whole_number(text))
    except ValueError as error:
        if re.fullmatch(r"[0-9][.,][0-9]+[eE]\+?[0-9]{2}", text, re.ASCII):
            raise _NotAPhoneError(f"the spreadsheet program has rounded {text[:60]}: make it a text cell") from None
        raise _NotAPhoneError(f"telephone number: {error}") from None
    digits = phone.removeprefix("+")
    if not (digits.isdecimal() and MIN_DIGITS <= len(digits) <= MAX_DIGITS):
        raise _NotAPhoneError(f"a telephone number of {MIN_DIGITS} to {MAX_DIGITS} digits expected, got {text[:60]!r}")
    return phone
