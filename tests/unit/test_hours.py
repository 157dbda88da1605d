"""Windows, weekdays, holidays and the changes of the clock, against an oracle that knows only what a clock shows."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from datetime import date as Date
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dialer.model.hours import Calendar, Window, why_closed, zone_named
from dialer.model.rules import ALL_DAYS, WHOLE_DAY_MIN, DayKind, DayWindow, Rules

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
OMSK = ZoneInfo("Asia/Omsk")
MINUTE = timedelta(minutes=1)
EMPTY = Calendar()
WORKDAYS = frozenset({1, 2, 3, 4, 5})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: tzinfo, fold: int = 0) -> datetime:
    """UTC: times of two zones are never equal in a repeated hour (PEP 495)."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def hours(start: str, end: str, **more: object) -> Rules:
    def minutes(text: str) -> int:
        hour, minute = text.split(":")
        return int(hour) * 60 + int(minute)

    return Rules(start_min=minutes(start), end_min=minutes(end), **more)  # type: ignore[arg-type]


def scheduled(*windows: tuple[int, int, int], **more: object) -> Rules:
    return Rules(schedule=tuple(DayWindow(DayKind(day), start, end) for day, start, end in windows), **more)  # type: ignore[arg-type]


def test_a_task_that_says_nothing_is_open_at_any_time_and_never_closes() -> None:
    window = Window(Rules(), EMPTY, BERLIN)
    now = utc("2026-03-29 01:00")
    assert window.is_open(now)
    assert window.next_opening(now) == now
    assert window.closes_at(now) is None


def test_hours_are_those_of_the_subscriber() -> None:
    window = Window(hours("09:00", "18:00"), EMPTY, OMSK)
    assert window.next_opening(utc("2026-06-01 01:15")) == utc("2026-06-01 03:00")
    assert window.is_open(utc("2026-06-01 03:00"))
    assert window.closes_at(utc("2026-06-01 03:00")) == utc("2026-06-01 12:00")
    assert not window.is_open(utc("2026-06-01 12:00"))
    assert window.next_opening(utc("2026-06-01 12:00")) == utc("2026-06-02 03:00")


def test_what_is_closed_closes_now() -> None:
    now = utc("2026-06-01 01:15")
    assert Window(hours("09:00", "18:00"), EMPTY, OMSK).closes_at(now) == now


def test_a_window_across_midnight_belongs_to_the_day_it_begins_on() -> None:
    window = Window(hours("22:00", "06:00", weekdays=frozenset({5})), EMPTY, UTC)
    friday, saturday = utc("2026-01-02 00:00"), utc("2026-01-03 00:00")
    assert not window.is_open(friday + 3 * 60 * MINUTE)
    assert window.next_opening(friday) == utc("2026-01-02 22:00")
    assert window.is_open(saturday + 5 * 60 * MINUTE)
    assert window.closes_at(saturday) == utc("2026-01-03 06:00")
    assert not window.is_open(utc("2026-01-03 22:00"))
    assert window.next_opening(utc("2026-01-03 06:00")) == utc("2026-01-09 22:00")


def test_the_night_of_a_holiday_is_that_which_begins_on_it() -> None:
    window = Window(hours("22:00", "06:00"), Calendar(holidays=frozenset({"2026-01-01"})), UTC)
    assert window.is_open(utc("2026-01-01 05:59"))
    assert not window.is_open(utc("2026-01-01 23:00"))
    assert not window.is_open(utc("2026-01-02 05:59"))
    assert window.next_opening(utc("2026-01-01 06:00")) == utc("2026-01-02 22:00")


def test_whole_workdays_are_one_opening() -> None:
    window = Window(Rules(weekdays=WORKDAYS), EMPTY, BERLIN)
    assert window.closes_at(local("2026-03-24 12:00", BERLIN)) == local("2026-03-28 00:00", BERLIN)
    assert window.next_opening(local("2026-03-28 12:00", BERLIN)) == local("2026-03-30 00:00", BERLIN)


