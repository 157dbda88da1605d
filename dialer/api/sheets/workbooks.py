"""XLSX and XLS: the values in the first sheet that is shown. Their libraries raise anything on damaged files."""

import io
import zipfile
from collections.abc import Iterator, Sequence

import openpyxl
import xlrd

from dialer.api.sheets.limits import Limits, SheetError

MAX_PARTS = 10_000
_CHUNK_BYTES = 1 << 20
_PROTECTED = "EncryptedPackage".encode("utf-16-le")
"""Excel puts an XLSX with a password into the container of an XLS."""
_OTHER_TABLES = {
    "xl/workbook.bin": "a binary workbook (XLSB)",
    "content.xml": "an OpenDocument file",
    "Index/Document.iwa": "a Numbers file",
    "word/document.xml": "a Word document",
}
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those that OOXML knows; others inflate without a bound."""


def rows_of_xlsx(content: bytes, limits: Limits) -> Iterator[Sequence[object]]:
    """The values of every row; formulas as what the program last computed."""
    if not openpyxl.DEFUSEDXML or openpyxl.LXML:
        raise RuntimeError("openpyxl reads XML without defusedxml")
    _check_archive(content, limits)
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    sheet = next((one for one in book.worksheets if one.sheet_state == "visible"), None)
    if sheet is None:
        raise SheetError("no sheet in it that is shown")
    sheet.reset_dimensions()  # what a file says of its size is not what it holds
    yield from sheet.iter_rows(values_only=True)


def _check_archive(content: bytes, limits: Limits) -> None:
    """Refuse what inflates to too much, by what it declares and by what comes, before a parser sees any of it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS:
            raise SheetError(f"{MAX_PARTS} parts in it at the most expected, got {len(parts)}")
        for name, what in _OTHER_TABLES.items():
            if name in archive.NameToInfo:
                raise SheetError(f"{what}: XLSX, XLS or CSV expected")
        too_large = SheetError(f"it inflates to more than {limits.inflated_bytes} bytes")
        if sum(part.file_size for part in parts) > limits.inflated_bytes:
            raise too_large
        inflated = 0
        for part in parts:
            if part.flag_bits & 1:
                raise SheetError("protected by a password")
            if part.compress_type not in _COMPRESSIONS:
                raise SheetError(f"{part.filename[:60]!r} in it is compressed in a way that XLSX does not know")
            with archive.open(part) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    inflated += len(chunk)
                    if inflated > limits.inflated_bytes:
                        raise too_large


def rows_of_xls(content: bytes) -> Iterator[Sequence[object]]:
    """The values of every row."""
    if _PROTECTED in content:
        raise SheetError("protected by a password")
    with xlrd.open_workbook(file_contents=content, logfile=io.StringIO(), on_demand=True, ragged_rows=True) as book:
        shown = (number for number in range(book.nsheets) if book.sheet_by_index(number).visibility == 0)
        number = next(shown, None)
        if number is None:
            raise SheetError("no sheet in it that is shown")
        sheet = book.sheet_by_index(number)
        for row in range(sheet.nrows):
            yield [_value(cell, book.datemode) for cell in sheet.row(row)]


def _value(cell: "xlrd.sheet.Cell", datemode: int) -> object:
    match cell.ctype:
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code.get(cell.value, "#VALUE!")
        case xlrd.XL_CELL_DATE:
            try:
                moment = xlrd.xldate.xldate_as_datetime(cell.value, datemode)
            except (OverflowError, ValueError):
                return cell.value  # a telephone number in a cell that is formatted as a date
            return moment.time() if 0 <= cell.value < 1 else moment
    return cell.value
