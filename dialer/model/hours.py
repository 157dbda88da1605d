"""When a task's numbers may be dialled: windows of the subscriber's day, weekdays, holidays and working days.

`now` is passed in, always aware. Hours are those of the zone's wall clock: a window opens at the first moment at which
that clock shows its start or later, and closes at the moment from which on it shows its end or later for good. So a
start in the hour that spring skips means the end of that hour; of an hour that autumn repeats, the first counts for a
start and the second for an end.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from dialer.model.rules import ALL_DAYS, WHOLE_DAY_MIN, Rules

HORIZON_DAYS = 370
"""What does not open or close within so many days never does."""
_DAYS_BACK = 2
"""The opening of a day may run into the second day after it (22:00 to 21:00 of the next, and a clock put back)."""
_DAY = timedelta(days=1)
_OFFSET_H = re.compile(r"[+-][0-9]{1,2}(\.[0-9]{1,4})?", re.ASCII)
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Dates (2026-12-31) that are not what their weekday says. A date in both sets is a working day."""

    holidays: frozenset[str] = frozenset()
    working_days: frozenset[str] = frozenset()

    def overlaid(self, holidays: frozenset[str], working_days: frozenset[str]) -> "Calendar":
        """This calendar below the dates of somebody whose word weighs more."""
        working = working_days | (self.working_days - holidays)
        return Calendar((self.holidays | holidays) - working, working)

    def under(self, rules: Rules) -> "Calendar":
        """What holds for a task: its own dates, above those of the settings where it uses them."""
        return (self if rules.use_calendar else Calendar()).overlaid(rules.holidays, rules.working_days)


@dataclass(frozen=True, slots=True)
class _Opening:
    day: date
    """Whose opening it is; it may begin and end on later ones."""
    opens: datetime
    closes: datetime


class Window:
    """When numbers of one zone may be dialled by one task's rules. Times it gives are UTC."""

    def __init__(self, rules: Rules, calendar: Calendar, zone: tzinfo) -> None:
        """`calendar`: of the settings."""
        self._zone = zone
        self._weekdays = rules.weekdays
        self._calendar = calendar.under(rules)
        self._start = timedelta(minutes=rules.start_min)
        self._end = timedelta(minutes=_end_min(rules))
        self._whole_days = self._end - self._start == _DAY
        self._never_closes = self._whole_days and rules.weekdays >= ALL_DAYS and not self._calendar.holidays
        self._asked_since = datetime.max.replace(tzinfo=UTC)
        self._found = _Opening(date.max, self._asked_since, self._asked_since)
        """Running or next at any moment from `_asked_since` until it closes."""

    def is_open(self, now: datetime) -> bool:
        """Whether a number may be dialled at this moment."""
        return self._never_closes or ((found := self._running_or_next(now)) is not None and found.opens <= now)

    def next_opening(self, now: datetime) -> datetime | None:
        """From when on a number may be dialled: `now` itself when that is open, None when never within 370 days."""
        if self._never_closes:
            return now.astimezone(UTC)
        found = self._running_or_next(now)
        return None if found is None else max(found.opens, now.astimezone(UTC))

    def closes_at(self, now: datetime) -> datetime | None:
        """Until when it stays open: `now` itself when it is closed, None when it does not close within 370 days."""
        if self._never_closes:
            return None
        found = self._running_or_next(now)
        if found is None or found.opens > now:
            return now.astimezone(UTC)
        last_day = found.day
        if self._whole_days:
            off = next((later for later in range(1, HORIZON_DAYS + 1) if self._off(found.day + later * _DAY)), None)
            if off is None:
                return None
            last_day += (off - 1) * _DAY
        closes = (self._of_day(last_day) or found).closes
        following = self._of_day(last_day + _DAY)
        # the end of one day's and the start of the next one's may both lie in the hour that spring skips
        return closes if following is None or following.opens > closes else following.closes

    def _off(self, day: date) -> str:
        return day_off(day, self._weekdays, self._calendar)

    def _running_or_next(self, now: datetime) -> _Opening | None:
        if not self._asked_since <= now < self._found.closes:
            found = self._search(now)
            if found is None:
                return None
            self._asked_since, self._found = now.astimezone(UTC), found
        return self._found

    def _search(self, now: datetime) -> _Opening | None:
        today = now.astimezone(self._zone).date()
        for distance in range(-_DAYS_BACK, HORIZON_DAYS + 1):
            found = self._of_day(today + distance * _DAY)
            if found is not None and found.closes > now:
                return found
        return None

    def _of_day(self, day: date) -> _Opening | None:
        """The opening that begins on this day."""
        if self._off(day):
            return None
        midnight = datetime(day.year, day.month, day.day)
        opens = _first_showing(midnight + self._start, self._zone)
        closes = _no_more_before(midnight + self._end, self._zone)
        return _Opening(day, opens, closes) if opens < closes else None