def test_a_whole_day_closes_at_the_next_holiday() -> None:
    window = Window(Rules(), Calendar(holidays=frozenset({"2026-05-01", "2020-05-01"})), UTC)
    assert window.closes_at(utc("2026-01-10 12:00")) == utc("2026-05-01 00:00")
    assert window.closes_at(utc("2026-05-02 00:00")) is None


def test_an_end_that_is_the_start_means_a_day_and_a_night() -> None:
    window = Window(hours("09:00", "09:00", weekdays=frozenset({1})), EMPTY, UTC)
    assert window.next_opening(utc("2026-06-01 00:00")) == utc("2026-06-01 09:00")
    assert window.closes_at(utc("2026-06-01 09:00")) == utc("2026-06-02 09:00")


def test_what_does_not_open_within_370_days_never_does() -> None:
    window = Window(Rules(weekdays=frozenset(), working_days=frozenset({"2027-01-03"})), EMPTY, UTC)
    assert window.next_opening(utc("2025-12-30 00:00")) == utc("2027-01-03 00:00")
    assert window.next_opening(utc("2025-12-28 00:00")) is None
    assert not window.is_open(utc("2027-01-04 00:00"))
    assert window.next_opening(utc("2027-01-04 00:00")) is None


def test_a_moved_working_day_is_worked_whatever_the_weekday() -> None:
    calendar = Calendar(holidays=frozenset({"2025-11-03"}), working_days=frozenset({"2025-11-01"}))
    window = Window(hours("09:00", "18:00", weekdays=WORKDAYS), calendar, UTC)
    assert window.is_open(utc("2025-11-01 10:00"))
    assert not window.is_open(utc("2025-11-02 10:00"))
    assert not window.is_open(utc("2025-11-03 10:00"))
    assert window.next_opening(utc("2025-11-01 18:00")) == utc("2025-11-04 09:00")


@pytest.mark.parametrize(
    ("settings_holiday", "settings_working", "task_holiday", "task_working", "opens"),
    [
        (True, False, False, False, False),
        (True, True, False, False, True),
        (True, False, False, True, True),
        (False, True, True, False, False),
        (True, True, True, True, True),
        (False, False, True, True, True),
        (False, False, True, False, False),
    ],
)
def test_the_task_weighs_more_than_the_settings_and_a_working_day_more_than_a_holiday(
    settings_holiday: bool, settings_working: bool, task_holiday: bool, task_working: bool, opens: bool
) -> None:
    def days(wanted: bool) -> frozenset[str]:
        return frozenset({"2026-06-01"} if wanted else ())

    calendar = Calendar(days(settings_holiday), days(settings_working))
    rules = Rules(holidays=days(task_holiday), working_days=days(task_working))
    assert Window(rules, calendar, UTC).is_open(utc("2026-06-01 12:00")) is opens


def test_a_task_may_leave_the_settings_calendar_aside() -> None:
    calendar = Calendar(holidays=frozenset({"2026-06-01"}))
    now = utc("2026-06-01 12:00")
    assert Window(Rules(use_calendar=False), calendar, UTC).is_open(now)
    assert not Window(Rules(use_calendar=False, holidays=calendar.holidays), EMPTY, UTC).is_open(now)


@pytest.mark.parametrize(
    ("zone", "day", "jump", "after"),
    [
        (BERLIN, "2026-03-29", "2026-03-29 01:00", "2026-03-29 03:30"),
        (NEW_YORK, "2026-03-08", "2026-03-08 07:00", "2026-03-08 03:30"),
    ],
)
def test_a_start_that_spring_skips_is_the_moment_after(zone: ZoneInfo, day: str, jump: str, after: str) -> None:
    window = Window(hours("02:30", "05:00"), EMPTY, zone)
    assert window.next_opening(local(f"{day} 01:00", zone)) == utc(jump)
    assert window.is_open(local(after, zone))
    assert window.closes_at(utc(jump)) == local(f"{day} 05:00", zone)


def test_an_end_that_spring_skips_is_the_moment_after() -> None:
    window = Window(hours("01:00", "02:30"), EMPTY, BERLIN)
    assert window.closes_at(local("2026-03-29 01:00", BERLIN)) == utc("2026-03-29 01:00")


