"""Separated text: any bytes, and what was written is read back."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.api.sheets.cells import text_of
from dialer.api.sheets.limits import Row
from dialer.api.sheets.reading import read_rows
from tests.fuzz.damage import bounded, damaged
from tests.fuzz.seeds import sheets_seeds
from tests.fuzz.sheets_target import check_sheets

SEPARATED = [seed for seed in sheets_seeds() if not seed.startswith((b"PK", b"\xd0\xcf", b"\t\x08", b"<"))]
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
"""Those whose bytes in Windows-1251 are never UTF-8."""
ASCII = st.characters(min_codepoint=32, max_codepoint=126)
ENCODINGS = {
    "utf-8": st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t\n\r"),
    "utf-8-sig": st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t\n\r"),
    "utf-16": st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t\n\r"),
    "cp1251": ASCII | st.sampled_from(LETTERS + "\t\n\r"),
}


def tables(letters: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    cell = st.text(letters | st.sampled_from('";,'), max_size=12) | st.sampled_from(("", "79522233446", "1,5"))
    return st.lists(st.lists(cell, max_size=5), min_size=1, max_size=8)


def written(table: list[list[str]], separator: str, line_end: str, *, quoted: bool) -> str:
    file = io.StringIO(newline="")
    csv.writer(
        file, delimiter=separator, lineterminator=line_end, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    ).writerows(table)
    return file.getvalue()


def expected(table: list[list[str]]) -> list[Row]:
    """Without what nobody sees: white space around, empty cells and rows at the end."""
    rows = [[text_of(cell) for cell in row] for row in table]
    for row in rows:
        while row and not row[-1]:
            row.pop()
    while rows and not rows[-1]:
        rows.pop()
    return [tuple(row) for row in rows]


@bounded(200)
@given(st.binary(max_size=600) | st.text(max_size=300).map(lambda text: text.encode("utf-16", errors="replace")))
def test_any_bytes(data: bytes) -> None:
    check_sheets(data)


@bounded(200)
@given(damaged(SEPARATED))
def test_damaged_text(data: bytes) -> None:
    check_sheets(data)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_was_written_is_read_back(encoding: str, line_end: str) -> None:
    """Quoted throughout the separator is found; where it is named, also when only what needs it is quoted."""

    @bounded(40)
    @given(tables(ENCODINGS[encoding]), st.sampled_from(";,\t"))
    def read_back(table: list[list[str]], separator: str) -> None:
        quoted = written(table, separator, line_end, quoted=True).encode(encoding)
        if quoted:
            assert list(read_rows(quoted)) == expected(table)
        if line_end == "\n":  # Python 3.11 does not quote the other one then
            table = [[cell.replace("\r", "") for cell in row] for row in table]
        bare = f"sep={separator}{line_end}" + written(table, separator, line_end, quoted=False)
        assert list(read_rows(bare.encode(encoding))) == expected([[], *table])

    read_back()
