"""CSV: rows of text, separated by whatever the program that wrote them separates by, in the encoding it likes."""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator

from dialer.api.sheets.limits import SheetError

SEPARATORS = {";": 2, "\t": 2, ",": 1}
"""What separates columns, the likeliest first, and what a row that has it counts: prose has commas too."""
_SAMPLE_CHARACTERS = 65_536
_QUOTED = re.compile(r'(?:(?<=[;,\t\r\n])|\A) *+"(?:[^"]++|"")*+"(?= *+(?:[;,\t\r\n]|\Z))')
"""A quoted cell, its line breaks included. What stands in it separates nothing. Possessive, so never quadratic."""
_BINARY = re.compile("[\0-\x08\x0e-\x1f]")
_HINT = re.compile(r"sep=([;,\t])", re.IGNORECASE)
"""Excel's own first line, which names the separator."""
_LAST = "\x01"
"""A row of ours after the last: when it is not read as a row, a quote before it is open. No text has it (_BINARY)."""
_DAMAGED_UTF8_SHARE = 8
"""Windows-1251 looks like UTF-8 in one letter of hundreds. So many right ones to a wrong one: UTF-8, and damaged."""


def rows_of_text(content: bytes) -> Iterator[list[str]]:
    """The cells of every row, blank rows as []. Raises SheetError."""
    text = decode(content)
    hint = _HINT.fullmatch(text.partition("\n")[0].rstrip("\r"))
    separator = hint[1] if hint else find_separator(text)
    lines = io.StringIO(text, newline="")
    number = 0
    last: list[str] = []
    closed = False
    try:
        for row in csv.reader(itertools.chain(lines, [_LAST]), delimiter=separator, skipinitialspace=True):
            if row == [_LAST]:
                closed = True
                break
            number += 1
            last = row
            yield [] if number == 1 and hint else row
    except csv.Error as error:
        raise SheetError(f"row {number + 1}: {error}; is a quote left open there?") from None
    if not closed:
        raise SheetError(f"row {number}, column {len(last)}: a quote is opened and never closed")


def decode(content: bytes) -> str:
    """UTF-16 with its mark, UTF-8 with or without, or else Windows-1251. Raises SheetError for what is no text."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            text = content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise SheetError(f"byte {error.start + 1}: not UTF-16, as the mark at the file's beginning says") from None
    else:
        text = _decode_bytes(content)
    text = text.removesuffix("\x1a")  # the end of a file, to DOS
    if binary := _BINARY.search(text):
        line = text.count("\n", 0, binary.start()) + 1
        raise SheetError(f"line {line}: neither XLSX, XLS nor text: a character U+{ord(binary[0]):04X}")
    return text


def _decode_bytes(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        loose = content.decode(errors="replace")
        wrong = loose.count("\ufffd")
        right = len(loose) - len(loose.encode("ascii", "ignore")) - wrong
        place = f"line {content.count(10, 0, error.start) + 1}, byte {error.start + 1}"
        if content.startswith(codecs.BOM_UTF8) or right > wrong * _DAMAGED_UTF8_SHARE:
            raise SheetError(f"{place}: damaged UTF-8") from None
        try:
            return content.decode("cp1251")
        except UnicodeDecodeError:
            raise SheetError(f"{place}: neither UTF-8 nor Windows-1251") from None


def find_separator(text: str) -> str:
    """What separates the most rows of the beginning, outside of quotes; `;` where nothing does."""
    sample = text[:_SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    lines = _QUOTED.sub("", sample).splitlines()
    return max(SEPARATORS, key=lambda one: SEPARATORS[one] * sum(one in line for line in lines))
