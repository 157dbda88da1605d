"""Numbers within bounds as fields, whole and decimal ones: as numbers, as texts of them, or not said at all."""

import math
import re
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_plain_validator_function

from dialer.api.mikopbx.fields import BLANK, Schema
from dialer.api.mikopbx.plain import kind_of
from dialer.api.mikopbx.plain import whole as plain

_LEADING_ZEROS, _DECIMALS = 9, 9


def _digits(least: int, most: int) -> str:
    """A regular expression for the whole numbers of `least` (0 or 1) to `most`, written without leading zeros."""
    digits = str(most)
    parts = [*(["0"] if least == 0 else []), *("[1-9]" + "[0-9]" * length for length in range(len(digits) - 1))]
    for place, digit in enumerate(digits):
        first, below = (1 if place == 0 else 0), int(digit) - 1
        if below >= first:
            parts.append(f"{digits[:place]}[{first}-{below}]" + "[0-9]" * (len(digits) - place - 1))
    return f"({'|'.join([*parts, digits])})"


class Whole:
    """A whole number of `least` (0 or 1) to `most`; None: not said."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most
        self._text = f"^0{{0,{_LEADING_ZEROS}}}{_digits(least, most)}$"
        self._pattern = re.compile(self._text, re.ASCII)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _core_schema: CoreSchema, _handler: GetJsonSchemaHandler) -> Schema:
        number = {"type": "integer", "minimum": self._least, "maximum": self._most}
        text = {"type": "string", "pattern": self._text, "description": "the same as a text"}
        return {"anyOf": [number, text, BLANK]}

    def _check(self, value: Any) -> int | None:
        value = plain(value)
        if value is None or value == "":
            return None
        if isinstance(value, str) and self._pattern.search(value) and "\n" not in value:
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and self._least <= value <= self._most:
            return value
        raise ValueError(f"a whole number of {self._least} to {self._most} expected, got {_shown(value)}")


class Decimals:
    """A number of `least` (0, 0.1 or 1) to `most`, with decimals; None: not said."""

    def __init__(self, least: float, most: int) -> None:
        self._least, self._most = least, most
        below = f"{_digits(math.ceil(least), most - 1)}(\\.[0-9]{{1,{_DECIMALS}}})?"
        if 0 < least < 1:
            below = f"0\\.[1-9][0-9]{{0,{_DECIMALS - 1}}}|{below}"
        self._text = f"^0{{0,{_LEADING_ZEROS}}}({below}|{most}(\\.0{{1,{_DECIMALS}}})?)$"
        self._pattern = re.compile(self._text, re.ASCII)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _core_schema: CoreSchema, _handler: GetJsonSchemaHandler) -> Schema:
        number = {"type": "number", "minimum": self._least, "maximum": self._most}
        text = {"type": "string", "pattern": self._text, "description": "the same as a text"}
        return {"anyOf": [number, text, BLANK]}

    def _check(self, value: Any) -> float | None:
        if value is None or value == "":
            return None
        if isinstance(value, str) and self._pattern.search(value) and "\n" not in value:
            return float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and self._least <= value <= self._most:
            return float(value)
        raise ValueError(f"a number of {self._least} to {self._most} expected, got {_shown(value)}")


def _shown(value: Any) -> str:
    return repr(value)[:60] if isinstance(value, str | int | float) else kind_of(value)
