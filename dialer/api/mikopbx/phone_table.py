"""A table of clients as it is read: which cells are telephone numbers, whose they are, what the other columns are."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dialer.api.mikopbx.envelope import MAX_MESSAGES
from dialer.api.mikopbx.numbers import phone_of
from dialer.api.sheets.cells import whole_number
from dialer.api.sheets.limits import Row
from dialer.model.safe import phone_id_of
from dialer.model.texts import fill_text, has_parameters

MIN_DIGITS, MAX_DIGITS = 5, 15
"""Of a telephone number in a table (E.164 knows 15): tables have ages and row numbers beside them."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?", re.ASCII)
"""A date cell as `sheets` reads it; without its dashes it would be dialled."""
_PHONE_TITLE = re.compile(r"тел|phone|моб|mobile|сотов|\bcell\b|\btel\b", re.IGNORECASE)
_BETWEEN_NUMBERS = re.compile(r"[,;/\n]")
_ROUNDED = re.compile(r"[0-9][.,][0-9]+[eE]\+?[0-9]{2}", re.ASCII)


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


class Repeated(NamedTuple):
    """A number that stands in a table again."""

    number: TableNumber
    first: TableNumber
    """What it repeats, perhaps in another form."""


class LeftOut(NamedTuple):
    """A filled column that becomes no parameter."""

    row: int | None
    """Of the title that is wrong, from 1; None: there are no titles."""
    column: int
    """From 1."""
    title: str
    reason: str


@dataclass(slots=True)
class PhoneTable:
    """What a table says."""

    columns: list[int]
    """Those of telephones, from 0."""
    titles: tuple[Row, ...] = ()
    """The header's rows."""
    numbers: list[TableNumber] = field(default_factory=list)
    """Each number once, where it stood first."""
    repeated: list[Repeated] = field(default_factory=list)
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
    return as_numbers(table), table.messages()


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
    listed: dict[str, TableNumber] = {}
    for place, row in enumerate(body, start=start + 1):
        before = table.problem_count
        phones = _phones_of_row(row, place, columns, table.add_problem)
        if any(row) and not phones and table.problem_count == before:
            table.add_problem(Problem(place, None, "no telephone number"))
        ids = [phone_id_of(phone) for phone, _ in phones]
        client_id = next((listed[one].client_id for one in ids if one in listed), ids[0] if ids else "")
        for (phone, column), phone_id in zip(phones, ids, strict=True):
            if (first := listed.get(phone_id)) is not None:
                table.repeated.append(Repeated(TableNumber(phone, first.client_id, place, column), first))
                continue
            listed[phone_id] = one = TableNumber(phone, client_id, place, column)
            table.numbers.append(one)
    return table


def leave_out_twins(table: PhoneTable, twins: Mapping[str, str]) -> None:
    """Take numbers out that are, by the numbering plan, an earlier one in another form. Their rows become that one's
    client, as in `read_table`."""
    if not twins:
        return
    at = {one.number: one for one in table.numbers}
    first_rows: dict[str, int] = {}
    """Of each client the row that has given it its id."""
    for one in table.numbers:
        first_rows.setdefault(one.client_id, one.row)
    same: dict[str, str] = {}
    """Clients that are an earlier one."""
    for one in table.numbers:
        if one.number in twins:
            first = at[twins[one.number]]
            table.repeated.append(Repeated(one, first))
            if first_rows[one.client_id] == one.row != first_rows[first.client_id]:
                same.setdefault(one.client_id, same.get(first.client_id, first.client_id))
    left = (one for one in table.numbers if one.number not in twins)
    table.numbers = [one._replace(client_id=same[one.client_id]) if one.client_id in same else one for one in left]


def as_numbers(table: PhoneTable) -> list[dict[str, str]]:
    return [{"number": one.number, "clientId": one.client_id} for one in table.numbers]


def numbers_with_params(table: PhoneTable, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The numbers as a task takes them, with the other cells of their rows as `params`, by the titles of the header's
    last row. Titles that no text can name are left out, and become problems of the table."""
    names, left_out = params_of(table, rows)
    if any(table.titles):
        table.put_first([_problem(one) for one in left_out])
    else:
        table.put_first([Problem(1, None, "no header that names the columns: params stay empty")])
    return [
        {
            "number": one.number,
            "clientId": one.client_id,
            "params": {names[place]: cell for place, cell in enumerate(rows[one.row - 1]) if cell and place in names},
        }
        for one in table.numbers
    ]


def params_of(table: PhoneTable, rows: Sequence[Row]) -> tuple[dict[int, str], list[LeftOut]]:
    """The columns, from 0, that become parameters, with the titles that texts name them by; and the other filled ones,
    without those of telephones."""
    body = rows[len(table.titles) :]
    filled = sorted({column for row in body for column, cell in enumerate(row) if cell} - set(table.columns))
    place = next((place for place in range(len(table.titles), 0, -1) if any(table.titles[place - 1])), None)
    if place is None:
        return {}, [LeftOut(None, column + 1, "", "no header that names the columns") for column in filled]
    names: dict[int, str] = {}
    left_out: list[LeftOut] = []
    for column in filled:
        title = title_of(table.titles[place - 1], column)
        if not title:
            reason = "no title"
        elif not (has_parameters(f"<{title}>") and fill_text(f"<{title}>", {title: "x"}) == "x"):
            reason = f"a title of 64 characters at most without < and > expected, got {title[:60]!r}"
        elif title.casefold() in map(str.casefold, names.values()):
            reason = f"the title {title!r} stands a second time"
        else:
            names[column] = title
            continue
        left_out.append(LeftOut(place, column + 1, title, reason))
    return names, left_out


def title_of(titles: Row, column: int) -> str:
    """`column`: from 0."""
    return " ".join(titles[column].split()) if column < len(titles) else ""


def _problem(one: LeftOut) -> Problem:
    return Problem(one.row or 1, one.column, f"{one.reason}: the column is left out of params")


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
    if whole_number(cell) != cell or _ROUNDED.fullmatch(cell):  # 7,9522233446E+10 and 79522233446,0
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
        if _ROUNDED.fullmatch(text):
            raise _NotAPhoneError(f"the spreadsheet program has rounded {text[:60]}: make it a text cell") from None
        raise _NotAPhoneError(f"telephone number: {error}") from None
    digits = phone.removeprefix("+")
    if not (digits.isdecimal() and MIN_DIGITS <= len(digits) <= MAX_DIGITS):
        raise _NotAPhoneError(f"a telephone number of {MIN_DIGITS} to {MAX_DIGITS} digits expected, got {text[:60]!r}")
    return phone
