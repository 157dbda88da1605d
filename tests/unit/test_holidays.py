"""Public holidays and moved working days; what the settings and the task say of them."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dialer.config import ConfigError, load_settings
from dialer.dispatch.public_holidays import CalendarBook, calendar_of
from dialer.model.hours import Calendar, Window
from dialer.model.rules import Rules

NOTHING = frozenset[str]()


def test_a_country_has_its_holidays_and_no_others() -> None:
    calendar = calendar_of("RU", [2026])
    assert {"2026-01-01", "2026-01-09", "2026-06-12", "2026-12-31"} <= calendar.holidays
    assert {day[:4] for day in calendar.holidays} == {"2026"}
    assert "2026-06-15" not in calendar.holidays


def test_a_moved_working_day_of_the_country_is_known() -> None:
    calendar = calendar_of("RU", [2025])
    assert calendar.working_days == {"2025-11-01"}
    window = Window(Rules(weekdays=frozenset({1, 2, 3, 4, 5})), calendar, UTC)
    assert window.is_open(datetime(2025, 11, 1, 12, tzinfo=UTC))
    assert not window.is_open(datetime(2025, 11, 3, 12, tzinfo=UTC))


def test_moved_working_days_are_those_of_the_years_asked_for() -> None:
    assert {day[:4] for day in calendar_of("CN", [2026]).working_days} == {"2026"}


@pytest.mark.parametrize("country", ["XX", "", "ru", "Atlantis"])
def test_an_unknown_country_is_named(country: str) -> None:
    with pytest.raises(ValueError, match=f"got '{country}'"):
        calendar_of(country, [2026])


def test_the_book_covers_last_year_this_year_and_the_next_and_is_kept() -> None:
    book = CalendarBook("DE", NOTHING, NOTHING)
    calendar = book.calendar(2026)
    assert {day[:4] for day in calendar.holidays} == {"2025", "2026", "2027"}
    assert book.calendar(2026) is calendar


def test_the_settings_own_dates_weigh_more_than_the_countrys() -> None:
    book = CalendarBook("RU", frozenset({"2025-11-01", "2025-07-01"}), frozenset({"2025-05-01"}))
    calendar = book.calendar(2025)
    assert {"2025-11-01", "2025-07-01"} <= calendar.holidays
    assert calendar.working_days == {"2025-05-01"} | calendar_of("RU", [2024, 2026]).working_days
    assert "2025-05-01" not in calendar.holidays


def test_without_a_country_only_the_settings_dates_hold() -> None:
    assert CalendarBook("", frozenset({"2026-07-01"}), NOTHING).calendar(2026) == Calendar(frozenset({"2026-07-01"}))


def settings_file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "dialer.toml"
    file.write_text(f'[ami]\nsecret = "x"\n{text}')
    return file


def test_the_settings_take_dates_as_texts_and_as_toml_has_them(tmp_path: Path) -> None:
    text = '[calendar]\ncountry = "RU"\nholidays = ["2026-12-31", 2026-12-30]\nworking_days = [2026-01-09]'
    calendar = load_settings(settings_file(tmp_path, text)).calendar
    assert calendar.country == "RU"
    assert calendar.holidays == {"2026-12-31", "2026-12-30"}
    assert calendar.working_days == {"2026-01-09"}


def test_settings_that_say_nothing_have_no_calendar_and_russian_numbers(tmp_path: Path) -> None:
    settings = load_settings(settings_file(tmp_path, ""))
    assert (settings.calendar.country, settings.calendar.holidays, settings.dialing.region) == ("", NOTHING, "RU")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            '[calendar]\nholidays = ["31.12.2026"]',
            "calendar.holidays.0: a date such as 2026-12-31 expected, got '31.12.2026'",
        ),
        ('[calendar]\nholidays = ["2026-02-30"]', "got '2026-02-30'"),
        ("[calendar]\nworking_days = [20261231.5]", "calendar.working_days.0: a date"),
        ('[calendar]\ncountry = "XX"', "calendar.country: a country such as RU"),
        ('[dialing]\nregion = "UK"', "dialing.region: two letters of a country such as RU expected, got 'UK'"),
        ('[dialing]\nregion = "ru"', "dialing.region: "),
    ],
)
def test_a_wrong_calendar_or_region_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(settings_file(tmp_path, text))
    assert complaint in str(error.value)


def test_settings_that_name_neither_country_nor_region_load_neither_library() -> None:
    code = (
        "import sys, dialer.config; dialer.config.default_settings();"
        "sys.exit(bool({'holidays', 'phonenumbers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