def test_a_window_inside_the_skipped_hour_is_not_that_day() -> None:
    window = Window(hours("02:10", "02:50"), EMPTY, BERLIN)
    assert window.next_opening(local("2026-03-28 12:00", BERLIN)) == local("2026-03-30 02:10", BERLIN)


@pytest.mark.parametrize(("zone", "day"), [(BERLIN, "2026-10-25"), (NEW_YORK, "2026-11-01")])
def test_of_a_repeated_hour_the_first_is_a_start_and_the_second_an_end(zone: ZoneInfo, day: str) -> None:
    hour = 2 if zone is BERLIN else 1
    evening = local(f"{day} 00:00", zone)
    starting = Window(hours(f"0{hour}:30", "05:00"), EMPTY, zone)
    assert starting.next_opening(evening) == local(f"{day} 0{hour}:30", zone)
    ending = Window(hours("00:10", f"0{hour}:30"), EMPTY, zone)
    assert ending.closes_at(local(f"{day} 00:10", zone)) == local(f"{day} 0{hour}:30", zone, fold=1)


def test_an_end_at_which_the_repeated_hour_begins_is_its_first_occurrence() -> None:
    """The clock never shows less again."""
    window = Window(hours("01:00", "02:00"), EMPTY, BERLIN)
    assert window.closes_at(local("2026-10-25 01:00", BERLIN)) == local("2026-10-25 02:00", BERLIN)


def test_a_whole_saturday_does_not_run_into_a_sunday_whose_first_hour_repeats() -> None:
    havana = ZoneInfo("America/Havana")
    window = Window(Rules(weekdays=frozenset({6})), EMPTY, havana)
    assert window.closes_at(local("2026-10-31 12:00", havana)) == local("2026-11-01 00:00", havana)


def test_windows_that_meet_in_the_skipped_hour_are_one_opening() -> None:
    window = Window(hours("02:20", "02:10"), EMPTY, BERLIN)
    assert window.closes_at(local("2026-03-28 12:00", BERLIN)) == local("2026-03-30 02:10", BERLIN)


def test_a_day_that_a_zone_has_skipped_is_no_opening() -> None:
    apia = ZoneInfo("Pacific/Apia")
    window = Window(hours("09:00", "18:00"), EMPTY, apia)
    assert window.next_opening(local("2011-12-29 18:00", apia)) == local("2011-12-31 09:00", apia)


def test_a_clock_put_back_is_asked_anew() -> None:
    window = Window(hours("09:00", "18:00"), EMPTY, UTC)
    assert not window.is_open(utc("2026-06-01 20:00"))
    assert window.is_open(utc("2026-06-01 10:00"))
    assert not window.is_open(utc("2026-06-01 08:00"))


def test_now_may_be_told_in_any_zone() -> None:
    window = Window(hours("09:00", "18:00"), EMPTY, OMSK)
    opening = window.next_opening(datetime(2026, 6, 1, 0, 15, tzinfo=BERLIN))
    assert opening == utc("2026-06-01 03:00")
    assert opening.tzinfo is UTC


def test_offsets_are_zones() -> None:
    assert zone_named("+3.5", UTC) == timezone(timedelta(hours=3, minutes=30))
    assert zone_named("-4", UTC) == timezone(timedelta(hours=-4))
    assert zone_named("+5.75", UTC) == timezone(timedelta(hours=5, minutes=45))
    window = Window(hours("09:00", "18:00"), EMPTY, zone_named("+14", UTC))
    assert window.next_opening(utc("2026-06-01 12:00")) == utc("2026-06-01 19:00")


def test_an_empty_name_is_the_default_and_others_are_iana_names() -> None:
    assert zone_named("", BERLIN) is BERLIN
    assert zone_named("Asia/Omsk", BERLIN) == OMSK


@pytest.mark.parametrize("name", ["Mars/Olympus", "+15", "-12.5", "+", "+3:30", "3", "../etc/passwd", "Europe", "a\0b"])
def test_what_is_no_zone_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="a time zone such as") as error:
        zone_named(name, UTC)
    assert repr(name) in str(error.value)


