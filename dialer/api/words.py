"""JSON Schema in words, for /docs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
MAX_DEPTH = 4
_KINDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}


@dataclass(frozen=True, slots=True)
class Row:
    """A field of an object, or of an object in it."""

    depth: int
    name: str
    words: str
    meaning: str
    required: bool


class Words:
    """What the schemas of one document say."""

    def __init__(self, definitions: Json) -> None:
        self._definitions = definitions

    def of(self, schema: Any, taken: bool = False) -> str:
        """What a value may be, in a line. `taken`: of a value that is sent to us, where other spellings of the same (a
        number as a text, null for what is not said) are left out: they are told once for all."""
        schema = self._target(schema)
        if "anyOf" in schema and "properties" not in schema:
            variants = self._main(schema["anyOf"]) if taken else schema["anyOf"]
            return " or ".join(dict.fromkeys(self.of(one, taken) for one in variants))
        if "const" in schema:
            return _shown(schema["const"])
        if "enum" in schema:
            return _choice(schema["enum"], taken)
        if schema.get("properties"):
            return "object"
        return self._typed(schema, taken)

    def rows(self, schema: Any, taken: bool = False, depth: int = 0) -> list[Row]:
        """Fields of an object and of the objects in it."""
        schema = self._target(schema)
        if depth > MAX_DEPTH:
            return []
        if "properties" in schema:
            return [row for name in schema["properties"] for row in self._row(schema, name, taken, depth)]
        if "anyOf" in schema:
            seen: dict[str, list[Row]] = {}
            for one in schema["anyOf"]:
                found = self.rows(one, taken, depth)
                seen.setdefault(str([(row.depth, row.name) for row in found]), found)
            return [row for found in seen.values() for row in found]
        return self.rows(schema["items"], taken, depth) if isinstance(schema.get("items"), dict) else []

    def examples(self, schema: Any) -> list[Any]:
        """Values to copy."""
        return list(self._target(schema).get("examples", ()))

    def data_of_reply(self, schema: Any) -> Any:
        """What a reply in the envelope has in `data`; the whole where it is in no envelope."""
        variants = [self._target(one) for one in schema.get("anyOf", [schema])]
        done = [one for one in variants if one.get("properties", {}).get("result", {}).get("const") is not False]
        properties = done[0].get("properties", {}) if done else {}
        return properties["data"] if {"result", "data", "messages"} <= set(properties) else schema

    def _row(self, schema: Json, name: str, taken: bool, depth: int) -> list[Row]:
        one = schema["properties"][name]
        if one is False:
            return []
        row = Row(depth, name, self.of(one, taken), one.get("description", ""), name in schema.get("required", ()))
        return [row, *self.rows(one, taken, depth + 1)]

    def _target(self, schema: Any) -> Json:
        """The schema itself, or what it refers to."""
        if isinstance(schema, dict) and "$ref" in schema:
            return self._target(self._definitions[schema["$ref"].rsplit("/", 1)[-1]])
        return schema if isinstance(schema, dict) else {}

    def _main(self, variants: list[Json]) -> Iterable[Json]:
        """The first of the spellings, and objects and lists beside it; not a list written as an object."""
        yield variants[0]
        for one in variants[1:]:
            target = self._target(one)
            structured = "anyOf" in target or target.get("type") in ("array", "object")
            if structured and "patternProperties" not in target:
                yield one

    def _typed(self, schema: Json, taken: bool) -> str:
        kind = schema.get("type", "anything")
        if isinstance(kind, list):
            return " or ".join(_KINDS.get(one, str(one)) for one in kind)
        if kind == "array":
            if schema.get("maxItems") == 0:
                return "empty list"
            of = " or ".join(map(_plural, self.of(schema.get("items", {}), taken).split(" or ")))
            bounds = _bounds(schema, "minItems", "maxItems")
            return f"list of {of}" + (f"{bounds} of them" if bounds else "")
        if "$comment" in schema:
            return str(schema["$comment"])
        if kind == "string":
            if "description" in schema and ("pattern" in schema or "format" in schema):
                return str(schema["description"]) if "pattern" in schema else "file"
            return f"text{_bounds(schema, 'minLength', 'maxLength')}"
        words = _KINDS.get(kind, str(kind))
        return words if schema.get("maximum", 0) >= 2**63 - 1 else words + _bounds(schema, "minimum", "maximum")


def _choice(values: list[Any], taken: bool) -> str:
    """Each value; of those that are taken, each in its first spelling."""
    if taken:
        said = [one for one in values if one not in (None, "")]
        first: dict[str, Any] = {}
        for one in said:
            first.setdefault(str(int(one) if isinstance(one, bool) else one), one)
        values = list(first.values())
    return " | ".join(_shown(one) for one in values)


def _plural(words: str) -> str:
    return f"{words}s" if words in ("text", "object", "telephone number", "whole number") else words


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _bounds(schema: Json, least: str, most: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if low is None and high is None:
        return ""
    if high is None:
        return f", at least {_grouped(low)}" if low else ""
    if not low and most != "maximum":
        return f", at most {_grouped(high)}"
    return f", {_grouped(low or 0)} to {_grouped(high)}"


def _grouped(number: float) -> str:
    """10 000 for 10000."""
    return f"{number:,}".replace(",", "\u00a0")
