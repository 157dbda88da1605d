"""Writing XLSX, row by row: what is written does not stay in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

MOST_ROWS = 1_048_576
"""Of a sheet, its headings among them."""
MOST_CHARS = 32_767
Cell = str | int | float | datetime | None


class WorkbookWriter:
    """A workbook with the same headings on each sheet; a further sheet begins where one is full. Texts are texts:
    whatever they begin with, none of them is a formula."""

    def __init__(self, headings: Sequence[str], *, most_rows: int = MOST_ROWS) -> None:
        self._headings = headings
        self._most_rows = most_rows
        self._book = Workbook(write_only=True)
        self._sheet: Any = None
        self._rows = 0

    def write(self, row: Iterable[Cell]) -> None:
        if self._sheet is None or self._rows == self._most_rows:
            self._begin_sheet()
        self._sheet.append([self._cell(value) for value in row])
        self._rows += 1

    def save(self, target: Path) -> None:
        if self._sheet is None:
            self._begin_sheet()
        self._book.save(target)

    def _begin_sheet(self) -> None:
        self._sheet = self._book.create_sheet(str(len(self._book.worksheets) + 1))
        self._sheet.freeze_panes = "A2"
        headings = [self._text(heading) for heading in self._headings]
        for cell in headings:
            cell.font = Font(bold=True)
        self._sheet.append(headings)
        self._rows = 1

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
