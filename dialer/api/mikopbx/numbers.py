"""A task's list of numbers. Plain code and no model: a list of a million is read in one pass, and given up early."""

from typing import Any

from dialer.api.mikopbx.fields import ListSchema
from dialer.api.mikopbx.plain import as_list, as_text, kind_of
from dialer.model.safe import UnsafeValueError, phone_id_of, safe_number
from dialer.model.task import Number

MAX_NUMBERS = 5_000_000
MAX_PROBLEMS = 20
MAX_PARAMS_DEPTH = 8
_PUNCTUATION = str.maketrans("", "", " \u00a0()-")
"""How people write numbers; none of it is dialled."""

_LATER_NUMBER_FIELDS: dict[str, set[str]] = {"clientId": set(), "timeCallAllow": {"0"}, "TimeOffset": {"0"}}
"""Fields of the module's later versions, and what they may say: who asks for more must not be dialled all the same."""

PHONE_SCHEMAS: tuple[dict[str, Any], ...] = (
    {
        "type": "string",
        "pattern": "^[ \u00a0()-]*(\\+[ \u00a0()-]*)?([0-9*#][ \u00a0()-]*){1,32}$",
        "examples": ["79522233446"],
    },
    {"type": "integer", "minimum": 0, "maximum": 10**32 - 1},
)
_NUMBER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["number"],
    "properties": {
        "number": {"anyOf": list(PHONE_SCHEMAS)},
        "params": {
            "description": f"Values for <name> in the polling's texts, nested {MAX_PARAMS_DEPTH} deep at most",
            "anyOf": [
                {"type": "object", "additionalProperties": {"type": ["string", "number", "null", "boolean"]}},
                {"enum": [None, [], "", 0, False]},
            ],
        },
        "clientId": {"enum": [None, "", False]},
        "timeCallAllow": {"enum": [None, "", False, 0, "0"]},
        "TimeOffset": {"enum": [None, "", False, 0, "0"]},
    },
}
NUMBERS_SCHEMA = ListSchema(least=1, most=MAX_NUMBERS).around({"anyOf": [*PHONE_SCHEMAS, _NUMBER_SCHEMA]})


def strip_punctuation(phone: str) -> str:
    """The telephone number without what people write between its digits."""
    return phone.translate(_PUNCTUATION)


def _unsupported(content: dict[str, Any], path: str) -> list[str]:
    """A refusal for each field that asks for what this version does not do."""
    return [
        f"{path}{field}: {content[field]!r} is not supported in this version"
        for field, harmless in _LATER_NUMBER_FIELDS.items()
        if content.get(field) not in (None, "", False) and str(content[field]) not in harmless
    ]


def read_numbers(value: Any) -> tuple[list[Number], list[str]]:
    """The numbers, and what is wrong with them (the first 20)."""
    listed = as_list(value)
    if not isinstance(listed, list | tuple):
        return [], [f"numbers: a list expected, got {kind_of(value)}"]
    if not 1 <= len(listed) <= MAX_NUMBERS:
        return [], [f"numbers: a list of 1 to {MAX_NUMBERS} numbers expected, got {len(listed)}"]
    numbers: list[Number] = []
    problems: list[str] = []
    for position, item in enumerate(listed):
        try:
            numbers.append(_read_number(item, position))
        except _WrongNumberError as error:
            problems += error.problems
            if len(problems) >= MAX_PROBLEMS:
                return [], [*problems[:MAX_PROBLEMS], "numbers: not looked at further"]
    return numbers, problems


class _WrongNumberError(ValueError):
    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


def _read_number(item: Any, position: int) -> Number:
    if not isinstance(item, dict):
        return _number(item, None, position)
    later = _unsupported(item, f"numbers[{position}].")
    if later:
        raise _WrongNumberError(*later)
    params = item.get("params") or None  # PHP's [] is an empty object
    if params is not None and not (isinstance(params, dict) and _depth_is_sane(params)):
        raise _WrongNumberError(
            f"numbers[{position}].params: an object nested {MAX_PARAMS_DEPTH} deep at most expected, "
            f"got {kind_of(params)}"
        )
    return _number(item.get("number"), params, position)


def _number(value: Any, params: dict[str, object] | None, position: int) -> Number:
    text = as_text(value)
    if not isinstance(text, str):
        raise _WrongNumberError(f"numbers[{position}].number: a telephone number expected, got {kind_of(value)}")
    try:
        phone = safe_number(strip_punctuation(text))
    except UnsafeValueError as error:
        raise _WrongNumberError(f"numbers[{position}].number: {error}") from None
    return Number(phone, phone_id_of(phone), params)


def _depth_is_sane(value: Any, depth: int = 0) -> bool:
    if depth > MAX_PARAMS_DEPTH:
        return False
    if isinstance(value, dict):
        return all(_depth_is_sane(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return all(_depth_is_sane(item, depth + 1) for item in value)
    return True
