"""GET /docs: the API for readers, one page that needs nothing from elsewhere, not even a script."""

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

Json = dict[str, Any]
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The page's Content-Security-Policy: it can load and send nothing."""
_METHODS = ("get", "post", "put", "delete")
_ALWAYS = ("401", "403", "408", "413", "429", "503")
"""Answers that any call may give: explained once."""


def render_docs(document: Json) -> str:
    """The page for an OpenAPI document."""
    environment = Environment(
        loader=PackageLoader("dialer.api", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    words = _Words(document["components"]["schemas"])
    environment.filters["in_words"] = words.of
    environment.filters["rows"] = words.rows
    operations = [
        {
            "path": path,
            "method": method.upper(),
            "anchor": f"{method}-{path.strip('/')}".replace("/", "-"),
            **item[method],
        }
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    tags = list(dict.fromkeys(one["tags"][0] for one in operations))
    return environment.get_template("docs.html.j2").render(
        info=document["info"], groups=[(tag, [one for one in operations if one["tags"] == [tag]]) for tag in tags],
        always=_ALWAYS,
    )  # fmt: skip


class _Words:
    """JSON Schema in words."""

    def __init__(self, definitions: Json) -> None:
        self._definitions = definitions

    def of(self, schema: Any) -> str:
        """What a value may be, in a line."""
        if schema is False:
            return "not together with the other"
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            target = self._definitions[name]
            return "an object (below)" if "properties" in target else self.of(target)
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(self.of(one) for one in schema["anyOf"]))
        if "const" in schema:
            return json.dumps(schema["const"], ensure_ascii=False)
        if "enum" in schema:
            return " | ".join(json.dumps(one, ensure_ascii=False) for one in schema["enum"])
        return self._typed(schema)

    def _typed(self, schema: Json) -> str:
        kind = schema.get("type", "anything")
        kind = " or ".join(kind) if isinstance(kind, list) else kind
        if kind == "array":
            return f"list of {self.of(schema.get('items', {}))}{_bounds(schema, 'minItems', 'maxItems')}"
        if kind == "string":
            pattern = schema.get("pattern", "")
            shown = f" like {pattern}" if pattern and "u0000" not in pattern else ""
            return f"text{_bounds(schema, 'minLength', 'maxLength')}{shown}"
        if kind == "object" and "patternProperties" in schema:
            return "the same as an object with numbers for keys"
        return f"{kind}{_bounds(schema, 'minimum', 'maximum')}"

    def rows(self, schema: Any, depth: int = 0) -> list[tuple[int, str, str, str, bool]]:
        """Fields of an object and of the objects in it: depth, name, what it may be, description, required."""
        if depth > 4 or schema is False:
            return []
        if "$ref" in schema:
            return self.rows(self._definitions[schema["$ref"].rsplit("/", 1)[-1]], depth)
        if "anyOf" in schema:
            seen: dict[str, list[tuple[int, str, str, str, bool]]] = {}
            for one in schema["anyOf"]:
                found = self.rows(one, depth)
                seen.setdefault(str(found), found)
            return [row for found in seen.values() for row in found]
        if schema.get("type") == "array":
            return self.rows(schema.get("items", {}), depth)
        rows = []
        for name, one in schema.get("properties", {}).items():
            if one is False:
                continue
            described = "" if "$ref" in one else one.get("description", "")
            rows.append((depth, name, self.of(one), described, name in schema.get("required", ())))
            rows += self.rows(one, depth + 1)
        return rows


def _bounds(schema: Json, least: str, most: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if not low and high is None:
        return ""
    return f" ({low or 0}…{high})" if high is not None else f" (≥ {low})"