def day_off(day: date, weekdays: frozenset[int], calendar: Calendar) -> str:
    """Why no opening begins on this day, in words; empty when one does."""
    iso = day.isoformat()
    if iso in calendar.working_days:
        return ""
    if iso in calendar.holidays:
        return f"{iso} is a holiday"
    return "" if day.isoweekday() in weekdays else f"not on {_WEEKDAYS[day.weekday()]}"


def why_closed(rules: Rules, calendar: Calendar, zone: tzinfo, now: datetime) -> str:
    """What keeps a number from being dialled now, in words; empty when nothing does. `calendar`: of the settings."""
    if Window(rules, calendar, zone).is_open(now):
        return ""
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    began_yesterday = minute < _end_min(rules) - WHOLE_DAY_MIN
    day = local.date() - _DAY if began_yesterday else local.date()
    window = f"the window is {_clock(rules.start_min)} to {_clock(rules.end_min)}"
    off = day_off(day, rules.weekdays, calendar.under(rules))
    if off and began_yesterday:
        return f"{off}, and {window} of the next day"
    return off or f"{window}, it is {local:%H:%M} in {zone}"


@lru_cache(maxsize=1024)
def zone_named(name: str, default: tzinfo) -> tzinfo:
    """The zone of an IANA name or of hours east of Greenwich ("+3.5", "-4"); of "" the default. Raises ValueError."""
    if not name:
        return default
    if _OFFSET_H.fullmatch(name) and -12 <= float(name) <= 14:
        return timezone(timedelta(minutes=round(float(name) * 60)))
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"a time zone such as Europe/Moscow or +3.5 (hours, -12 to +14) expected, got {name[:60]!r}"
        ) from None


def _end_min(rules: Rules) -> int:
    """The window's end in minutes of the day it begins on: more than a day's where it runs across midnight."""
    return rules.end_min if rules.end_min > rules.start_min else rules.end_min + WHOLE_DAY_MIN


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _both(wall: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """`wall` by the offset before and by that after a change of the clock; the same moment twice when there is none."""
    return (
        wall.replace(tzinfo=zone, fold=0).astimezone(UTC),
        wall.replace(tzinfo=zone, fold=1).astimezone(UTC),
    )


def _first_showing(wall: datetime, zone: tzinfo) -> datetime:
    """The first moment at which the zone's clock shows `wall` or later."""
    before, after = _both(wall, zone)
    if before <= after:
        return before
    skipped_s = int((before - after).total_seconds())
    jump_s = bisect_left(range(skipped_s), True, key=lambda s: _shown(after + timedelta(seconds=s), zone) >= wall)
    return after + timedelta(seconds=jump_s)


def _no_more_before(wall: datetime, zone: tzinfo) -> datetime:
    """The moment from which on the zone's clock shows `wall` or later for good."""
    before, after = _both(wall, zone)
    if before > after:
        return _first_showing(wall, zone)
    repeats = before < after and _shown(after - timedelta(seconds=1), zone) < wall
    return after if repeats else before
