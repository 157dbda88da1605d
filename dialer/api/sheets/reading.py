"""A file's bytes as rows of text, whatever kind of table it is. Pure, and as slow as the file wants: see `reader`."""

from collections.abc import Iterable, Iterator, Sequence

from dialer.api.sheets.cells import text_of
from dialer.api.sheets.limits import LIMITS, Limits, Row, SheetError
from dialer.api.sheets.separated import rows_of_text

FARTHEST_ROW = 1 << 20
"""The last row of any spreadsheet program; a file may name others."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BIFF = tuple(bytes([9, version, length, 0]) for version in (0, 2, 4, 8) for length in (4, 6, 8, 16))
"""How XLS files begin that are older than OLE2."""
_OTHERS = {
    b"%pdf-": "a PDF file",
    b"{\\rtf": "an RTF document",
    b"<!doctype": "an HTML page",
    b"<html": "an HTML page",
    b"<table": "an HTML page",
    b"<?xml": "an XML file",
}
"""What is saved under the name of a table, and how it begins, in small letters."""


def read_rows(content: bytes, limits: Limits = LIMITS) -> Iterator[Row]:
    """The rows of the file, known by what it holds and not by its name. Raises SheetError and nothing else."""
    count = 0
    try:
        for row in _bounded(_values(content, limits), limits):
            count += 1
            yield row
    except SheetError:
        raise
    except MemoryError:
        raise SheetError(
            f"after row {count}: reading it takes more than {limits.memory_bytes} bytes of memory"
        ) from None
    except Exception as error:  # openpyxl and xlrd raise whatever a damaged file makes of them
        first = _first_cause(error)
        reason = f"{type(first).__name__}: {first}".split("\n", maxsplit=1)[0]
        raise SheetError(f"after row {count}: damaged, or no table ({reason[:200]})") from error


def _first_cause(error: BaseException) -> BaseException:
    """openpyxl says `could not read workbook from None`, whatever it was."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _values(content: bytes, limits: Limits) -> Iterator[Sequence[object]]:
    if not content:
        raise SheetError("the file is empty")
    if content.startswith((*_BIFF, _OLE2)):
        from dialer.api.sheets.workbooks import rows_of_xls  # noqa: PLC0415 - a quarter of a second that CSV spares

        return rows_of_xls(content)
    if content.startswith(_ZIP):
        from dialer.api.sheets.workbooks import rows_of_xlsx  # noqa: PLC0415

        return rows_of_xlsx(content, limits)
    beginning = content[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for signature, what in _OTHERS.items():
        if beginning.startswith(signature):
            raise SheetError(f"{what}: XLSX, XLS or CSV expected")
    return rows_of_text(content)


def _bounded(rows: Iterable[Sequence[object]], limits: Limits) -> Iterator[Row]:
    """The rows as texts, within the limits; blank ones at the end are left out."""
    blank = cells = characters = 0
    for number, values in enumerate(rows, start=1):
        if number > FARTHEST_ROW:
            raise SheetError(f"row {number}: {limits.rows} rows at the most expected")
        row = _texts(values, number, limits)
        if not row:
            blank += 1
            continue
        if number > limits.rows:
            raise SheetError(f"row {number}: {limits.rows} rows at the most expected")
        cells += len(row)
        characters += sum(map(len, row))
        if cells > limits.cells:
            raise SheetError(f"row {number}: {limits.cells} cells at the most expected")
        if characters > limits.characters:
            raise SheetError(f"row {number}: {limits.characters} characters of text in all at the most expected")
        for _ in range(blank):
            yield ()
        blank = 0
        yield row


def _texts(values: Sequence[object], number: int, limits: Limits) -> Row:
    texts = [text_of(value) for value in values]
    while texts and not texts[-1]:
        texts.pop()
    if len(texts) > limits.columns:
        raise SheetError(f"row {number}: {limits.columns} columns at the most expected, got {len(texts)}")
    for column, text in enumerate(texts, start=1):
        if len(text) > limits.cell_characters:
            raise SheetError(
                f"row {number}, column {column}: "
                f"{limits.cell_characters} characters at the most expected, got {len(text)}"
            )
    return tuple(texts)