@pytest.mark.parametrize(
    ("rules", "now", "reason"),
    [
        (hours("09:00", "18:00"), "2026-06-01 01:15", "the window is 09:00 to 18:00, it is 07:15 in Asia/Omsk"),
        (hours("09:00", "24:00"), "2026-06-01 01:15", "the window is 09:00 to 24:00, it is 07:15 in Asia/Omsk"),
        (hours("09:00", "18:00"), "2026-06-01 06:00", ""),
        (Rules(), "2026-01-01 12:00", "2026-01-01 is a holiday"),
        (Rules(use_calendar=False), "2026-01-01 12:00", ""),
        (hours("09:00", "18:00", weekdays=WORKDAYS), "2026-05-31 01:15", "not on Sundays"),
        (hours("22:00", "06:00"), "2026-06-01 01:15", "the window is 22:00 to 06:00, it is 07:15 in Asia/Omsk"),
        (
            hours("22:00", "06:00", weekdays=frozenset({1})),
            "2026-05-31 21:00",
            "not on Sundays, and the window is 22:00 to 06:00 of the next day",
        ),
    ],
)
def test_why_it_is_closed_is_told_in_words(rules: Rules, now: str, reason: str) -> None:
    assert why_closed(rules, Calendar(holidays=frozenset({"2026-01-01"})), OMSK, utc(now)) == reason


def test_an_offset_is_told_as_one() -> None:
    reason = why_closed(hours("09:00", "18:00"), EMPTY, zone_named("+3.5", UTC), utc("2026-06-01 01:15"))
    assert reason.endswith("it is 04:45 in UTC+03:30")


SPAN_D = 3
MARGIN_D = 4
CHANGES = [
    (BERLIN, utc("2026-03-28 00:00")),
    (BERLIN, utc("2026-10-24 00:00")),
    (NEW_YORK, utc("2026-03-07 00:00")),
    (NEW_YORK, utc("2026-10-31 00:00")),
    (ZoneInfo("America/Havana"), utc("2026-03-07 00:00")),
    (ZoneInfo("America/Havana"), utc("2026-10-31 00:00")),
    (ZoneInfo("Australia/Lord_Howe"), utc("2026-04-04 00:00")),
    (OMSK, utc("2026-01-01 00:00")),
]


def date_is_worked(rules: Rules, calendar: Calendar, day: str) -> bool | None:
    """What the task's dates, else the settings' say of a date; None: nothing."""
    for holidays, working in (
        (rules.holidays, rules.working_days),
        *([(calendar.holidays, calendar.working_days)] if rules.use_calendar else []),
    ):
        if day in working or day in holidays:
            return day in working
    return None


def minutes_open(rules: Rules, calendar: Calendar, date: Date) -> list[tuple[int, int]]:
    """The windows that begin on a date: from which minute after its midnight until which."""
    weekday, worked = date.isoweekday(), date_is_worked(rules, calendar, date.isoformat())
    if not rules.schedule:
        across = 0 if rules.end_min > rules.start_min else WHOLE_DAY_MIN
        on = weekday in rules.weekdays if worked is None else worked
        return [(rules.start_min, rules.end_min + across)] if on else []
    kinds = {None: [weekday], False: [8], True: [9, weekday]}[worked]
    listed = [[(one.start_min, one.end_min) for one in rules.schedule if one.day == kind] for kind in kinds]
    return next(filter(None, listed), [])


@lru_cache
def clock_shows(zone: tzinfo, since: datetime) -> dict[datetime, datetime]:
    minutes = (since + i * MINUTE for i in range(-MARGIN_D * WHOLE_DAY_MIN, (SPAN_D + MARGIN_D) * WHOLE_DAY_MIN))
    return {minute: minute.astimezone(zone).replace(tzinfo=None) for minute in minutes}


