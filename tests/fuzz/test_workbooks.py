"""XLSX and XLS: damaged files, hostile parts, and what was written is read back."""

import datetime
import struct
import zipfile
from io import BytesIO

import openpyxl
from hypothesis import assume, given
from hypothesis import strategies as st

from dialer.api.sheets.cells import text_of
from dialer.api.sheets.reading import read_rows
from tests.fuzz.damage import NASTY, bounded, damaged
from tests.fuzz.memory import at_most
from tests.fuzz.seeds import sheets_seeds, workbooks
from tests.fuzz.sheets_target import BASE, PARTS, SMALL, check_content, check_sheets, packed
from tests.fuzz.test_csv import expected
from tests.rig.workbooks import MAIN, SHEET, saved, xls, xlsx

MOST_MEMORY_BYTES = 16 << 20
STREAMS = [seed for seed in sheets_seeds() if seed.startswith(b"\t\x08")]
XML = [seed for seed in sheets_seeds() if seed.startswith(tuple(PARTS))]
REFERENCES = ("A1", "B1", "A2", "XFD1", "ZZZ1", "A1048576", "A999999999", "A0", "1", "", "A-1", "А1", "A1:B2", "$A$1")
VALUES = (
    "79522233446",
    "7.9522233446E10",
    "1e999",
    "-1",
    "NaN",
    "45986.5",
    "x",
    "",
    "9" * 400,
    "&amp;",
    "&b;",
    "0",
    "1",
)
TYPES = ("n", "s", "str", "b", "e", "d", "inlineStr", "", "q")
DOCTYPES = (
    '<!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
)
TAILS = (
    "",
    '<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>',
    "<mergeCells/>",
    "<x",
    "</sheetData>",
)
cell = st.builds(
    '<c r="{}" t="{}" s="{}"><f>{}</f><v>{}</v></c>'.format,
    st.sampled_from(REFERENCES), st.sampled_from(TYPES), st.sampled_from(("0", "1", "99", "-1", "x")),
    st.sampled_from(("", "A1", "SUM(", "&b;")), st.sampled_from(VALUES),
)  # fmt: skip
row = st.builds(
    '<row r="{}">{}</row>'.format,
    st.sampled_from(("1", "2", "9", "499", "501", "0", "-1", "x", "1e3")), st.lists(cell, max_size=4).map("".join),
)  # fmt: skip
sheet = st.builds(
    f'{{}}<worksheet xmlns="{MAIN}"><dimension ref="{{}}"/><sheetData>{{}}</sheetData>{{}}</worksheet>'.format,
    st.sampled_from(("", "", "", *DOCTYPES)), st.sampled_from(("A1", "A1:XFD1048576", "x", "")),
    st.lists(row, max_size=4).map("".join), st.sampled_from(TAILS),
)  # fmt: skip
record = st.builds(
    lambda kind, content: struct.pack("<HH", kind, len(content)) + content,
    st.sampled_from((0x0A, 0x06, 0x22, 0x3C, 0x42, 0x55, 0x85, 0x8C, 0xBD, 0xBE, 0xE0, 0xE5, 0xFC, 0xFD, 0x201, 0x203,
                     0x204, 0x205, 0x207, 0x208, 0x27E, 0x41E, 0x809, 0x2F, 0x1234)),
    st.binary(max_size=40) | st.sampled_from(NASTY),
)  # fmt: skip
moments = st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)
plain = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=["Cc"]), max_size=20)
values = st.one_of(
    plain.filter(lambda text: not text.startswith("=")),
    st.integers(-(10**14), 10**14),
    st.floats(-(10**6), 10**6).map(lambda number: round(number, 3)),
    st.booleans(),
    st.none(),
)


@bounded(200)
@given(damaged(workbooks()))
def test_damaged_files(data: bytes) -> None:
    check_sheets(data)


@bounded(100)
@given(damaged(XML))
def test_damaged_parts_of_xlsx(data: bytes) -> None:
    check_sheets(data)


@bounded(120)
@given(sheet, st.sampled_from((SHEET, SHEET, SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml")))
def test_sheets_that_lie(data: str, part: str) -> None:
    rows = check_content(packed(BASE | {part: data.encode()}))
    assert not any("haha" in text or "root:" in text for row in rows for text in row)


@bounded(200)
@given(damaged(STREAMS) | st.lists(record, max_size=8).map(lambda records: STREAMS[0][:20] + b"".join(records)))
def test_damaged_records_of_xls(data: bytes) -> None:
    check_sheets(data)


@bounded(30)
@given(
    st.sampled_from((SHEET, "xl/sharedStrings.xml", "xl/media/image1.png", "x" * 300)),
    st.integers(0, 8 << 20),
    st.integers(1, 40),
    st.integers(0, 2000),
)
def test_bombs_cost_no_memory(part: str, size_bytes: int, parts: int, told_bytes: int) -> None:
    """Whatever they say of their size."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in BASE.items():
            if name != part:
                archive.writestr(name, content)
        for number in range(parts):
            archive.writestr(f"{part}{number or ''}", b"\0" * (size_bytes // parts))
    bomb = file.getvalue()
    true = struct.pack("<I", size_bytes // parts)
    with at_most(MOST_MEMORY_BYTES):
        for content in (bomb, bomb.replace(true, struct.pack("<I", told_bytes))):
            check_content(content)


@bounded(80)
@given(st.lists(st.lists(values | moments, max_size=5), min_size=1, max_size=6))
def test_what_was_written_into_xlsx_is_read_back(table: list[list[object]]) -> None:
    assert list(read_rows(xlsx(*table))) == expected_texts(table)


@bounded(60)
@given(st.lists(st.lists(values, max_size=5), min_size=1, max_size=6))
def test_what_was_written_into_xls_is_read_back(table: list[list[object]]) -> None:
    assert list(read_rows(xls(table))) == expected_texts(table)


@bounded(40)
@given(
    st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=4),
    st.tuples(*[st.integers(1, 4)] * 4),
)
def test_of_merged_cells_the_first_counts(table: list[list[object]], area: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = *sorted(area[:2]), *sorted(area[2:])
    assume((top, left) != (bottom, right))
    book = openpyxl.Workbook()
    for texts in table:
        book.active.append(texts)
    book.active.merge_cells(start_row=top, end_row=bottom, start_column=left, end_column=right)
    kept = [
        [
            value
            if (number, column) == (top, left) or not (top <= number <= bottom and left <= column <= right)
            else None
            for column, value in enumerate(texts, start=1)
        ]
        for number, texts in enumerate(table, start=1)
    ]
    assert check_content(saved(book), SMALL) == expected_texts(kept)


def expected_texts(table: list[list[object]]) -> list[tuple[str, ...]]:
    return expected([[text_of(value) for value in texts] for texts in table])
