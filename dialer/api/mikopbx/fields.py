"""What a field of the MikoPBX API may be: each type checks, and says the same in JSON Schema for /openapi.json.

1C and PHP send numbers where texts are meant and the other way round, null or "" for what they do not say, and [] for
an empty object: all of that is understood, and all of that is in the schema.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

from dialer.api.mikopbx.plain import (
    GREATEST_INTEGER,
    LEAST_INTEGER,
    as_flag,
    as_int,
    as_list,
    as_number,
    as_text,
    kind_of,
    no_bool,
    none_if_blank,
    same,
)
from dialer.model.safe import safe_keys, safe_prefix
from dialer.model.task import InnerNumType, TaskState
from dialer.model.webhook import URL_PATTERN, checked_url

MAX_ID = GREATEST_INTEGER
MAX_CHANNELS = 10_000
Schema = dict[str, Any]


def one_of(*schemas: Schema) -> WithJsonSchema:
    """Any of these, as JSON Schema says it."""
    return WithJsonSchema(schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)})


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("a text without NUL characters expected")
    return value


def not_empty(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise ValueError("at least 1 item expected, got none")
    return items


def at_most(limit: int) -> BeforeValidator:
    """A bound looked at before the items are: millions of wrong ones must not cost millions of messages."""

    def check(items: Any) -> Any:
        if isinstance(items, list) and len(items) > limit:
            raise ValueError(f"{limit} items at most expected, got {len(items)}")
        return items

    return BeforeValidator(check)


def wrong(field: str, reason: str) -> PydanticCustomError:
    """An error that only the whole body shows; it names the field as a field's own error would."""
    return PydanticCustomError("field", "{reason}", {"field": field, "reason": reason})


def check_by(door: Callable[[str], str], value: str, field: str) -> None:
    """What the allow-list says, as an error of the field."""
    try:
        door(value)
    except ValueError as error:
        raise wrong(field, str(error)) from None


AsText = BeforeValidator(as_text)
NoneIfBlank = BeforeValidator(none_if_blank)
AsList = BeforeValidator(as_list)

INTEGER: Schema = {"type": "integer", "minimum": LEAST_INTEGER, "maximum": GREATEST_INTEGER}
NULL: Schema = {"type": "null"}
BLANK: Schema = {"enum": ["", None]}
"""What says nothing."""


def text_schema(max_length: int, min_length: int = 0) -> Schema:
    least = {"minLength": min_length} if min_length else {}
    return {"type": "string", **least, "maxLength": max_length, "pattern": "^[^\\u0000]*$"}


@dataclass(frozen=True)
class ListSchema:
    """The list that pydantic describes, with its bounds; also as PHP writes one whose order is lost: an object with
    whole numbers for keys; also what says nothing, where that may be."""

    least: int = 0
    most: int | None = None
    others: tuple[Schema, ...] = ()
    also: tuple[Schema, ...] = ()
    """What an item may be beside what pydantic takes it for."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        listed = handler(core_schema)
        listed = next(one for one in listed.get("anyOf", [listed]) if "items" in one)
        items = listed["items"]
        return self.around({"anyOf": [items, *self.also]} if self.also else items)

    def around(self, items: Schema) -> Schema:
        """The schema for a list of such items."""
        listed: Schema = {"type": "array", "items": items}
        numbered: Schema = {"type": "object", "patternProperties": {"^[0-9]+$": items}, "additionalProperties": False}
        numbered["minProperties"] = max(1, self.least)
        if self.least:
            listed["minItems"] = self.least
        if self.most is not None:
            listed["maxItems"] = numbered["maxProperties"] = self.most
        return {"anyOf": [listed, numbered, *self.others]}


def _spelled(pattern: str, words: str, max_length: int | None = None) -> Schema:
    """A text of a certain form: for programs the pattern, for readers the words."""
    bound = {} if max_length is None else {"maxLength": max_length}
    return {"type": "string", "pattern": pattern, **bound, "description": words}


KEYS_SCHEMAS: tuple[Schema, ...] = (
    _spelled("^[0-9*#]{1,8}$", "1 to 8 of 0-9 * #"),
    {"type": "integer", "minimum": 0, "maximum": 99_999_999},
)
EXTENSION_SCHEMAS: tuple[Schema, ...] = (
    _spelled("^[0-9*#]{1,20}$", "1 to 20 of 0-9 * #"),
    {"type": "integer", "minimum": 0, "maximum": GREATEST_INTEGER},
)
_PREFIX_SCHEMAS: tuple[Schema, ...] = (
    _spelled("^\\+?[0-9*#]{0,16}$", "up to 16 of 0-9 * #, a + in front allowed"),
    {"type": "integer", "minimum": 0, "maximum": 9_999_999_999_999_999},
)
_CHANNEL_SCHEMAS: tuple[Schema, ...] = (
    {"type": "integer", "minimum": 1, "maximum": MAX_CHANNELS},
    _spelled("^0*([1-9][0-9]{0,3}|10000)$", "the same as a text", 18),
)
_ID_SCHEMAS: tuple[Schema, ...] = (
    {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    _spelled("^0*[1-9][0-9]*$", "the same as a text", 18),
)
_TIMEOUT_SCHEMAS: tuple[Schema, ...] = (
    {"type": "number", "minimum": 0, "maximum": 60},
    _spelled("^0{0,16}(60(\\.0{1,9})?|[0-5]?[0-9](\\.[0-9]{1,9})?)$", "the same as a text"),
)


def _as_state(value: Any) -> Any:
    """0, 1 or 2, as number or text."""
    for state in TaskState:
        if same(value, state.value) or same(value, str(state.value)):
            return state
    got = repr(value)[:60] if isinstance(value, str | int | float) else kind_of(value)
    raise ValueError(f"0, 1 or 2 expected, got {got}")


KINDS = (InnerNumType.POLLING, InnerNumType.EXTEN)
"""Scripts are other facades'."""