def open_minutes(rules: Rules, calendar: Calendar, zone: tzinfo, since: datetime) -> dict[datetime, bool]:
    """Minute by minute: open once the clock showed a day's start, and while it is still to show less than its end."""
    shown = list(clock_shows(zone, since).values())
    open_ = [False] * len(shown)
    for distance in range(SPAN_D + 2 * MARGIN_D):
        date = shown[0].date() + timedelta(days=distance)
        midnight = datetime.combine(date, datetime.min.time())
        for start_min, end_min in minutes_open(rules, calendar, date):
            start, end = midnight + start_min * MINUTE, midnight + end_min * MINUTE
            opens = next((i for i, one in enumerate(shown) if one >= start), len(shown))
            closes = 1 + max((i for i, one in enumerate(shown) if one < end), default=-1)
            open_[opens:closes] = [True] * max(0, closes - opens)
    return {
        minute: is_open and minute.timestamp() * 1_000_000 >= rules.not_before_us
        for minute, is_open in zip(clock_shows(zone, since), open_, strict=True)
        if since <= minute < since + timedelta(days=SPAN_D)
    }


def us(since: datetime, minute: int) -> int:
    return int((since + minute * MINUTE).timestamp()) * 1_000_000


MINUTES_OF_DAY = st.one_of(st.sampled_from([0, 30, 60, 90, 120, 150, 180, 1380, 1440]), st.integers(0, WHOLE_DAY_MIN))


@st.composite
def windows_of_days(draw: st.DrawFn) -> DayWindow:
    start_min, end_min = sorted(draw(st.lists(MINUTES_OF_DAY, min_size=2, max_size=2, unique=True)))
    return DayWindow(draw(st.sampled_from(DayKind)), start_min, end_min)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Rules, Calendar, tzinfo, datetime]:
    zone, since = draw(st.sampled_from(CHANGES))
    dates = st.frozensets(
        st.integers(-1, SPAN_D + 1).map(lambda i: (since + timedelta(days=i)).date().isoformat()), max_size=2
    )
    rules = Rules(
        start_min=draw(MINUTES_OF_DAY),
        end_min=draw(MINUTES_OF_DAY),
        weekdays=draw(st.one_of(st.just(ALL_DAYS), st.frozensets(st.integers(1, 7)))),
        use_calendar=draw(st.booleans()),
        holidays=draw(dates),
        working_days=draw(dates),
        schedule=tuple(draw(st.one_of(st.just([]), st.lists(windows_of_days(), min_size=3, max_size=12)))),
        not_before_us=draw(st.one_of(st.just(0), st.integers(0, SPAN_D * WHOLE_DAY_MIN).map(lambda i: us(since, i)))),
    )
    return rules, Calendar(draw(dates), draw(dates)), zone, since


@settings(max_examples=40)
@given(cases())
@example((hours("02:30", "02:00"), EMPTY, BERLIN, utc("2026-10-24 00:00")))
@example((Rules(start_min=WHOLE_DAY_MIN, end_min=30), EMPTY, BERLIN, utc("2026-03-28 00:00")))
@example((scheduled((7, 60, 150), (7, 160, 240)), EMPTY, BERLIN, utc("2026-10-24 00:00")))
@example((scheduled((7, 60, 130), (7, 150, 170), (7, 175, 240)), EMPTY, BERLIN, utc("2026-03-28 00:00")))
def test_it_is_open_in_exactly_the_minutes_of_the_oracle(case: tuple[Rules, Calendar, tzinfo, datetime]) -> None:
    rules, calendar, zone, since = case
    window = Window(rules, calendar, zone)
    expected = open_minutes(rules, calendar, zone, since)
    assert {minute: window.is_open(minute) for minute in expected} == expected
    for minute in [*expected][::97]:
        assert (why_closed(rules, calendar, zone, minute) == "") is expected[minute]


@settings(max_examples=40)
@given(cases(), st.integers(0, SPAN_D * WHOLE_DAY_MIN - 1))
def test_the_next_opening_is_open_and_nothing_between_is(
    case: tuple[Rules, Calendar, tzinfo, datetime], minute: int
) -> None:
    rules, calendar, zone, since = case
    now = since + minute * MINUTE
    opening = Window(rules, calendar, zone).next_opening(now)
    until = since + timedelta(days=SPAN_D) if opening is None else opening
    between = range(min(int((until - now) / MINUTE), SPAN_D * WHOLE_DAY_MIN))
    probe = Window(rules, calendar, zone)
    assert not any(probe.is_open(now + i * MINUTE) for i in between)
    if opening is not None:
        assert opening >= now
        assert probe.is_open(opening)


