"""JSON as 1C and PHP write it, made plain."""

import re
from typing import Any

LEAST_INTEGER, GREATEST_INTEGER = -(2**63), 2**63 - 1
"""What is taken as a whole number where a text is meant."""
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)


def as_text(value: Any) -> Any:
    """A whole number where a text is meant. Raises ValueError for one that 64 bits do not hold."""
    value = whole(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    if not LEAST_INTEGER <= value <= GREATEST_INTEGER:
        raise ValueError("a whole number of 64 bits at most expected, got a larger one")
    return str(value)


def whole(value: Any) -> Any:
    """5 for 5.0: JSON knows but one kind of numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_int(value: Any) -> Any:
    """A text where a whole number is meant, and 5 for 5.0."""
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else whole(value)


def as_number(value: Any) -> Any:
    """A text where a number is meant; what is no decimal number stays what it is, and is no number."""
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            raise ValueError(f"a number expected, got {value[:60]!r}")
        return float(value)
    return value


def same(value: Any, other: Any) -> bool:
    """Whether JSON takes both for one value; Python takes true for 1 too."""
    return bool(value == other) and isinstance(value, bool) is isinstance(other, bool)


def none_if_blank(value: Any) -> Any:
    """What is empty is not said."""
    return None if value == "" else value


def no_bool(value: Any) -> Any:
    """Python takes true for 1."""
    if isinstance(value, bool):
        raise ValueError(f"a number expected, got {kind_of(value)}")  # noqa: TRY004 - pydantic wants ValueError
    return value


def as_flag(value: Any) -> bool:
    """0 or 1, as number, text or boolean."""
    if not isinstance(value, str | int | float) or value not in (0, 1, "0", "1"):
        raise ValueError(f"0 or 1 expected, got {kind_of(value)}")
    return value in (1, "1")


def as_list(value: Any) -> Any:
    """A PHP array that lost its order is an object with whole numbers for keys; null is no items."""
    if value is None:
        return ()
    if isinstance(value, dict) and value and all(key.isascii() and key.isdecimal() for key in value):
        return list(value.values())
    return value


def kind_of(value: Any) -> str:
    """What JSON calls the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "a text" if value else "an empty text"
        case int() | float():
            return "a number"
        case dict():
            return "an object"
        case _:
            return "a list"


def is_id(text: str) -> bool:
    """Whether a text from a path or a query can be one of our ids (63 bits)."""
    return text.isascii() and text.isdecimal() and len(text) < 19
