"""Writing XLSX, row by row: what is written does not stay in memory."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

MOST_ROWS = 1_048_576
"""Of a sheet, its headings among them."""
MOST_CHARS = 32_767
LOOKED_AT = 200
"""Rows by which a sheet's columns are made wide: widths stand before the rows."""
NARROWEST, WIDEST = 9, 44
"""Of a column, in characters."""
_BESIDE = 2
"""What a heading needs beside its text, for the filter's arrow, and a value for its edges."""
_DATE_WIDTH = len("2026-01-31 12:00:00")
Cell = str | int | float | datetime | None


class WorkbookWriter:
    """A workbook with the same headings on each sheet; a further sheet begins where one is full. Texts are texts:
    whatever they begin with, none of them is a formula. Headings are bold, stay on the screen and filter their columns,
    which are as wide as their first rows need."""

    def __init__(self, headings: Sequence[str], *, most_rows: int = MOST_ROWS) -> None:
        self._headings = headings
        self._most_rows = most_rows
        self._book = Workbook(write_only=True)
        self._sheet: Any = None
        self._rows = 0
        self._first: list[Sequence[Cell]] = []
        """Rows that are looked at before the sheet begins."""

    def write(self, row: Sequence[Cell]) -> None:
        if self._rows == self._most_rows:
            self._end_sheet()
        if self._sheet is None:
            self._first.append(row)
            if len(self._first) >= min(LOOKED_AT, self._most_rows - 1):
                self._begin_sheet()
            return
        self._append(row)

    def save(self, target: Path) -> None:
        if self._first or not self._book.worksheets:
            self._begin_sheet()
        if self._sheet is not None:
            self._end_sheet()
        self._book.save(target)

    def _begin_sheet(self) -> None:
        self._sheet = self._book.create_sheet(str(len(self._book.worksheets) + 1))
        self._sheet.freeze_panes = "A2"
        for column, heading in enumerate(self._headings):
            width = max([_width(heading), *(_width(row[column]) for row in self._first)])
            self._sheet.column_dimensions[get_column_letter(column + 1)].width = min(max(width, NARROWEST), WIDEST)
        headings = [self._text(heading) for heading in self._headings]
        for cell in headings:
            cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="top")
        self._sheet.append(headings)
        self._rows = 1
        for row in self._first:
            self._append(row)
        self._first = []

    def _append(self, row: Sequence[Cell]) -> None:
        self._sheet.append([self._cell(value) for value in row])
        self._rows += 1

    def _end_sheet(self) -> None:
        if self._headings:
            self._sheet.auto_filter.ref = f"A1:{get_column_letter(len(self._headings))}{self._rows}"
        self._sheet.close()
        self._sheet, self._rows = None, 0

    def _cell(self, value: Cell) -> Any:
        if not isinstance(value, str):
            return value
        # only these beginnings are taken for more than a text by openpyxl
        return self._text(value) if value[:1] in ("=", "#") else _plain(value)

    def _text(self, value: str) -> Any:
        cell = WriteOnlyCell(self._sheet, value="")
        cell.value = _plain(value)
        cell.data_type = "s"
        return cell


def _plain(text: str) -> str:
    return str(ILLEGAL_CHARACTERS_RE.sub("", text))[:MOST_CHARS]


def _width(value: Cell) -> int:
    if isinstance(value, datetime):
        return _DATE_WIDTH + _BESIDE
    return _BESIDE + max(map(len, str(value).splitlines()), default=0) if value is not None else 0
