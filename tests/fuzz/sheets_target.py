"""Uploaded lists: any bytes at all, and the parts of a workbook one by one, to the readers."""

import io
import re
import warnings
import zipfile

from dialer.api.mikopbx.phone_table import MAX_DIGITS, MIN_DIGITS, numbers_of_rows
from dialer.api.sheets.limits import Limits, Row, SheetError
from dialer.api.sheets.reading import read_rows
from dialer.model.safe import phone_id_of, safe_number
from tests.rig.workbooks import SHEET, xlsx

SMALL = Limits(rows=500, columns=30, cell_characters=500, cells=3000, characters=20_000, inflated_bytes=1 << 20)
MAX_WORDS = 700
PARTS = {
    b"<worksheet": SHEET,
    b"<sst": "xl/sharedStrings.xml",
    b"<styleSheet": "xl/styles.xml",
    b"<workbook": "xl/workbook.xml",
    b"<Relationships": "xl/_rels/workbook.xml.rels",
    b"<Types": "[Content_Types].xml",
}
_NO_TEXT = re.compile("[\0-\x08\x0e-\x1f\ud800-\udfff]")
_CLIENT = re.compile(r"[0-9]{5,10}")


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


BASE = parts_of(xlsx(["Имя", "79522233446", 1.5], ["Анна", 79522233447, True]))
"""A sound workbook's parts, to put a damaged one among them."""


def check_sheets(data: bytes) -> None:
    """Rows within the limits, or SheetError in a few words; and what is made of the rows are numbers that may be
    dialled. A part of a workbook is read within one too."""
    check_content(data)
    for beginning, part in PARTS.items():
        if data.startswith(beginning):
            check_content(packed(BASE | {part: data}))


def check_content(content: bytes, limits: Limits = SMALL) -> list[Row]:
    """The rows, as far as they could be read."""
    rows: list[Row] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so does the worker
        try:
            rows.extend(read_rows(content, limits))
        except SheetError as error:
            assert 0 < len(str(error)) <= MAX_WORDS, error
            assert "\n" not in str(error), error
        else:
            assert not rows or rows[-1]
    _check_rows(rows, limits)
    _check_numbers(rows)
    return rows


def _check_rows(rows: list[Row], limits: Limits) -> None:
    assert len(rows) <= limits.rows
    assert sum(map(len, rows)) <= limits.cells
    assert sum(len(text) for row in rows for text in row) <= limits.characters
    for row in rows:
        assert isinstance(row, tuple)
        assert len(row) <= limits.columns
        assert not row or row[-1] != ""
        for text in row:
            assert type(text) is str
            assert len(text) <= limits.cell_characters
            assert text == text.strip()
            assert not _NO_TEXT.search(text), text


def _check_numbers(rows: list[Row]) -> None:
    numbers, problems = numbers_of_rows(rows)
    ids = [phone_id_of(number["number"]) for number in numbers]
    assert len(set(ids)) == len(ids)
    for number in numbers:
        assert safe_number(number["number"]) == number["number"]
        assert MIN_DIGITS <= len(number["number"].removeprefix("+")) <= MAX_DIGITS
        assert _CLIENT.fullmatch(number["clientId"]), number
    assert all(isinstance(problem, str) for problem in problems)