@settings(max_examples=40)
@given(cases(), st.integers(0, SPAN_D * WHOLE_DAY_MIN - 1))
def test_it_stays_open_until_it_closes(case: tuple[Rules, Calendar, tzinfo, datetime], minute: int) -> None:
    rules, calendar, zone, since = case
    now = since + minute * MINUTE
    window = Window(rules, calendar, zone)
    closes = window.closes_at(now)
    if closes is None:
        assert all(window.is_open(now + timedelta(hours=i)) for i in range(24 * 10))
    else:
        assert not Window(rules, calendar, zone).is_open(closes)
        span = range(min(int((closes - now) / MINUTE), SPAN_D * WHOLE_DAY_MIN))
        assert all(window.is_open(now + i * MINUTE) for i in span)


@pytest.mark.parametrize(("rules", "most_us"), [(Rules(), 20), (hours("09:00", "18:00", weekdays=WORKDAYS), 50)])
def test_asking_is_cheap(rules: Rules, most_us: float) -> None:
    window = Window(rules, EMPTY, OMSK)
    now = utc("2026-06-01 01:15")
    took_s = []
    for _ in range(200):
        began = time.perf_counter()
        window.is_open(now)
        took_s.append(time.perf_counter() - began)
        now += MINUTE
    assert sorted(took_s)[100] < most_us / 1_000_000


HOLIDAY_CALENDAR = Calendar(holidays=frozenset({"2026-06-12"}), working_days=frozenset({"2026-06-13"}))
"""A Friday that is a holiday, and the Saturday after it that is worked."""


def test_a_schedule_has_several_windows_a_day_and_closes_between_them() -> None:
    window = Window(scheduled((1, 540, 720), (1, 780, 1080)), EMPTY, OMSK)
    noon = local("2026-06-01 12:30", OMSK)
    assert not window.is_open(noon)
    assert window.next_opening(noon) == local("2026-06-01 13:00", OMSK)
    assert window.closes_at(local("2026-06-01 10:00", OMSK)) == local("2026-06-01 12:00", OMSK)
    assert window.next_opening(local("2026-06-01 18:00", OMSK)) == local("2026-06-08 09:00", OMSK)


def test_windows_that_touch_at_midnight_are_one_opening() -> None:
    window = Window(scheduled((1, 1200, 1440), (2, 0, 60), (2, 60, 90)), EMPTY, UTC)
    assert window.closes_at(utc("2026-06-01 21:00")) == utc("2026-06-02 01:30")


def test_a_schedule_of_whole_days_never_closes_but_for_holidays() -> None:
    week = tuple((day, 0, 1440) for day in range(1, 8))
    assert Window(scheduled(*week), EMPTY, UTC).closes_at(utc("2026-06-10 10:00")) is None
    assert Window(scheduled(*week), HOLIDAY_CALENDAR, UTC).closes_at(utc("2026-06-10 10:00")) == utc("2026-06-12 00:00")
    with_holidays = Window(scheduled(*week, (8, 0, 1440)), HOLIDAY_CALENDAR, UTC)
    assert with_holidays.closes_at(utc("2026-06-10 10:00")) is None


@pytest.mark.parametrize(
    ("more", "friday", "saturday"),
    [
        ((), False, False),
        (((8, 600, 660),), True, False),
        (((6, 600, 660),), False, True),
        (((9, 600, 660),), False, True),
        (((9, 0, 60), (6, 600, 660)), False, False),
    ],
    ids=["neither is listed", "holidays", "Saturdays", "moved days", "moved days at another time"],
)
def test_holidays_and_moved_days_have_windows_of_their_own(
    more: tuple[tuple[int, int, int], ...], friday: bool, saturday: bool
) -> None:
    window = Window(scheduled((5, 600, 660), *more), HOLIDAY_CALENDAR, UTC)
    assert window.is_open(utc("2026-06-12 10:30")) is friday
    assert window.is_open(utc("2026-06-13 10:30")) is saturday
    assert window.is_open(utc("2026-06-19 10:30"))


