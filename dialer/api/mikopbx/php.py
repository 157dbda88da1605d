"""PHP's serialize() for what `params` can hold (PHP 8 manual, serialize)."""

from collections.abc import Collection
from typing import Any


def php_serialize(value: Any) -> str:
    """Lengths count UTF-8 bytes. Lists become arrays with keys 0, 1, 2 …"""
    if type(value) is str:  # most are
        return f's:{len(value) if value.isascii() else len(value.encode())}:"{value}";'
    if type(value) is dict:  # and what they come in
        return _array(value.items())
    match value:
        case None:
            return "N;"
        case bool():
            return f"b:{int(value)};"
        case int():
            return f"i:{value};"
        case float():
            return f"d:{value!r};"
        case list():
            return _array(list(enumerate(value)))
        case _:
            raise TypeError(f"{type(value).__name__} does not come from JSON")


def _array(items: Collection[tuple[Any, Any]]) -> str:
    return f"a:{len(items)}:{{{''.join([php_serialize(key) + php_serialize(value) for key, value in items])}}}"
