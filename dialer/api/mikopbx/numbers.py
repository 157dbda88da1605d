"""A task's list of numbers. Plain code and no model: a list of a million is read in one pass, and given up early."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import BeforeValidator, WithJsonSchema

from dialer.api.mikopbx.fields import INTEGER, ListSchema, Schema, text_schema
from dialer.api.mikopbx.plain import GREATEST_INTEGER, as_list, as_text, kind_of, whole
from dialer.api.mikopbx.times import TIME_IN_WORDS, TIME_SCHEMAS, moment_us
from dialer.model.safe import phone_id_of, safe_caller, safe_number
from dialer.model.task import Number

MAX_NUMBERS = 5_000_000
MAX_PROBLEMS = 20
MAX_PARAMS_DEPTH = 8
MAX_PHONE_LENGTH = 100
"""With spaces, brackets and hyphens."""
_PUNCTUATION = str.maketrans("", "", " \u00a0()-")
"""How people write numbers; none of it is dialled."""

PHONE_IN_WORDS = "1 to 32 of 0-9 * #, a + in front allowed; spaces, brackets and hyphens are taken out"
PHONE_SCHEMAS: tuple[Schema, ...] = (
    {
        "type": "string",
        "pattern": "^[ \u00a0()-]*(\\+[ \u00a0()-]*)?([0-9*#][ \u00a0()-]*){1,32}$",
        "maxLength": MAX_PHONE_LENGTH,
        "description": "telephone number",
    },
    {"type": "integer", "minimum": 0, "maximum": GREATEST_INTEGER},
)
CALLER_SCHEMAS: tuple[Schema, ...] = (
    {"type": "string", "pattern": "^\\+?[0-9]{1,32}$", "description": "1 to 32 digits, a + in front allowed"},
    {"type": "integer", "minimum": 0, "maximum": GREATEST_INTEGER},
)
MAX_CLIENT_LENGTH = 100
LEAST_OFFSET_H, MOST_OFFSET_H = -12, 14
_OFFSET = re.compile(
    r"(\+?(14(\.0{1,4})?|(1[0-3]|0?[0-9])(\.[0-9]{1,4})?)|-(12(\.0{1,4})?|(1[01]|0?[0-9])(\.[0-9]{1,4})?))", re.ASCII
)
_UNSAID = (0, "0", "", None, False)
_ZONES = frozenset(available_timezones())
_SCALARS = ("string", "number", "boolean", "null")


def _param_schemas() -> dict[str, Schema]:
    """What a value of `params` may be, a definition for each level of its depth."""
    levels: dict[str, Schema] = {f"ParamLevel{MAX_PARAMS_DEPTH}": {"type": list(_SCALARS)}}
    for level in range(MAX_PARAMS_DEPTH - 1, 0, -1):
        within = {"$ref": f"#/$defs/ParamLevel{level + 1}"}
        levels[f"ParamLevel{level}"] = {
            "type": [*_SCALARS, "object", "array"],
            "additionalProperties": within,
            "items": within,
        }
    return levels


_NUMBER_SCHEMA: Schema = {
    "type": "object",
    "required": ["number"],
    "properties": {
        "number": {"anyOf": list(PHONE_SCHEMAS), "description": PHONE_IN_WORDS},
        "params": {
            "description": "Values for `<name>` in the polling's texts, by name: texts or numbers. "
            f"Objects and lists in them are kept and shown, {MAX_PARAMS_DEPTH} deep at most",
            "anyOf": [
                {"type": "object", "additionalProperties": {"$ref": "#/$defs/ParamLevel1"}},
                {"enum": [None, [], "", 0, False]},
            ],
        },
        "clientId": {
            "anyOf": [text_schema(MAX_CLIENT_LENGTH), INTEGER, {"enum": [False, None]}],
            "description": "The CRM's id of a client: its numbers are called one after the other until one is reached",
        },
        "timeCallAllow": {"anyOf": list(TIME_SCHEMAS), "description": f"Not dialled before: {TIME_IN_WORDS}"},
        "timeCallUntil": {"anyOf": list(TIME_SCHEMAS), "description": f"Not dialled after: {TIME_IN_WORDS}"},
        "TimeOffset": {
            "anyOf": [
                {"type": "number", "minimum": LEAST_OFFSET_H, "maximum": MOST_OFFSET_H},
                {"type": "string", "pattern": f"^{_OFFSET.pattern}$", "description": "the same as a text"},
                {"enum": ["", None, False]},
            ],
            "description": "How many hours the subscriber's clock is ahead of UTC; 0: not said",
        },
        "timeZone": {
            "anyOf": [{"$ref": "#/$defs/TimeZone"}, {"enum": ["", "0", 0, None, False]}],
            "description": "The subscriber's time zone, Asia/Omsk; it goes before TimeOffset",
        },
        "callerId": {
            "anyOf": [*CALLER_SCHEMAS, {"enum": ["", None, False]}],
            "description": "The number that this subscriber is shown",
        },
    },
}
NUMBERS_SCHEMA: Schema = {
    **ListSchema(least=1, most=MAX_NUMBERS).around(
        {"anyOf": [*PHONE_SCHEMAS, {"$ref": "#/$defs/NumberBody"}]},
    ),
    "$defs": {"NumberBody": _NUMBER_SCHEMA, "TimeZone": {"enum": sorted(_ZONES)}, **_param_schemas()},
}


def phone_of(value: Any) -> str:
    """A telephone number as it is dialled, without what people write between its digits. Raises ValueError."""
    value = whole(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= GREATEST_INTEGER:
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"a telephone number expected, got {kind_of(value)}")  # noqa: TRY004 - pydantic wants ValueError
    if len(value) > MAX_PHONE_LENGTH:
        raise ValueError(f"a telephone number of {MAX_PHONE_LENGTH} characters at most expected, got {len(value)}")
    return safe_number(value.translate(_PUNCTUATION))


QueryPhone = Annotated[
    str | None,
    BeforeValidator(lambda text: phone_of(text) if text else None),
    WithJsonSchema({"anyOf": [{**PHONE_SCHEMAS[0], "$comment": "telephone number"}, {"enum": [""]}]}),
]
"""A telephone number of a query; empty: not said."""


def caller_of(value: Any) -> str:
    """A number that subscribers are shown; empty: not said. Raises ValueError."""
    if value in _UNSAID:
        return ""
    value = as_text(value)
    if not isinstance(value, str):
        raise ValueError(f"a telephone number expected, got {kind_of(value)}")  # noqa: TRY004 - pydantic wants ValueError
    return safe_caller(value)


def _client_of(value: Any) -> str:
    value = "" if value in _UNSAID else as_text(value)
    if not isinstance(value, str) or len(value) > MAX_CLIENT_LENGTH or "\0" in value:
        raise ValueError(f"a text of {MAX_CLIENT_LENGTH} characters at most expected, got {str(value)[:60]!r}")
    return value


def _offset_of(value: Any) -> str:
    """Hours from UTC as the engine names a zone; empty: not said. Raises ValueError."""
    if value in _UNSAID:
        return ""
    hours = float(value) if isinstance(value, str) and _OFFSET.fullmatch(value) else value
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not LEAST_OFFSET_H <= hours <= MOST_OFFSET_H:
        raise ValueError(f"hours of {LEAST_OFFSET_H} to {MOST_OFFSET_H} expected, got {str(value)[:60]!r}")
    return f"{hours:+.4f}".rstrip("0").rstrip(".") if hours else ""


def _zone_of(value: Any) -> str:
    """A zone's name; empty: not said. Raises ValueError."""
    if value in _UNSAID:
        return ""
    if not isinstance(value, str) or value not in _ZONES:
        raise ValueError(f"a time zone such as Asia/Omsk expected, got {str(value)[:60]!r}")
    return value


