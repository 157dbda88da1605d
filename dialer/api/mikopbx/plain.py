"""JSON as 1C and PHP write it, made plain."""

from typing import Any


def as_text(value: Any) -> Any:
    """A number where a text is meant."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) else value


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
    if str(value) not in ("0", "1", "True", "False"):
        raise ValueError(f"0 or 1 expected, got {kind_of(value)}")
    return str(value) in ("1", "True")


def as_list(value: Any) -> Any:
    """A PHP array that lost its order is an object with whole numbers for keys; null is no items."""
    if value is None:
        return ()
    if isinstance(value, dict) and value and all(key.isdecimal() for key in value):
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