def test_a_window_of_a_schedule_in_the_hour_that_spring_skips_is_none() -> None:
    window = Window(scheduled((7, 120, 180), (7, 600, 660)), EMPTY, BERLIN)
    assert window.next_opening(local("2026-03-29 00:00", BERLIN)) == local("2026-03-29 10:00", BERLIN)
    autumn = Window(scheduled((7, 120, 180)), EMPTY, BERLIN)
    assert autumn.closes_at(local("2026-10-25 02:30", BERLIN)) == local("2026-10-25 03:00", BERLIN)


def test_nothing_is_dialled_before_the_task_begins() -> None:
    begins = utc("2026-06-01 10:00")
    for rules in (Rules(), hours("09:00", "18:00"), scheduled((1, 540, 1080))):
        window = Window(replace(rules, not_before_us=int(begins.timestamp()) * 1_000_000), EMPTY, UTC)
        before = utc("2026-06-01 09:30")
        assert not window.is_open(before)
        assert window.next_opening(before) == begins
        assert window.closes_at(before) == before
        assert window.is_open(begins)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ("2026-05-31 10:00", "the task begins 2026-06-01 12:00:00 in UTC"),
        ("2026-06-12 10:30", "2026-06-12 is a holiday"),
        ("2026-06-14 10:30", "not on Sundays"),
        ("2026-06-01 12:30", "the windows are 09:00 to 12:00, 13:00 to 18:00, it is 12:30 in UTC"),
        ("2026-06-05 12:30", "the window is 10:00 to 11:00, it is 12:30 in UTC"),
        ("2026-06-01 13:30", ""),
    ],
)
def test_why_a_schedule_is_closed_is_told(now: str, words: str) -> None:
    begins_us = int(utc("2026-06-01 12:00").timestamp()) * 1_000_000
    rules = scheduled((1, 540, 720), (1, 780, 1080), (5, 600, 660), not_before_us=begins_us)
    assert why_closed(rules, HOLIDAY_CALENDAR, UTC, utc(now)) == words


_WINDOWS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 1439), st.integers(1, 1440)).filter(lambda one: one[1] < one[2]),
    min_size=1,
    max_size=8,
)


@given(_WINDOWS, st.integers(0, 14 * WHOLE_DAY_MIN))
@settings(max_examples=60)
def test_a_schedule_is_what_its_clock_shows(windows: list[tuple[int, int, int]], minute: int) -> None:
    """Minute by minute, in a zone whose clock is never changed."""
    window = Window(scheduled(*windows), HOLIDAY_CALENDAR, OMSK)
    now = local("2026-06-06 00:00", OMSK) + minute * MINUTE

    def shows_open(moment: datetime) -> bool:
        wall = moment.astimezone(OMSK)
        iso, minute_of_day = wall.date().isoformat(), wall.hour * 60 + wall.minute
        kinds = {day for day, _, _ in windows}
        kind = wall.isoweekday()
        if iso in HOLIDAY_CALENDAR.working_days and 9 in kinds:
            kind = 9
        elif iso in HOLIDAY_CALENDAR.holidays:
            kind = 8
        return any(day == kind and start <= minute_of_day < end for day, start, end in windows)

    assert window.is_open(now) is shows_open(now)
    opens = window.next_opening(now)
    if opens is None or opens - now > timedelta(days=8):
        assert not any(shows_open(now + later * MINUTE) for later in range(0, 3 * WHOLE_DAY_MIN, 7))
        return
    assert shows_open(opens)
    assert not any(shows_open(now + later * MINUTE) for later in range((opens - now) // MINUTE))
    closes = window.closes_at(opens)
    if closes is not None and closes - opens < timedelta(days=8):
        assert not shows_open(closes)
        assert all(shows_open(opens + later * MINUTE) for later in range((closes - opens) // MINUTE))