_READ: Mapping[str, tuple[str, Callable[[Any, tzinfo], Any]]] = {
    "clientId": ("client_id", lambda value, _zone: _client_of(value)),
    # the name goes before the offset, as it comes after it
    "TimeOffset": ("zone", lambda value, _zone: _offset_of(value)),
    "timeZone": ("zone", lambda value, _zone: _zone_of(value)),
    "timeCallAllow": ("not_before_us", moment_us),
    "timeCallUntil": ("until_us", moment_us),
    "callerId": ("caller_id", lambda value, _zone: caller_of(value)),
}
"""For each field of a number the field of `Number`, and how it is read."""
_RULE_FIELDS = frozenset(_READ)


def read_numbers(value: Any, zone: tzinfo = UTC) -> tuple[list[Number], list[str]]:
    """The numbers, and what is wrong with them (the first 20). `zone`: of their times."""
    if isinstance(value, NumbersRead):
        return [], _count_problems(value.count) or value.problems
    listed = as_list(value)
    if not isinstance(listed, list | tuple):
        return [], [f"numbers: a list expected, got {kind_of(value)}"]
    if problems := _count_problems(len(listed)):
        return [], problems
    numbers: list[Number] = []
    reader = NumberReader(zone)
    for position, item in enumerate(listed):
        number = reader.read(item, position)
        if number is not None:
            numbers.append(number)
        elif reader.is_full:
            return [], reader.told()
    return numbers, reader.told()


