"""Dates and times as a CRM writes them."""

import re
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from dialer.api.mikopbx.fields import Schema
from dialer.api.mikopbx.plain import whole

_YEAR, _MONTH, _DAY = "(19[0-9]{2}|20[0-9]{2}|21[0-9]{2})", "(0[1-9]|1[0-2])", "(0[1-9]|[12][0-9]|3[01])"
_CLOCK = "([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
_REST = "(\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?"
_LEAP_YEAR = "((19|21)(0[48]|[2468][048]|[13579][26])|20([02468][048]|[13579][26]))"
_DAYS = (
    (_DAY, "(0[13578]|1[02])", _YEAR),
    ("(0[1-9]|[12][0-9]|30)", "(0[469]|11)", _YEAR),
    ("(0[1-9]|1[0-9]|2[0-8])", "02", _YEAR),
    ("29", "02", _LEAP_YEAR),
)
"""Day, month and year of every date that there is."""
_DOTTED = "|".join(f"{day}\\.{month}\\.{year}" for day, month, year in _DAYS)
_DASHED = "|".join(f"{year}-{month}-{day}" for day, month, year in _DAYS)
DATE_PATTERN = f"^({_DASHED}|{_DOTTED})$"
TIME_PATTERN = f"^({_DOTTED}) {_CLOCK}$"
ISO_PATTERN = f"^({_DASHED})[T ]{_CLOCK}{_REST}$"
ZONE = "zone"
"""In the context of a validation: the zone of the times in it."""
LATEST_S = 9_999_999_999
"""Unix seconds, in the year 2286."""
_DATE = re.compile(f"{_YEAR}-{_MONTH}-{_DAY}|{_DAY}\\.{_MONTH}\\.{_YEAR}", re.ASCII)
_MOMENT = re.compile(f"{_DAY}\\.{_MONTH}\\.{_YEAR} {_CLOCK}", re.ASCII)
_ISO = re.compile(f"{_YEAR}-{_MONTH}-{_DAY}[T ]{_CLOCK}{_REST}", re.ASCII)
"""These take the 31st of every month, so that the message can say that there is none."""
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
TIME_IN_WORDS = "DD.MM.YYYY HH:MM:SS in the PBX's zone, 2026-11-25T10:00:00+03:00, or Unix seconds"
TIME_SCHEMAS: tuple[Schema, ...] = (
    {"type": "string", "pattern": TIME_PATTERN, "description": TIME_IN_WORDS},
    {"type": "string", "pattern": ISO_PATTERN, "description": "ISO 8601; without an offset in the PBX's zone"},
    {"type": "integer", "minimum": 0, "maximum": LATEST_S},
    {"type": "string", "pattern": "^[0-9]{0,10}$", "description": "Unix seconds as a text"},
    {"enum": [None, False]},
)
"""0, "" and false: not said."""


def iso_date(text: str) -> str:
    """2026-12-31 for itself and for 31.12.2026. Raises ValueError."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"a date such as 2026-12-31 or 31.12.2026 expected, got {text[:60]!r}")
    year, month, day, other_day, other_month, other_year = found.groups()
    return _day(year or other_year, month or other_month, day or other_day, text).isoformat()


def moment_us(value: Any, zone: tzinfo) -> int:
    """Microseconds since 1970; 0: not said. Raises ValueError."""
    value = whole(value)
    if value is None or value is False or value == "":
        return 0
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LATEST_S:
        return value * 1_000_000
    wall = _wall_of(value, zone) if isinstance(value, str) else None
    if wall is None:
        raise ValueError(f"{TIME_IN_WORDS} expected, got {str(value)[:60]!r}")
    return max(0, int(wall.astimezone(UTC).timestamp())) * 1_000_000


def _wall_of(text: str, zone: tzinfo) -> datetime | None:
    """What a clock shows, without fractions of a second; None: the text is no time. Raises ValueError."""
    if found := _MOMENT.fullmatch(text):
        day, month, year, *clock = found.groups()
    elif found := _ISO.fullmatch(text):
        year, month, day, *clock = found.groups()[:6]
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{found[8] or ''}").tzinfo or zone
    else:
        return None
    hour, minute, second = map(int, clock)
    return datetime.combine(_day(year, month, day, text[: len("31.12.2026")]), time(hour, minute, second), zone)


def _day(year: str, month: str, day: str, written: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise ValueError(f"there is no {written}") from None
