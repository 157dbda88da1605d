"""Moscow's clock, which this API's times are of, and money in kopecks."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

MOSCOW = ZoneInfo("Europe/Moscow")
SECOND_US = 1_000_000
_U_PER_KOPECK = 10_000


def now_us() -> int:
    return time.time_ns() // 1000


def shown(moment_us: int) -> str:
    """01.01.2012 10:00:00, as notifications have it."""
    return f"{datetime.fromtimestamp(moment_us / SECOND_US, UTC).astimezone(MOSCOW):%d.%m.%Y %H:%M:%S}"


def unix_s(moment_us: int | None) -> int | None:
    return None if not moment_us else moment_us // SECOND_US


def as_us(moment: datetime) -> int:
    return round(moment.timestamp()) * SECOND_US


def kopecks(cost_u: int | None) -> int:
    """Whole ones, half of one rounded up; what has no price costs nothing."""
    return ((cost_u or 0) + _U_PER_KOPECK // 2) // _U_PER_KOPECK
