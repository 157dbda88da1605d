"""Workbooks for tests: XLSX by openpyxl, with parts put in by hand; XLS byte by byte, as no kept library writes it.

Sources: [MS-XLS] 2.4 (records), [MS-CFB] 2.2 to 2.6 (the OLE2 container).
"""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

import openpyxl

_SECTOR_BYTES = 512
_END_OF_CHAIN, _FAT_SECTOR, _FREE = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_LEAST_STREAM_BYTES = 4096
"""Shorter streams lie elsewhere in the container."""
DATE_FORMAT = 14
SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


class AsDate(float):
    """A number in a cell that is formatted as a date."""


class AsError(int):
    """An error's code."""


def xlsx(*rows: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    return saved(book)


def saved(book: "openpyxl.Workbook") -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_parts(content: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The archive with these parts replaced or added."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            if name not in parts:
                after.writestr(name, before.read(name))
        for name, part in parts.items():
            after.writestr(name, part)
    return file.getvalue()


def with_sheet(data: str) -> bytes:
    """An XLSX whose <sheetData> is written by hand."""
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>'
    return with_parts(xlsx(["x"]), {SHEET: sheet.encode()})


def xls(*sheets: Sequence[Sequence[object]], hidden: Sequence[int] = ()) -> bytes:
    """BIFF8 in an OLE2 container: one list of rows a sheet."""
    strings: list[str] = []
    streams = [_sheet(rows, strings) for rows in sheets]
    for _ in range(2):  # the second time with the lengths of the first
        places, place = [], len(_globals([0] * len(sheets), hidden, strings))
        for stream in streams:
            places.append(place)
            place += len(stream)
        book = _globals(places, hidden, strings) + b"".join(streams)
    return ole2("Workbook", book)


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _globals(places: Sequence[int], hidden: Sequence[int], strings: Sequence[str]) -> bytes:
    book = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6))
    book += _record(0x0042, struct.pack("<H", 1200)) + _record(0x0022, struct.pack("<H", 0))
    for number_format in (0, DATE_FORMAT):
        book += _record(0x00E0, struct.pack("<HHHBBBBIIH", 0, number_format, 1, 0x20, 0, 0, 0, 0, 0, 0))
    for number, place in enumerate(places):
        name = f"Sheet{number + 1}".encode("utf-16-le")
        book += _record(0x0085, struct.pack("<IBBBB", place, int(number in hidden), 0, len(name) // 2, 1) + name)
    table = b"".join(struct.pack("<HB", len(text), 1) + text.encode("utf-16-le") for text in strings)
    return book + _record(0x00FC, struct.pack("<II", len(strings), len(strings)) + table) + _record(0x000A)


def _sheet(rows: Sequence[Sequence[object]], strings: list[str]) -> bytes:
    stream = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0, 6))
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            place = struct.pack("<HHH", row, column, int(isinstance(value, AsDate)))
            match value:
                case None:
                    continue
                case AsError():
                    stream += _record(0x0205, place + bytes([value, 1]))
                case bool():
                    stream += _record(0x0205, place + bytes([value, 0]))
                case int() | float():
                    stream += _record(0x0203, place + struct.pack("<d", value))
                case _:
                    strings.append(str(value))
                    stream += _record(0x00FD, place + struct.pack("<I", len(strings) - 1))
    return stream + _record(0x000A)


def ole2(name: str, stream: bytes) -> bytes:
    """A container with one stream: header, one sector of the table, one of the directory, the stream."""
    stream = stream.ljust(_LEAST_STREAM_BYTES, b"\0")
    stream += b"\0" * (-len(stream) % _SECTOR_BYTES)
    last = 1 + len(stream) // _SECTOR_BYTES
    assert last < _SECTOR_BYTES // 4, "a table of one sector holds 63 KB"
    table = [_FAT_SECTOR, _END_OF_CHAIN, *range(3, last + 1), _END_OF_CHAIN]
    table += [_FREE] * (_SECTOR_BYTES // 4 - len(table))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    header += struct.pack("<HHHHHHIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0, 1, 1, 0, _LEAST_STREAM_BYTES,
                          _END_OF_CHAIN, 0, _END_OF_CHAIN, 0)  # fmt: skip
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    directory = _entry("Root Entry", 5, 1, _END_OF_CHAIN, 0) + _entry(name, 2, _FREE, 2, len(stream))
    directory += (b"\0" * 68 + struct.pack("<III", _FREE, _FREE, _FREE)).ljust(128, b"\0") * 2
    return header + struct.pack("<128I", *table) + directory + stream


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    entry = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text) + 2, kind, 1, _FREE, _FREE, child)
    return entry + b"\0" * 36 + struct.pack("<IQ", start, size)
