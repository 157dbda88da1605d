"""International forms, what is wrong with a number, and where it is at home."""

from importlib.metadata import version

import pytest

from dialer.dispatch.numbering import e164, is_region, problem_of, shared_zone, zone_of


@pytest.mark.parametrize(
    ("phone", "region", "international"),
    [
        ("89522233446", "RU", "+79522233446"),
        ("79522233446", "RU", "+79522233446"),
        ("+79522233446", "RU", "+79522233446"),
        ("9522233446", "RU", "+79522233446"),
        ("+79522233446", "DE", "+79522233446"),
        ("+442079460018", "RU", "+442079460018"),
        ("810442079460018", "RU", "+442079460018"),
        ("02079460018", "GB", "+442079460018"),
        ("2025550123", "US", "+12025550123"),
        ("8952223344", "RU", None),
        ("895222334461", "RU", None),
        ("101", "RU", None),
        ("*100", "RU", None),
        ("*79522233446", "RU", None),
        ("79522233446#", "RU", None),
        ("+", "RU", None),
        ("", "RU", None),
    ],
)
def test_the_international_form(phone: str, region: str, international: str | None) -> None:
    assert e164(phone, region) == international


@pytest.mark.parametrize(
    ("phone", "problem"),
    [
        ("89522233446", None),
        ("+442079460018", None),
        ("101", None),
        ("112", None),
        ("12345", "too short for a number of +7"),
        ("895222334461", "no number of +7 has 12 digits"),
        ("8952223344", "no such code: +7 895"),
        ("+999123456", "no such country code"),
        ("+4420794600189999999", "too long for a number of +44"),
        ("1", "no telephone number"),
        ("*100", "has * or #: an internal code, no public number"),
        ("#31#79522233446", "has * or #: an internal code, no public number"),
    ],
)
def test_what_is_wrong_is_told_in_words(phone: str, problem: str | None) -> None:
    assert problem_of(phone, "RU") == problem


def test_an_area_code_that_is_missing_is_told() -> None:
    assert problem_of("5550123", "US") == "too short: the area code of +1 is missing"


@pytest.mark.parametrize(
    ("phone", "zone"),
    [
        ("84951234567", "Europe/Moscow"),
        ("+442079460018", "Europe/London"),
        ("+12025550123", "America/New_York"),
    ],
)
def test_a_number_with_one_zone_tells_it(phone: str, zone: str) -> None:
    assert zone_of(phone, "RU") == zone


@pytest.mark.parametrize("phone", ["89522233446", "101", "*100", "", "8952223344"])
def test_a_zone_that_is_not_known_is_empty(phone: str) -> None:
    assert zone_of(phone, "RU") == ""


@pytest.mark.parametrize(
    ("phone", "zone"),
    [("84011234567", "Europe/Kaliningrad"), ("88451234567", "Europe/Saratov"), ("83831234567", "Asia/Novosibirsk")],
)
def test_russian_area_codes_have_the_hours_of_their_region(phone: str, zone: str) -> None:
    assert zone_of(phone, "RU") == zone


@pytest.mark.parametrize(
    ("zones", "shared"),
    [
        (("Europe/Berlin", "Europe/Paris"), "Europe/Berlin"),
        (("Europe/Berlin", "Africa/Lagos"), ""),  # the same in winter only
        (("Europe/Berlin", "Asia/Unheard_Of"), ""),
        (("Etc/Unknown",), ""),
    ],
)
def test_zones_are_one_when_their_clocks_show_the_same_all_year(zones: tuple[str, ...], shared: str) -> None:
    assert shared_zone(zones) == shared


def test_regions_are_countries_of_two_capital_letters() -> None:
    assert is_region("RU")
    assert not any(is_region(code) for code in ("ru", "UK", "RUS", "", "001"))


def test_both_distributions_of_phonenumbers_have_one_version() -> None:
    """They install the same files: ru-normalizr wants the one with less data."""
    assert version("phonenumbers") == version("phonenumberslite")
