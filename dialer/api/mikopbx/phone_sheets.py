"""/upload-xls: a table of clients becomes a list of numbers."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

from dialer.api.endpoint import Answer, Endpoint, Form, Nothing
from dialer.api.forms import TooLargeError
from dialer.api.mikopbx.envelope import MAX_MESSAGES, RefusedError, envelope, refusal
from dialer.api.mikopbx.fields import QueryFlag, QueryNumber
from dialer.api.mikopbx.forms import file_of_form
from dialer.api.mikopbx.numbers import phone_of
from dialer.api.mikopbx.replies import Refused, SheetNumbers
from dialer.api.mikopbx.serving import Call
from dialer.api.mikopbx.sheet_replies import SheetNumbersWithParams, TableForecast
from dialer.api.mikopbx.tasks import not_found
from dialer.api.sheets.cells import whole_number
from dialer.api.sheets.limits import Row, SheetError
from dialer.api.sheets.reader import SheetReader
from dialer.dispatch.dry_run import DryRun, Forecast
from dialer.model.safe import phone_id_of
from dialer.model.texts import fill_text, has_parameters

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


class _NotAPhoneError(ValueError):
    """The text says what was expected."""


class TableNumber(NamedTuple):
    """A telephone number, and where it stands; rows and columns as a spreadsheet counts them, from 1."""

    number: str
    client_id: str
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a cell; column None: with the whole row."""

    row: int
    column: int | None
    reason: str

    def __str__(self) -> str:
        place = f"row {self.row}" if self.column is None else f"row {self.row}, column {self.column}"
        return f"{place}: {self.reason}"


@dataclass(slots=True)
class PhoneTable:
    """What a table says."""

    columns: list[int]
    """Those of telephones, from 0."""
    titles: tuple[Row, ...] = ()
    """The header's rows."""
    numbers: list[TableNumber] = field(default_factory=list)
    """Each number once, where it stood first."""
    repeated: list[TableNumber] = field(default_factory=list)
    """Numbers that stand in it again."""
    problems: list[Problem] = field(default_factory=list)
    """The first 20: a table may have millions of wrong cells."""
    problem_count: int = 0

    def add_problem(self, problem: Problem) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_MESSAGES:
            self.problems.append(problem)

    def put_first(self, problems: Sequence[Problem]) -> None:
        self.problem_count += len(problems)
        self.problems = [*problems, *self.problems][:MAX_MESSAGES]

    def messages(self) -> list[str]:
        """The problems in words, and how many there are more."""
        more = self.problem_count - len(self.problems)
        return [*map(str, self.problems), *([f"and {more} more"] if more else [])]

    def wrong_cells(self) -> dict[str, Any]:
        """The problems as a reply's `invalid`."""
        first = [{"row": one.row, "column": one.column, "reason": one.reason} for one in self.problems]
        return {"count": self.problem_count, "first": first}


def numbers_of_rows(rows: Sequence[Row]) -> tuple[list[dict[str, str]], list[str]]:
    """The numbers of a table as a task takes them, and what is wrong with it, as `read_table` tells."""
    table = read_table(rows)
    return _as_numbers(table), table.messages()


def read_table(rows: Sequence[Row]) -> PhoneTable:
    """The numbers of a table, a row a client.

    Leading rows with no telephone number are the header, down to the last that names columns of telephones. Where one
    does, only those are looked at; otherwise every column that has one. A number stands in the list once, where it
    stood first.

    A row's clientId is the last ten digits of its first number, unless one of its numbers is listed already: then it
    is the id of that client. So it depends neither on the row's place nor on the file: the same client has the same id
    when a list is sent again, sorted anew or put together from two.
    """
    start = _length_of_header(rows)
    header, body = rows[:start], rows[start:]
    columns, left_out = _columns_of_phones(header, body)
    table = PhoneTable(columns, tuple(header))
    for problem in left_out:
        table.add_problem(problem)
    client_of: dict[str, str] = {}
    for place, row in enumerate(body, start=start + 1):
        before = table.problem_count
        phones = _phones_of_row(row, place, columns, table.add_problem)
        if any(row) and not phones and table.problem_count == before:
            table.add_problem(Problem(place, None, "no telephone number"))
        ids = [phone_id_of(phone) for phone, _ in phones]
        client_id = next((client_of[one] for one in ids if one in client_of), ids[0] if ids else "")
        for (phone, column), phone_id in zip(phones, ids, strict=True):
            listed = table.repeated if phone_id in client_of else table.numbers
            listed.append(TableNumber(phone, client_of.setdefault(phone_id, client_id), place, column))
    return table


def _as_numbers(table: PhoneTable) -> list[dict[str, str]]:
    return [{"number": one.number, "clientId": one.client_id} for one in table.numbers]


