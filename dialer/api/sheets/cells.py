"""What a cell holds, as the text that people see in it."""

import datetime
import math
import re
from decimal import Decimal

_NO_TEXT = re.compile("[\0-\x08\x0e-\x1f\ud800-\udfff]")
"""Neither a database nor UTF-8 takes all of these; tab and line breaks stay."""
_DECIMAL_POINT = re.compile(r"([0-9]+)[.,]0+", re.ASCII)
_SCIENTIFIC = re.compile(r"([0-9])[.,]([0-9]{1,30})[eE]\+?([0-9]{1,2})", re.ASCII)


def text_of(value: object) -> str:
    """The value as text: whole numbers without point or exponent, dates as in ISO 8601, nothing as ""."""
    match value:
        case str():
            return _clean(value)
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float():
            return _text_of_float(value)
        case datetime.datetime():
            if value.time() == datetime.time():
                return value.date().isoformat()
            return value.isoformat(timespec="seconds")
        case datetime.date():
            return value.isoformat()
        case datetime.time():
            return value.isoformat(timespec="seconds")
        case datetime.timedelta():
            return _text_of_duration(value)
        case _:
            return _clean(str(value))


def whole_number(text: str) -> str:
    """`79522233446.0` and `7.9522233446E+10`, as programs write numbers into CSV, digit by digit; else the text itself.

    `7.95222E+10` is another text: the program has rounded it, and nobody knows the number.
    """
    if pointed := _DECIMAL_POINT.fullmatch(text):
        return pointed[1]
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific is None:
        return text
    first, decimals, exponent = scientific[1], scientific[2], int(scientific[3])
    if len(decimals) < exponent or decimals[exponent:].strip("0"):
        return text
    return first + decimals[:exponent]


def _clean(text: str) -> str:
    if _NO_TEXT.search(text):
        text = _NO_TEXT.sub("\ufffd", text)
    return text.strip()


def _text_of_float(value: float) -> str:
    """Spreadsheet programs keep 15 digits; what follows is the noise of binary fractions."""
    if not math.isfinite(value):
        return "#NUM!"
    if value.is_integer():
        return str(int(value))
    return format(Decimal(f"{value:.15g}"), "f")


def _text_of_duration(value: datetime.timedelta) -> str:
    seconds = round(abs(value.total_seconds()))
    sign = "-" if value < datetime.timedelta() else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
