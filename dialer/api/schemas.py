"""pydantic's JSON Schemas, made fit for readers of /openapi.json."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

Json = dict[str, Any]
REF = "#/components/schemas/"
_VALUES = ("example", "examples", "enum", "default")
"""Keys of values, not of schemas."""


class InOrder(GenerateJsonSchema):
    """Fields and examples stay in the order they are written in."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        return value


def make_readable(document: Json) -> None:
    """Name the components of an OpenAPI document as their models are called, make components of definitions that stand
    in schemas, and leave out what tells nobody anything."""
    schemas: Json = document["components"]["schemas"]
    _hoist(document, schemas)
    titles = Counter(one.get("title") for one in schemas.values())
    names = {
        name: one["title"] if "title" in one and titles[one["title"]] == 1 else name for name, one in schemas.items()
    }
    schemas = document["components"]["schemas"] = {names[name]: one for name, one in schemas.items()}
    for node in _nodes(document):
        if "$ref" in node:
            node["$ref"] = REF + names[node["$ref"].rsplit("/", 1)[-1]]
    for node in _nodes([document["paths"], schemas]):
        _tidy(node)
    for name in set(schemas) - _led_to(document["paths"], schemas):
        del schemas[name]


def _nodes(node: Any) -> Iterator[Json]:
    """Every object of the document; not those in examples and other values."""
    if isinstance(node, list):
        for one in node:
            yield from _nodes(one)
    elif isinstance(node, dict):
        yield node
        for key, one in node.items():
            if key not in _VALUES:
                yield from _nodes(one)


def _hoist(node: Any, schemas: Json) -> None:
    for one in list(_nodes(node)):
        for name, definition in one.pop("$defs", {}).items():
            if name not in schemas:
                schemas[name] = definition
                _hoist(definition, schemas)


def _tidy(node: Json) -> None:
    """Titles made of names, defaults that say nothing, the ends of lines in the code."""
    if isinstance(node.get("title"), str):
        del node["title"]
    if node.get("default", "") is None:
        del node["default"]
    if isinstance(node.get("description"), str):
        node["description"] = " ".join(node["description"].split())


def _led_to(node: Any, schemas: Json) -> set[str]:
    """The components that something refers to, and those that they refer to."""
    used: set[str] = set()
    waiting = {one["$ref"].rsplit("/", 1)[-1] for one in _nodes(node) if "$ref" in one}
    while waiting:
        used |= waiting
        found = {one["$ref"].rsplit("/", 1)[-1] for name in waiting for one in _nodes(schemas[name]) if "$ref" in one}
        waiting = found - used
    return used
