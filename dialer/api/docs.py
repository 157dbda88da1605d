"""GET /docs: the API for readers, one page that needs nothing from elsewhere, not even a script."""

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dialer.api.words import Words

Json = dict[str, Any]
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The page's Content-Security-Policy: it can load and send nothing."""
_METHODS = ("get", "post", "put", "delete")
_ALWAYS = ("401", "403", "408", "413", "415", "417", "429", "503")
"""Answers that any call may give: explained once."""


def render_docs(document: Json) -> str:
    """The page for an OpenAPI document."""
    environment = Environment(
        loader=PackageLoader("dialer.api", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    words = Words(document["components"]["schemas"])
    environment.filters |= {
        "in_words": words.of,
        "rows": words.rows,
        "marked": marked,
        "as_json": lambda value: json.dumps(value, ensure_ascii=False, indent=2),
        "examples": words.examples,
        "data": words.data_of_reply,
    }
    operations = [
        {
            "path": path,
            "method": method.upper(),
            "anchor": item[method]["operationId"],
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


def marked(text: str) -> list[tuple[bool, str]]:
    """A text with `code` in it, part by part: whether it is code, and what it says."""
    return [(number % 2 == 1, part) for number, part in enumerate(text.split("`")) if part]
