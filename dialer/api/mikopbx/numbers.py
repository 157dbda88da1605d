"""A task's list of numbers. Plain code and no model: a list of a million is read in one pass, and given up early."""

from typing import Any

from dialer.api.mikopbx.fields import LATER, ListSchema, Schema
from dialer.api.mikopbx.plain import GREATEST_INTEGER, as_list, kind_of, whole
from dialer.model.safe import phone_id_of, safe_number
from dialer.model.task import Number

MAX_NUMBERS = 5_000_000
MAX_PROBLEMS = 20
MAX_PARAMS_DEPTH = 8
MAX_PHONE_LENGTH = 100
"""With spaces, brackets and hyphens."""
_PUNCTUATION = str.maketrans("", "", " \u00a0()-")
"""How people write numbers; none of it is dialled."""

_LATER_NUMBER_FIELDS: dict[str, set[str]] = {"timeCallAllow": {"0"}, "TimeOffset": {"0"}, "clientId": set()}
"""Fields of the module's later versions, and what they may say: who asks for more must not be dialled all the same.
A clientId may also be the number's own, as /upload-xls gives it: that joins it to no other number."""

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
            "enum": [0, False, "", None],
            "description": f"The last ten digits of this very number, as /upload-xls gives them; else: {LATER}",
        },
        "timeCallAllow": {"enum": [0, "0", False, "", None], "description": LATER},
        "TimeOffset": {"enum": [0, "0", False, "", None], "description": LATER},
    },
}
NUMBERS_SCHEMA: Schema = {
    **ListSchema(least=1, most=MAX_NUMBERS).around(
        {"anyOf": [*PHONE_SCHEMAS, {"$ref": "#/$defs/NumberBody"}]},
    ),
    "$defs": {"NumberBody": _NUMBER_SCHEMA, **_param_schemas()},
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


def _unsupported(content: dict[str, Any], number: Number, path: str) -> list[str]:
    """A refusal for each field that asks for what this version does not do."""
    return [
        f"{path}{field}: {content[field]!r} is not supported in this version"
        for field, harmless in _LATER_NUMBER_FIELDS.items()
        if content.get(field) not in (None, "", False)
        and str(content[field]) not in harmless
        and not (field == "clientId" and content[field] == number.phone_id)
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
    params = item.get("params") or None  # PHP's [] is an empty object
    if params is not None and not (isinstance(params, dict) and _depth_is_sane(params)):
        raise _WrongNumberError(
            f"numbers[{position}].params: an object nested {MAX_PARAMS_DEPTH} deep at most expected, "
            f"got {kind_of(params)}"
        )
    number = _number(item.get("number"), params, position)
    if later := _unsupported(item, number, f"numbers[{position}]."):
        raise _WrongNumberError(*later)
    return number


def _number(value: Any, params: dict[str, object] | None, position: int) -> Number:
    try:
        phone = phone_of(value)
    except ValueError as error:
        raise _WrongNumberError(f"numbers[{position}].number: {error}") from None
    return Number(phone, phone_id_of(phone), params)


def _depth_is_sane(value: Any, level: int = 1) -> bool:
    """Whether objects and lists, this one counted, are nested no deeper than is taken."""
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return level <= MAX_PARAMS_DEPTH and all(_depth_is_sane(item, level + 1) for item in items)
