"""When a task's numbers may be dialled: windows of the subscriber's day, weekdays, holidays and working days.

`now` is passed in, always aware. Hours are those of the zone's wall clock: a window opens at the first moment at which
that clock shows its start or later, and closes at the moment from which on it shows its end or later for good. So a
start in the hour that spring skips means the end of that hour; of an hour that autumn repeats, the first counts for a
start and the second for an end.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from dialer.model.rules import ALL_DAYS, WHOLE_DAY_MIN, DayKind, DayWindow, Rules

HORIZON_DAYS = 370
"""What does not open or close within so many days never does."""
_DAYS_BACK = 2
"""The opening of a day may run into the second day after it (22:00 to 21:00 of the next, and a clock put back)."""
_DAY = timedelta(days=1)
_WHOLE_DAY = ((0, WHOLE_DAY_MIN),)
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
        self._days = _Days(rules, calendar.under(rules))
        self._begins = _begins(rules)
        self._never_closes = self._days.are_all_whole
        self._asked_since = datetime.max.replace(tzinfo=UTC)
        self._found = _Opening(date.max, self._asked_since, self._asked_since)
        """Running or next at any moment from `_asked_since` until it closes."""

    def is_open(self, now: datetime) -> bool:
        """Whether a number may be dialled at this moment."""
        if now < self._begins:
            return False
        return self._never_closes or ((found := self._running_or_next(now)) is not None and found.opens <= now)

    def next_opening(self, now: datetime) -> datetime | None:
        """From when on a number may be dialled: `now` itself when that is open, None when never within 370 days."""
        earliest = max(now.astimezone(UTC), self._begins)
        if self._never_closes:
            return earliest
        found = self._running_or_next(earliest)
        return None if found is None else max(found.opens, earliest)

    def closes_at(self, now: datetime) -> datetime | None:
        """Until when it stays open: `now` itself when it is closed, None when it does not close within 370 days."""
        if now < self._begins:
            return now.astimezone(UTC)
        if self._never_closes:
            return None
        found = self._running_or_next(now)
        if found is None or found.opens > now:
            return now.astimezone(UTC)
        return self._end_of_run(found)

    def _end_of_run(self, first: _Opening) -> datetime | None:
        """The end of openings that follow each other without a gap: those of whole days, of windows that touch
        midnight, and where one's end and the next one's start both lie in the hour that spring skips."""
        closes = first.closes
        for later in range(HORIZON_DAYS + 1):
            openings = self._of_day(first.day + later * _DAY)
            if later > _DAYS_BACK and not any(one.opens <= closes for one in openings):
                return closes
            for one in openings:
                if one.opens <= closes:
                    closes = max(closes, one.closes)
        return None

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
            for found in self._of_day(today + distance * _DAY):
                if found.closes > now:
                    return found
        return None

    def _of_day(self, day: date) -> list[_Opening]:
        """The openings that begin on this day, in their order."""
        midnight = datetime(day.year, day.month, day.day)
        openings = []
        for start_min, end_min in self._days.windows_of(day):
            opens = _first_showing(midnight + timedelta(minutes=start_min), self._zone)
            closes = _no_more_before(midnight + timedelta(minutes=end_min), self._zone)
            if opens < closes:
                openings.append(_Opening(day, opens, closes))
        return openings


class _Days:
    """What each day is for one task: its windows, in minutes from its midnight."""

    def __init__(self, rules: Rules, calendar: Calendar) -> None:
        """`calendar`: what holds for the task."""
        self._calendar = calendar
        self._weekdays = rules.weekdays
        self._usual = ((rules.start_min, _end_min(rules)),)
        self._schedule = _by_kind(rules.schedule)

    @property
    def are_all_whole(self) -> bool:
        """Whether no day ever ends the one opening there is."""
        if self._schedule:
            kinds = (*ALL_DAYS, *(kind for kind in (DayKind.HOLIDAY, DayKind.MOVED) if kind in self._schedule))
            whole = all(self._schedule.get(DayKind(kind)) == _WHOLE_DAY for kind in kinds)
            return whole and (DayKind.HOLIDAY in self._schedule or not self._calendar.holidays)
        (start_min, end_min), whole_week = self._usual[0], self._weekdays >= ALL_DAYS
        return end_min - start_min == WHOLE_DAY_MIN and whole_week and not self._calendar.holidays

    def windows_of(self, day: date) -> Sequence[tuple[int, int]]:
        """Those that begin on this day; of a task without a schedule the one may end on the next."""
        if self._schedule:
            return self._schedule.get(self._kind_of(day), ())
        return () if day_off(day, self._weekdays, self._calendar) else self._usual

    def why_none(self, day: date) -> str:
        """Why no opening begins on this day, in words; empty when one does."""
        if not self._schedule:
            return day_off(day, self._weekdays, self._calendar)
        kind = self._kind_of(day)
        if kind in self._schedule:
            return ""
        return f"{day.isoformat()} is a holiday" if kind is DayKind.HOLIDAY else f"not on {_WEEKDAYS[day.weekday()]}"

    def shown(self, day: date) -> str:
        """The windows of such a day, in words."""
        if not self._schedule:
            start_min, end_min = self._usual[0]
            return f"the window is {_clock(start_min)} to {_clock((end_min - 1) % WHOLE_DAY_MIN + 1)}"
        windows = [f"{_clock(start_min)} to {_clock(end_min)}" for start_min, end_min in self.windows_of(day)]
        word = "windows are" if len(windows) > 1 else "window is"
        return f"the {word} {', '.join(windows)}"

    def _kind_of(self, day: date) -> DayKind:
        iso = day.isoformat()
        if iso in self._calendar.working_days and DayKind.MOVED in self._schedule:
            return DayKind.MOVED
        if iso in self._calendar.holidays:
            return DayKind.HOLIDAY
        return DayKind(day.isoweekday())


def _by_kind(schedule: Sequence[DayWindow]) -> dict[DayKind, tuple[tuple[int, int], ...]]:
    """The windows of each kind of day, those that overlap or touch as one."""
    kinds: dict[DayKind, list[tuple[int, int]]] = {}
    for window in sorted(schedule, key=lambda one: (one.day, one.start_min)):
        merged = kinds.setdefault(window.day, [])
        if merged and window.start_min <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], window.end_min))
        else:
            merged.append((window.start_min, window.end_min))
    return {kind: tuple(windows) for kind, windows in kinds.items()}


def _begins(rules: Rules) -> datetime:
    return datetime.fromtimestamp(rules.not_before_us / 1_000_000, UTC)


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
    if now < _begins(rules):
        return f"the task begins {_begins(rules).astimezone(zone):%Y-%m-%d %H:%M:%S} in {zone}"
    local = now.astimezone(zone)
    days = _Days(rules, calendar.under(rules))
    minute = local.hour * 60 + local.minute
    began_yesterday = not rules.schedule and minute < _end_min(rules) - WHOLE_DAY_MIN
    day = local.date() - _DAY if began_yesterday else local.date()
    off = days.why_none(day)
    if off and began_yesterday:
        return f"{off}, and {days.shown(day)} of the next day"
    return off or f"{days.shown(day)}, it is {local:%H:%M} in {zone}"


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
