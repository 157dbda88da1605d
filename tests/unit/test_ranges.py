"""Numbers within bounds, dates and times of the API, each held against a plain reading."""

import calendar
import itertools
import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dialer.api.mikopbx.ranges import Decimals, Whole, _digits
from dialer.api.mikopbx.times import DATE_PATTERN, ISO_PATTERN, TIME_PATTERN, iso_date, moment_us

MOSCOW = ZoneInfo("Europe/Moscow")


@given(st.integers(1, 5000), st.integers(0, 6000), st.sampled_from([0, 1]))
def test_the_expression_of_a_range_fits_just_its_numbers(most: int, number: int, least: int) -> None:
    assert bool(re.fullmatch(_digits(least, most), str(number))) is (least <= number <= most)


@pytest.mark.parametrize(("least", "most"), [(0, 9), (1, 100), (0, 1440), (1, 1000)])
@given(value=st.one_of(st.integers(-5, 2000), st.integers(-5, 2000).map(str), st.text(max_size=5), st.booleans()))
def test_a_whole_number_is_taken_as_number_and_as_text(least: int, most: int, value: object) -> None:
    adapter = _adapter(Whole(least, most))
    wanted = int(value) if isinstance(value, str) and re.fullmatch("0{0,9}[0-9]{1,9}", value, re.ASCII) else value
    if value == "":
        assert adapter.validate_python(value) is None
    elif isinstance(wanted, int) and not isinstance(wanted, bool) and least <= wanted <= most:
        assert adapter.validate_python(value) == wanted
    else:
        with pytest.raises(ValidationError, match=f"a whole number of {least} to {most} expected"):
            adapter.validate_python(value)


@pytest.mark.parametrize("value", [1, 10, 1.5, "1", "9.999", "010.0", "2.50"])
def test_decimals_are_taken(value: object) -> None:
    assert _adapter(Decimals(1, 10)).validate_python(value) == float(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, 0.99, 10.01, "0.5", "10.1", "1,5", "1.", ".5", True, [], "1\n", float("nan")])
def test_what_lies_outside_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="a number of 1 to 10 expected"):
        _adapter(Decimals(1, 10)).validate_python(value)


@pytest.mark.parametrize("value", [0.1, "0.1", "0.10", "00.123456789", 1, "99.9", 100, "100.0"])
def test_a_share_begins_at_a_tenth_of_a_percent(value: object) -> None:
    assert _adapter(Decimals(0.1, 100)).validate_python(value) == float(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, 0.0999, "0", "0.0", "0.09", "0.0999", "100.1", 101])
def test_no_share_at_all_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match=r"a number of 0\.1 to 100 expected"):
        _adapter(Decimals(0.1, 100)).validate_python(value)


def _adapter(bounds: Whole | Decimals) -> TypeAdapter[object]:
    return TypeAdapter(Annotated[float | None, bounds])


@given(st.from_regex(DATE_PATTERN, fullmatch=True, alphabet="0123456789-."))
def test_every_date_of_the_pattern_is_a_day(text: str) -> None:
    assert iso_date(text) in {text, "-".join(reversed(text.split(".")))}


def test_the_patterns_have_just_the_days_of_the_calendar() -> None:
    for year, month, day in itertools.product(range(1895, 2205), range(14), (0, 1, 28, 29, 30, 31, 32)):
        there_is = 1900 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
        dashed, dotted = f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}"
        for pattern, text in (
            (DATE_PATTERN, dashed),
            (DATE_PATTERN, dotted),
            (TIME_PATTERN, f"{dotted} 10:00:00"),
            (ISO_PATTERN, f"{dashed}T10:00:00Z"),
        ):
            assert bool(re.fullmatch(pattern, text)) is there_is, text


@given(
    st.from_regex(TIME_PATTERN, fullmatch=True, alphabet="0123456789-.: ")
    | st.from_regex(ISO_PATTERN, fullmatch=True, alphabet="0123456789-.: +TZ")
)
def test_every_time_of_the_patterns_is_a_moment(text: str) -> None:
    assert moment_us(text, MOSCOW) >= 0


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25T10:00:00+03:00",
        "2026-11-25T12:30:00+0530",
        "2026-11-25T07:00:00Z",
        "2026-11-25T07:00:00.999Z",
        "2026-11-24T23:00:00-08:00",
        "2026-11-25T10:00:00",
        "2026-11-25 10:00:00",
    ],
)
def test_iso_times_are_of_their_offset_or_of_the_pbx_s_zone(text: str) -> None:
    assert moment_us(text, MOSCOW) == int(datetime(2026, 11, 25, 7, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize("text", ["31.02.2026", "2026-02-31", "29.02.2026", "2100-02-29", "31.04.2026"])
def test_days_that_a_month_does_not_have_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^there is no {re.escape(text)}$"):
        iso_date(text)
    with pytest.raises(ValueError, match=f"^there is no {re.escape(text)}$"):
        moment_us(f"{text} 10:00:00", MOSCOW)


def test_the_last_of_february_is_taken() -> None:
    assert (iso_date("29.02.2024"), iso_date("2000-02-29")) == ("2024-02-29", "2000-02-29")


def test_a_time_is_of_the_pbx_s_zone_or_unix_seconds() -> None:
    wanted = int(datetime(2026, 11, 25, 7, tzinfo=UTC).timestamp()) * 1_000_000
    assert moment_us("25.11.2026 10:00:00", MOSCOW) == wanted
    assert moment_us(wanted // 1_000_000, MOSCOW) == moment_us(str(wanted // 1_000_000), MOSCOW) == wanted
    assert moment_us(0, MOSCOW) == moment_us("", MOSCOW) == moment_us(None, MOSCOW) == moment_us("0", MOSCOW) == 0


@pytest.mark.parametrize(
    "value",
    [
        "tomorrow",
        "2026-11-25",
        -1,
        10**11,
        True,
        [],
        "25.11.2026",
        "32.01.2026 00:00:00",
        "2026-11-25T10:00",
        "2026-11-25T24:00:00",
        "2026-11-25t10:00:00",
        "2026-11-25T10:00:00+3",
        "2026-11-25T10:00:00+24:00",
        "2026-11-25T10:00:00\n",
        "25.11.2026 10:00:00+03:00",
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected, got"):
        moment_us(value, MOSCOW)