def _count_problems(count: int) -> list[str]:
    if 1 <= count <= MAX_NUMBERS:
        return []
    return [f"numbers: a list of 1 to {MAX_NUMBERS} numbers expected, got {count}"]


@dataclass(frozen=True, slots=True)
class NumbersRead:
    """In place of numbers that have been read already: what is wrong with them."""

    count: int
    problems: list[str]


class NumberReader:
    """Reads them one by one. `zone`: of their times."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._problems: list[str] = []

    def read(self, item: Any, position: int) -> Number | None:
        """None: something is wrong with it."""
        try:
            return _read_number(item, position, self._zone)
        except _WrongNumberError as error:
            self._problems += error.problems
            return None

    @property
    def is_full(self) -> bool:
        """So much is wrong that the others need not be looked at."""
        return len(self._problems) >= MAX_PROBLEMS

    def told(self) -> list[str]:
        """What is wrong (the first 20)."""
        if self.is_full:
            return [*self._problems[:MAX_PROBLEMS], "numbers: not looked at further"]
        return self._problems


class _WrongNumberError(ValueError):
    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


def _read_number(item: Any, position: int, zone: tzinfo) -> Number:
    if not isinstance(item, dict):
        phone = _phone_at(position, item)
        return Number(phone, phone_id_of(phone))
    params = item.get("params") or None  # PHP's [] is an empty object
    if params is not None and not (isinstance(params, dict) and _depth_is_sane(params)):
        raise _WrongNumberError(
            f"numbers[{position}].params: an object nested {MAX_PARAMS_DEPTH} deep at most expected, "
            f"got {kind_of(params)}"
        )
    phone = _phone_at(position, item.get("number"))
    if _RULE_FIELDS.isdisjoint(item):
        return Number(phone, phone_id_of(phone), params)
    read: dict[str, Any] = {}
    problems = []
    for name, (field, reader) in _READ.items():
        if name not in item:
            continue
        try:
            value = reader(item[name], zone)
        except ValueError as error:
            problems.append(f"numbers[{position}].{name}: {error}")
        else:
            if value:
                read[field] = value
    if problems:
        raise _WrongNumberError(*problems)
    return Number(phone, phone_id_of(phone), params, **read)


def _phone_at(position: int, value: Any) -> str:
    try:
        return phone_of(value)
    except ValueError as error:
        raise _WrongNumberError(f"numbers[{position}].number: {error}") from None


def _depth_is_sane(value: Any, level: int = 1) -> bool:
    """Whether objects and lists, this one counted, are nested no deeper than is taken."""
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return level <= MAX_PARAMS_DEPTH and all(_depth_is_sane(item, level + 1) for item in items)