def _as_kind(value: Any) -> Any:
    """polling or exten."""
    if value not in [kind.value for kind in KINDS]:
        got = repr(value)[:60] if isinstance(value, str) else kind_of(value)
        raise ValueError(f"'polling' or 'exten' expected, got {got}")
    return value


_LANG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"

Text = Annotated[str, Field(max_length=20_000), AfterValidator(_no_nul), AsText, one_of(text_schema(20_000), INTEGER)]
Name = Annotated[str, Field(max_length=500), AfterValidator(_no_nul), AsText, one_of(text_schema(500), INTEGER)]
Id = Annotated[str, Field(max_length=100), AfterValidator(_no_nul), AsText, one_of(text_schema(100), INTEGER)]
Keys = Annotated[str, AfterValidator(safe_keys), AsText, one_of(*KEYS_SCHEMAS)]
Prefix = Annotated[str, AfterValidator(safe_prefix), AsText, one_of(*_PREFIX_SCHEMAS)]

Spoken = Annotated[str, Field(max_length=5000), AfterValidator(_no_nul), AsText, one_of(text_schema(5000), INTEGER)]

MaybeId = Annotated[Id | None, NoneIfBlank, one_of(text_schema(100), INTEGER, NULL)]
MaybeName = Annotated[Name | None, one_of(text_schema(500), INTEGER, NULL)]
MaybeSpoken = Annotated[Spoken | None, one_of(text_schema(5000), INTEGER, NULL)]
"""A text that can be said to be empty."""
MaybeText = Annotated[Text | None, NoneIfBlank, one_of(text_schema(20_000), INTEGER, NULL)]
MaybeKeys = Annotated[Keys | None, NoneIfBlank, one_of(*KEYS_SCHEMAS, BLANK)]
MaybePrefix = Annotated[Prefix | None, one_of(*_PREFIX_SCHEMAS, NULL)]
MaybeLang = Annotated[
    Annotated[str, Field(pattern=_LANG, max_length=50)] | None,
    NoneIfBlank,
    one_of(_spelled(_LANG, "a language such as ru-RU", 50), BLANK),
]
MaybeOwnId = Annotated[
    Annotated[int, Field(ge=1, le=MAX_ID, strict=True), BeforeValidator(as_int), BeforeValidator(no_bool)] | None,
    NoneIfBlank,
    one_of(*_ID_SCHEMAS, BLANK),
]
MaybeChannels = Annotated[
    Annotated[int, Field(ge=1, le=MAX_CHANNELS, strict=True), BeforeValidator(as_int), BeforeValidator(no_bool)] | None,
    NoneIfBlank,
    one_of(*_CHANNEL_SCHEMAS, BLANK),
]
MaybeTimeout = Annotated[
    Annotated[float, Field(ge=0, le=60), BeforeValidator(as_number), BeforeValidator(no_bool)] | None,
    NoneIfBlank,
    one_of(*_TIMEOUT_SCHEMAS, BLANK),
]
State = Annotated[TaskState, BeforeValidator(_as_state), one_of({"enum": [0, 1, 2, "0", "1", "2"]})]
MaybeState = Annotated[
    Annotated[TaskState, BeforeValidator(_as_state)] | None,
    NoneIfBlank,
    one_of({"enum": [0, 1, 2, "0", "1", "2"]}, BLANK),
]
MaybeFlag = Annotated[
    Annotated[bool, BeforeValidator(as_flag)] | None,
    NoneIfBlank,
    one_of({"enum": [0, 1, False, True, "0", "1"]}, BLANK),
]
MaybeKind = Annotated[
    Annotated[InnerNumType, BeforeValidator(_as_kind)] | None,
    NoneIfBlank,
    one_of({"enum": [kind.value for kind in KINDS]}, BLANK),
]

MaybeUrl = Annotated[
    Annotated[str, AfterValidator(lambda text: checked_url(text) if text else text)] | None,
    one_of({"type": "string", "pattern": URL_PATTERN}, BLANK),
]

PathText = Annotated[
    str, Field(max_length=500), AfterValidator(_no_nul), WithJsonSchema(text_schema(500, min_length=1))
]
"""A name in a path."""
PathId = Annotated[str, Field(max_length=100), AfterValidator(_no_nul), WithJsonSchema(text_schema(100, min_length=1))]
"""The CRM's id in a path."""
QueryId = Annotated[
    Annotated[str, Field(max_length=100), AfterValidator(_no_nul)] | None,
    BeforeValidator(lambda text: text or None),
    WithJsonSchema(text_schema(100)),
]
"""The CRM's id in a query; empty: not said."""

WHOLE_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def _whole(text: str) -> int | None:
    """A whole number of a query."""
    if text == "":
        return None
    if not WHOLE_NUMBER.fullmatch(text):
        raise ValueError(f"a whole number expected, got {text[:60]!r}")
    return int(text)


QueryNumber = Annotated[
    int | None,
    BeforeValidator(_whole),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{0,18}$", "$comment": "whole number"}),
]


def _query_flag(text: str) -> str:
    if text not in ("", "0", "1"):
        raise ValueError(f"0 or 1 expected, got {text[:60]!r}")
    return text


QueryFlag = Annotated[str, AfterValidator(_query_flag), WithJsonSchema({"type": "string", "enum": ["", "0", "1"]})]
QueryState = Annotated[
    TaskState | None,
    BeforeValidator(lambda text: _as_state(text) if text else None),
    WithJsonSchema({"type": "string", "enum": ["", "0", "1", "2"]}),
]
