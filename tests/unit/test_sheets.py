"""Uploaded lists, kind by kind: what is read out of them, and what hostile ones come to."""

import asyncio
import datetime
import os
import time
import zipfile
import zlib
from pathlib import Path

import openpyxl
import pytest

from dialer.api.sheets import worker
from dialer.api.sheets.cells import text_of, whole_number
from dialer.api.sheets.limits import LIMITS, Limits, Row, SheetError
from dialer.api.sheets.reader import SheetReader
from dialer.api.sheets.reading import read_rows
from dialer.api.sheets.separated import find_separator
from tests.rig.waiting import wait_until
from tests.rig.workbooks import MAIN, SHEET, AsDate, AsError, ole2, saved, with_parts, with_sheet, xls, xlsx

PHONE = "79522233446"
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>"""


def rows(content: bytes, limits: Limits = LIMITS) -> list[Row]:
    return list(read_rows(content, limits))


def refusal_of(content: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(SheetError) as refused:
        rows(content, limits)
    return str(refused.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (79522233446, PHONE),
        (79522233446.0, PHONE),
        (7.9522233446e10, PHONE),
        (1250.5, "1250.5"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (float("inf"), "#NUM!"),
        (True, "TRUE"),
        (False, "FALSE"),
        (None, ""),
        (" \xa0Анна\n", "Анна"),
        ("a\0b\ud800", "a\ufffdb\ufffd"),
        (datetime.datetime(2026, 11, 25), "2026-11-25"),
        (datetime.datetime(2026, 11, 25, 14, 30), "2026-11-25T14:30:00"),
        (datetime.date(2026, 11, 25), "2026-11-25"),
        (datetime.time(14, 30), "14:30:00"),
        (datetime.timedelta(hours=-26, minutes=-5), "-26:05:00"),
    ],
)
def test_a_cell_is_the_text_that_people_see(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("text", ["79522233446.0", "79522233446,00", "7.9522233446E+10", "7,9522233446e10", PHONE])
def test_a_number_that_a_program_wrote_into_csv_is_whole_again(text: str) -> None:
    assert whole_number(text) == PHONE


@pytest.mark.parametrize("text", ["7.95222E+10", "7,95E+10", "7.95222334461E+10", "1.5", "E+10", "Анна", ""])
def test_a_rounded_number_is_not_guessed(text: str) -> None:
    assert whole_number(text) == text


def test_xlsx_cells_of_every_type() -> None:
    book = openpyxl.Workbook()
    book.active.append(["Имя", 79522233446, 79522233446.0, True, datetime.datetime(2026, 11, 25, 9, 5), None, 0.5])
    book.active.append(["a\nb", PHONE])
    assert rows(saved(book)) == [("Имя", PHONE, PHONE, "TRUE", "2026-11-25T09:05:00", "", "0.5"), ("a\nb", PHONE)]


def test_xlsx_with_numbers_as_other_programs_write_them() -> None:
    """Java writes exponents, some write .0; rows and cells may be left out, and the size told may be wrong."""
    data = (
        '<row r="2"><c r="B2"><v>7.9522233446E10</v></c><c r="D2"><v>79522233446.0</v></c></row>'
        '<row r="4"><c r="A4" t="b"><v>1</v></c><c r="B4" t="str"><f>A1</f><v>sum</v></c></row><row r="9"/>'
    )
    expected = [(), ("", PHONE, "", PHONE), (), ("TRUE", "sum")]
    assert rows(with_sheet(data)) == expected
    lying = f'<worksheet xmlns="{MAIN}"><dimension ref="A1:XFD1048576"/><sheetData>{data}</sheetData></worksheet>'
    assert rows(with_parts(xlsx(["x"]), {SHEET: lying.encode()})) == expected


def test_the_first_sheet_that_is_shown_is_read() -> None:
    book = openpyxl.Workbook()
    book.active.append(["hidden"])
    book.active.sheet_state = "hidden"
    book.create_sheet().append(["shown"])
    book.active = 1
    assert rows(saved(book)) == [("shown",)]
    assert rows(xls([["hidden"]], [["shown"]], hidden=[0])) == [("shown",)]


def test_xls_cells_of_every_type() -> None:
    cells = ["Имя", 79522233446.0, True, AsError(7), AsDate(45986.5), AsDate(79522233446), None, AsDate(0.5), 1.5]
    assert rows(xls([cells])) == [
        ("Имя", PHONE, "TRUE", "#DIV/0!", "2025-11-25T12:00:00", PHONE, "", "12:00:00", "1.5")
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_csv_in_every_encoding_and_with_every_separator(encoding: str, line_end: str, separator: str) -> None:
    lines = ["Имя{0}Телефон", f"Ёлкин Пётр{{0}}{PHONE}", "", f'"a{{0}} ""b""{line_end}c"{{0}}{PHONE}', "{0}{0}{0}"]
    content = line_end.join(lines).format(separator).encode(encoding)
    assert rows(content) == [
        ("Имя", "Телефон"),
        ("Ёлкин Пётр", PHONE),
        (),
        (f'a{separator} "b"{line_end}c', PHONE),
    ]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        (f"{PHONE}\n{PHONE}\n", ";"),
        (f"{PHONE};1250,50\n{PHONE};17,00\n", ";"),
        (f"{PHONE};ул. Мира, 5, кв. 1\n{PHONE};ул. Мира, 7, кв. 2\n", ";"),
        (f"{PHONE}\tа; б\n{PHONE}\tв\n", "\t"),
        (f'{PHONE},"a;b"\n{PHONE},"c;d"\n', ","),
        (f'"a;b;c\nd;e",{PHONE}\n', ","),
        (f"Имя,Телефон\nАнна,{PHONE}\n", ","),
        ('"', ";"),
        ("", ";"),
    ],
)
def test_what_separates_columns_is_not_what_stands_in_texts(text: str, separator: str) -> None:
    assert find_separator(text) == separator


def test_quotes_by_the_thousand_cost_no_time() -> None:
    begun_s = time.monotonic()
    for text in ('"' * 65_536, ';"a' * 20_000, ';""' * 20_000, ' "' * 30_000, '" ' * 30_000, ";" + " " * 65_000):
        find_separator(text)
    assert time.monotonic() - begun_s < 2


def test_the_separator_that_excel_names_is_taken() -> None:
    assert rows(f"sep=,\r\n{PHONE},a;b\r\n{PHONE},c;d".encode()) == [(), (PHONE, "a;b"), (PHONE, "c;d")]


def test_a_row_may_have_quotes_amid_a_cell() -> None:
    assert rows(f'ООО "Ромашка";{PHONE}\n5" труба;{PHONE}\n'.encode()) == [
        ('ООО "Ромашка"', PHONE),
        ('5" труба', PHONE),
    ]


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_last_row_with_a_quoted_cell_is_whole(end: str) -> None:
    assert rows(f'{PHONE};"a"{end}'.encode()) == [(PHONE, "a")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (f'{PHONE};a\n{PHONE};"b\n{PHONE};c\n'.encode(), "row 2, column 2: a quote is opened and never closed"),
        (f'{PHONE};"'.encode() + b"x" * 200_000, "row 1: .*quote"),
        ("Анна Борисовна Васильева".encode() + b"\n\xff", "line 2, byte 48: damaged UTF-8"),
        (b"\xef\xbb\xbfa\xff", "damaged UTF-8"),
        (b"a\n\x98", "line 2, byte 3: neither UTF-8 nor Windows-1251"),
        (b"\xff\xfea", "byte 3: not UTF-16"),
        (b"a\nb\0c", "line 2: neither XLSX, XLS nor text: a character U\\+0000"),
        (b"%PDF-1.7", "a PDF file"),
        (b"  <HTML><table>", "an HTML page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "an XML file"),
        (b"PK\x03\x04nonsense", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 2000, "damaged"),
        (ole2("EncryptedPackage", b""), "protected by a password"),
        (ole2("WordDocument", b""), "Can't find workbook"),
        (with_parts(xlsx(["x"]), {"xl/workbook.bin": b""}), "XLSB"),
        (with_parts(xlsx(["x"]), {"content.xml": b""}), "OpenDocument"),
        (with_sheet('<row r="1"><c r="A1" t="s"><v>7</v></c></row>'), "damaged"),
        (with_sheet('<row r="1"><c'), "damaged"),
        (with_sheet('<row r="999999999"><c r="A999999999"><v>1</v></c></row>'), "row 1048577: 1000000 rows"),
        (with_sheet('<row r="1"><c r="ZZZ1"><v>1</v></c></row>'), "row 1: 256 columns at the most expected, got 18278"),
    ],
)
def test_what_is_no_list_is_told_with_its_place(content: bytes, reason: str) -> None:
    with pytest.raises(SheetError, match=reason):
        rows(content)


@pytest.mark.parametrize("part", ["xl/workbook.xml", SHEET, "xl/styles.xml", "[Content_Types].xml"])
@pytest.mark.parametrize("entities", [LAUGHS, OUTSIDE])
def test_entities_are_refused_in_every_part(part: str, entities: bytes) -> None:
    text = f'<sheetData xmlns="{MAIN}"><row><c t="str"><v>&b;</v></c></row></sheetData>'.encode()
    told = refusal_of(with_parts(xlsx(["x"]), {part: entities + text}))
    assert "EntitiesForbidden" in told


def test_a_bomb_is_refused_by_what_it_declares() -> None:
    bomb = with_parts(xlsx(["x"]), {"xl/media/image1.png": b"\0" * 3_000_000})
    assert len(bomb) < 20_000
    assert refusal_of(bomb, Limits(inflated_bytes=2_000_000)) == "it inflates to more than 2000000 bytes"
    assert rows(bomb) == [("x",)]


def test_a_bomb_that_declares_little_is_refused_by_what_comes() -> None:
    big = b"\0" * 3_000_000
    bomb = with_parts(xlsx(["x"]), {"xl/media/image1.png": big})
    true, lie = (size.to_bytes(4, "little") for size in (len(big), 100))
    lying = bomb.replace(zlib.crc32(big).to_bytes(4, "little"), zlib.crc32(big[:99]).to_bytes(4, "little"))
    assert lying.count(true) == 2
    assert "Bad CRC-32" in refusal_of(lying.replace(true, lie), Limits(inflated_bytes=2_000_000))


def test_a_compression_that_inflates_without_a_bound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(SHEET, b"\0" * 1000)
    assert "compressed in a way that XLSX does not know" in refusal_of(path.read_bytes())


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(rows=2), "row 3: 2 rows at the most expected"),
        (Limits(columns=1), "row 1: 1 columns at the most expected, got 2"),
        (Limits(cell_characters=5), "row 2, column 2: 5 characters at the most expected, got 6"),
        (Limits(cells=5), "row 3: 5 cells at the most expected"),
        (Limits(characters=9), "row 3: 9 characters of text in all at the most expected"),
    ],
)
def test_every_limit_says_where_it_was_passed(limits: Limits, reason: str) -> None:
    table = [["a", "b"], ["a", "bbbbbb"], ["", "b"], [], ["", ""]]
    for content in (xlsx(*table), xls(table), "\n".join(map(";".join, table)).encode()):
        assert refusal_of(content, limits) == reason
    assert rows("\n".join(map(";".join, table)).encode(), Limits(rows=3)) == [("a", "b"), ("a", "bbbbbb"), ("", "b")]


async def test_the_reader_gives_what_the_pure_function_gives() -> None:
    reader = SheetReader()
    many = "\n".join(f"{79520000000 + number};Анна {number}" for number in range(20_000)).encode()
    for content in (xlsx(["Имя", PHONE], [None, 1.5]), xls([["Имя", 79522233446]]), b"a;b\n\nc", many):
        assert await reader.read(content, "list") == rows(content)
    with pytest.raises(SheetError, match=r"^список\.xlsx: the file is empty$"):
        await reader.read(b"", "список.xlsx")


async def test_a_list_that_takes_too_long_is_given_up_and_its_process_gone() -> None:
    reader = SheetReader(Limits(time_s=0.2))
    endless = with_sheet('<row r="1"><c r="ZZZ1"/></row>' + "<row/>" * 400_000)
    with pytest.raises(SheetError, match=r"not read within 0\.2 s"):
        await reader.read(endless, "list")
    await wait_until(lambda: not children(), "no process is left")


async def test_a_reading_that_is_cancelled_leaves_no_process() -> None:
    endless = with_sheet("<row/>" * 400_000)
    reading = asyncio.create_task(SheetReader().read(endless, "list"))
    await wait_until(children, "a process reads")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await wait_until(lambda: not children(), "no process is left")


async def test_a_list_that_takes_too_much_memory_is_refused_and_not_the_daemon() -> None:
    texts = "".join(f'<row><c t="str"><v>{number:09d}</v></c></row>' for number in range(1000))
    reader = SheetReader(Limits(memory_bytes=40_000_000 + os.sysconf("SC_PAGESIZE")))
    with pytest.raises(SheetError, match=r"list: after row \d+: reading it (takes more than|ended the process)"):
        await reader.read(with_sheet(texts) + b"\0" * 60_000_000, "list")


async def test_who_waits_too_long_for_another_list_is_told() -> None:
    reader = SheetReader(Limits(time_s=1.0))
    endless = with_sheet("<row/>" * 400_000)
    first, second = await asyncio.gather(*(reader.read(endless, name) for name in ("a", "b")), return_exceptions=True)
    assert {str(first), str(second)} <= {
        "a: not read within 1 s",
        "b: not read within 1 s",
        "b: other lists are being read, try again later",
    }


async def test_the_worker_has_neither_the_daemons_secrets_nor_files_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIALER_AMI__SECRET", "hush")
    reading = asyncio.create_task(SheetReader().read(with_sheet("<row/>" * 400_000), "list"))
    await wait_until(lambda: "Max file size             0 " in limits_of_child(), "the worker has bound itself")
    assert b"hush" not in environment_of_child()
    assert b"DIALER" not in environment_of_child()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


def children() -> list[int]:
    """Processes of ours that read lists."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    found = [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
    return [pid for pid in found if worker.__name__.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]


def limits_of_child() -> str:
    return Path(f"/proc/{children()[0]}/limits").read_text() if children() else ""


def environment_of_child() -> bytes:
    return Path(f"/proc/{children()[0]}/environ").read_bytes()