def numbers_with_params(table: PhoneTable, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The numbers as a task takes them, with the other cells of their rows as `params`, by the titles of the header's
    last row. Titles that no text can name are left out, and become problems of the table."""
    names, problems = _names_of_params(table, rows)
    table.put_first(problems)
    return [
        {
            "number": one.number,
            "clientId": one.client_id,
            "params": {names[place]: cell for place, cell in enumerate(rows[one.row - 1]) if cell and place in names},
        }
        for one in table.numbers
    ]


def _names_of_params(table: PhoneTable, rows: Sequence[Row]) -> tuple[dict[int, str], list[Problem]]:
    """Column, from 0, to title; and a word about each filled column without a title of use."""
    place = next((place for place in range(len(table.titles), 0, -1) if any(table.titles[place - 1])), None)
    if place is None:
        return {}, [Problem(1, None, "no header that names the columns: params stay empty")]
    titles, body = table.titles[place - 1], rows[len(table.titles) :]
    names: dict[int, str] = {}
    problems: list[Problem] = []
    for column in sorted({column for row in body for column, cell in enumerate(row) if cell} - set(table.columns)):
        title = " ".join(titles[column].split()) if column < len(titles) else ""
        if not title:
            reason = "no title"
        elif not (has_parameters(f"<{title}>") and fill_text(f"<{title}>", {title: "x"}) == "x"):
            reason = f"a title of 64 characters at most without < and > expected, got {title[:60]!r}"
        elif title.casefold() in map(str.casefold, names.values()):
            reason = f"the title {title!r} stands a second time"
        else:
            names[column] = title
            continue
        problems.append(Problem(place, column + 1, f"{reason}: the column is left out of params"))
    return names, problems


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
        if call.query.dryRun == "1":
            found = await self._dry_run.forecast([one.number for one in table.numbers], call.query.taskId)
            if found is None:
                raise not_found(call.query.taskId or 0, "taskId")
            data = await asyncio.to_thread(_forecast_json, table, found)
            return web.json_response(envelope(True, data, table.messages()))
        if not table.numbers:
            raise no_numbers(table)
        numbers: list[Any] = _as_numbers(table)
        if call.query.params == "1":
            numbers = await asyncio.to_thread(numbers_with_params, table, rows)
        return web.json_response(envelope(True, numbers, table.messages()))


def no_numbers(table: PhoneTable) -> RefusedError:
    return RefusedError("file: no telephone number in it", *table.messages(), data={"error": "NoNumbers"})


def _forecast_json(table: PhoneTable, found: Forecast) -> dict[str, Any]:
    at = {one.number: one for one in table.numbers}
    duplicate = sorted([at[one] for one in found.duplicate] + table.repeated, key=lambda one: (one.row, one.column))
    doubtful = [{**_placed(at[number]), "reason": reason} for number, reason in found.doubtful[:MAX_MESSAGES]]
    return {
        "new": _counted(found.new, at),
        "duplicate": {"count": len(duplicate), "first": [_placed(one) for one in duplicate[:MAX_MESSAGES]]},
        "invalid": table.wrong_cells(),
        "doubtful": {"count": len(found.doubtful), "first": doubtful},
        "stopped": _counted(found.stopped, at),
        "outsideWindow": _counted(found.outside_window, at),
        "clients": len({one.client_id for one in table.numbers}),
    }


def _counted(phones: Sequence[str], at: Mapping[str, TableNumber]) -> dict[str, Any]:
    return {"count": len(phones), "first": [_placed(at[one]) for one in phones[:MAX_MESSAGES]]}


def _placed(one: TableNumber) -> dict[str, Any]:
    return {"row": one.row, "column": one.column, "number": one.number}


def _length_of_header(rows: Sequence[Row]) -> int:
    first = next((place for place, row in enumerate(rows) if any(map(_has_phone, row))), len(rows))
    naming = (place for place in range(first - 1, -1, -1) if any(map(_PHONE_TITLE.search, rows[place])))
    return next(naming, first - 1) + 1


def _columns_of_phones(header: Sequence[Row], body: Sequence[Row]) -> tuple[list[int], list[Problem]]:
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
        Problem(
            filled[column],
            column + 1,
            "a telephone number, but the header does not name the column so: the column is left out",
        )
        for column in sorted(filled.keys() - titled)
    ]
    return sorted(titled), left_out


def _phones_of_row(row: Row, place: int, columns: list[int], tell: Callable[[Problem], None]) -> list[tuple[str, int]]:
    """Its numbers, each with its column from 1; `tell` hears of cells that are none."""
    phones: list[tuple[str, int]] = []
    for column in columns:
        for text in _texts(row[column]) if column < len(row) else []:
            try:
                phones.append((_phone(text), column + 1))
            except ValueError as error:
                tell(Problem(place, column + 1, str(error)))
    return phones


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
