"""What is known of telephone numbers: their international form, what is wrong with them, their time zone.

The only importer of `phonenumbers`, which is loaded with the first number asked about.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from phonenumbers import NumberParseException, PhoneNumber

_ZONES_PUT_RIGHT = {"+7401": "Europe/Kaliningrad", "+7845": "Europe/Saratov"}
"""Where phonenumbers 9.0.42 names a zone with other hours (Bucharest, Moscow)."""
_YEAR_DAYS = 366
SHARED_DIGITS = 7
"""All forms of a public number end with its national number; hardly any of those is shorter."""

_ID_DIGITS = 10
"""That a subscriber is known by (`phone_id_of`)."""


class Form(NamedTuple):
    """How a number is written."""

    country: str
    """Its country's code: `+7`."""
    written: str
    """What stands before the national number: `+7`, `7`, `8`, nothing."""


def is_region(code: str) -> bool:
    """Whether numbers of this country (`RU`, ISO 3166) are known."""
    import phonenumbers  # noqa: PLC0415 - a tenth of a second and 10 MB

    return code in phonenumbers.SUPPORTED_REGIONS


@lru_cache(maxsize=65_536)
def e164(phone: str, region: str) -> str | None:
    """`phone`, dialled in `region`, in its international form (+79522233446); None: it is no public number."""
    number = _known(phone, region)
    if number is None:
        return None
    import phonenumbers  # noqa: PLC0415

    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def form_of(phone: str, region: str) -> Form | None:
    """How `phone`, dialled in `region`, is written; None: it is no public number."""
    number = _known(phone, region)
    if number is None:
        return None
    import phonenumbers  # noqa: PLC0415

    national = phonenumbers.national_significant_number(number)
    return Form(f"+{number.country_code}", phone.removesuffix(national)) if phone.endswith(national) else None


def is_short(phone: str, region: str) -> bool:
    """Whether the last ten digits of `phone`, dialled in `region`, are others in another form: its national number has
    less than ten."""
    number = _known(phone, region)
    if number is None:
        return False
    import phonenumbers  # noqa: PLC0415

    return len(phonenumbers.national_significant_number(number)) < _ID_DIGITS


def find_twins(phones: Iterable[str], region: str) -> dict[str, str]:
    """The numbers that are an earlier one in another form, each with that one. Parses only those whose ends agree."""
    by_end: dict[str, list[str]] = {}
    for phone in phones:
        by_end.setdefault(phone[-SHARED_DIGITS:], []).append(phone)
    twins: dict[str, str] = {}
    for alike in by_end.values():
        first: dict[str, str] = {}
        for phone in alike if len(alike) > 1 else ():
            international = e164(phone, region)
            if international is not None and first.setdefault(international, phone) != phone:
                twins[phone] = first[international]
    return twins


@lru_cache(maxsize=1024)
def _known(phone: str, region: str) -> "PhoneNumber | None":
    """The public number, if it is one; kept because several things are asked of a number one after the other."""
    import phonenumbers  # noqa: PLC0415 - a tenth of a second and 10 MB

    if _is_code(phone):
        return None
    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def problem_of(phone: str, region: str) -> str | None:
    """Why `phone`, dialled in `region`, reaches nobody of the public network, in words; None: it may reach somebody.
    For reports only: numbering plans change faster than libraries."""
    if _known(phone, region) is not None:
        return None
    import phonenumbers  # noqa: PLC0415
    from phonenumbers.shortnumberinfo import is_possible_short_number_for_region  # noqa: PLC0415

    if _is_code(phone):
        return "has * or #: an internal code, no public number"
    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException as error:
        return _unreadable(error)
    if is_possible_short_number_for_region(number, region):
        return None
    plan = f"+{number.country_code}"
    digits = phonenumbers.national_significant_number(number)
    match phonenumbers.is_possible_number_with_reason(number):
        case phonenumbers.ValidationResult.TOO_SHORT:
            return f"too short for a number of {plan}"
        case phonenumbers.ValidationResult.TOO_LONG:
            return f"too long for a number of {plan}"
        case phonenumbers.ValidationResult.INVALID_LENGTH:
            return f"no number of {plan} has {len(digits)} digits"
        case phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            return f"too short: the area code of {plan} is missing"
    return f"no such code: {plan} {digits[:3]}"


@lru_cache(maxsize=65_536)
def zone_of(phone: str, region: str) -> str:
    """The IANA name of the time zone where `phone`, dialled in `region`, is at home; empty: not known, as of Russian
    mobile numbers."""
    import phonenumbers  # noqa: PLC0415
    from phonenumbers.timezone import time_zones_for_number  # noqa: PLC0415

    international = e164(phone, region)
    if international is None:
        return ""
    for code, zone in _ZONES_PUT_RIGHT.items():
        if international.startswith(code):
            return zone
    return shared_zone(tuple(time_zones_for_number(phonenumbers.parse(international))))


def _is_code(phone: str) -> bool:
    return "*" in phone or "#" in phone


def _unreadable(error: "NumberParseException") -> str:
    match error.error_type:
        case error.INVALID_COUNTRY_CODE:
            return "no such country code"
        case error.TOO_SHORT_AFTER_IDD | error.TOO_SHORT_NSN:
            return "too short for any number"
        case error.TOO_LONG:
            return "too long for any number"
    return "no telephone number"


@lru_cache(maxsize=1024)
def shared_zone(zones: tuple[str, ...]) -> str:
    """The first, when the clocks of all show the same throughout the year from now on. Empty also where this machine
    does not know one (`Etc/Unknown`; old names such as Asia/Calcutta without Debian 13's tzdata-legacy)."""
    try:
        clocks = [ZoneInfo(zone) for zone in zones]
    except ZoneInfoNotFoundError:
        return ""
    start = datetime.now(UTC)
    for day in range(_YEAR_DAYS):
        moment = start + timedelta(days=day)
        if len({moment.astimezone(clock).utcoffset() for clock in clocks}) > 1:
            return ""
    return zones[0]
