"""/openapi.json and /docs: whole, valid, true to what is served, of use without internet."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from aiohttp import web

from dialer.api.access.addresses import Peers
from dialer.api.access.gate import Gate
from dialer.api.access.login import END
from dialer.api.access.passwords import Password
from dialer.api.docs import POLICY, marked
from dialer.api.endpoint import Endpoint, Group
from dialer.api.health import Health
from dialer.api.mikopbx.tasks import Tasks
from dialer.api.openapi import served_calls
from dialer.api.server import build_http
from tests.rig.daemon import Dialer

_PORTABLE = re.compile(r"\^?(\[[^\]]+\]|\\[+.\\\[\]]|[^\\\[\](){}$^*+?.]|\((?!\?)|[)|*+?]|\{[0-9]+(,[0-9]*)?\})*\$?")
"""Patterns that mean the same to JavaScript and Python: no classes such as \\d, no look-around."""


async def fetch(dialer: Dialer, path: str) -> tuple[str, Any]:
    assert dialer.session is not None
    async with dialer.session.get(f"{dialer.url}{path}") as response:
        assert response.status == 200
        return await response.text(), response.headers


async def document_of(dialer: Dialer) -> dict[str, Any]:
    text, _ = await fetch(dialer, "/openapi.json")
    return dict(json.loads(text))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(node, dict):
        yield node
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(one)


def routes_of(application: web.Application) -> set[tuple[str, str]]:
    """Method and path of every route, `{name:regex}` as `{name}`; HEAD comes with GET."""
    return {
        (route.method, route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


async def test_the_description_is_valid_openapi(shared: Dialer) -> None:
    document = await document_of(shared)
    assert document["openapi"].startswith("3.1.")
    found = schemathesis.openapi.from_dict(document)
    assert {one.ok().label for one in found.get_all_operations()} == {  # type: ignore[union-attr]
        f"{method} {path}" for method, path, _ in operations(document)
    }
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
        jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
    for node in nodes(document):
        ref = node.get("$ref")
        assert (
            not isinstance(ref, str) or ref.removeprefix("#/components/schemas/") in document["components"]["schemas"]
        )


async def test_every_operation_is_declared_in_full(shared: Dialer) -> None:
    document = await document_of(shared)
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        parameters = operation.get("parameters", [])
        in_path = {one["name"] for one in parameters if one["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), where
        assert all(one["description"] and one["schema"] for one in parameters), where
        assert ("requestBody" in operation) is (method in ("POST", "PUT") and path != END), where
        contents = [*operation.get("requestBody", {}).get("content", {}).values()]
        for status, response in operation["responses"].items():
            assert response["description"], f"{where} {status}"
            contents += [content for kind, content in response["content"].items() if kind == "application/json"]
        assert all(content["schema"] for content in contents), where
        assert operation["summary"], where


def served() -> web.Application:
    """Two resources are enough to see that routes and description are of one source."""
    absent: Any = None
    gate = Gate(absent, Peers([], own_tls=False), Password("admin", ""), trust_local=True)
    return build_http((Tasks(absent, absent, absent),), (Health(absent),), _serve, gate, max_body_mb=1)


def _serve(_endpoint: Any) -> Any:
    async def handle(_request: web.Request) -> web.Response:
        raise AssertionError("nothing is asked here")

    return handle


def test_a_group_serves_what_it_declares_and_nothing_else() -> None:
    async def unserved(_call: Any) -> Any:
        raise AssertionError("nothing is asked here")

    endpoints: list[Endpoint[Any, Any, Any]] = [
        Endpoint(method, path, unserved, "", {})
        for method, path in (("GET", "/a/{name:[^/]+}"), ("POST", "/a"), ("DELETE", "/a/{name}"), ("PUT", "/b"))
    ]
    group = Group("", "/base", tuple(endpoints), serve=_serve)
    application = web.Application()
    application.add_routes(group.routes())
    assert routes_of(application) == served_calls([group])


async def test_every_route_is_described_and_the_other_way_round(shared: Dialer) -> None:
    """By the routes of a daemon's own application, and by asking a daemon for each call of its description."""
    assert routes_of(served()) >= {("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/health")}
    document = await document_of(shared)
    described = {(method, path) for method, path, _ in operations(document)}
    assert routes_of(served()) <= described
    assert shared.session is not None
    for path, item in document["paths"].items():
        concrete = re.sub(r"\{\w+\}", "1", path)
        async with shared.session.request("PATCH", f"{shared.url}{concrete}") as response:
            assert response.status == 405, path
            allowed = set(response.headers["Allow"].split(",")) - {"HEAD"}
        assert {one.strip() for one in allowed} == {method.upper() for method in item}, path


async def test_fields_of_bodies_and_replies_are_explained(shared: Dialer) -> None:
    document = await document_of(shared)
    unexplained = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, one in schema.get("properties", {}).items()
        if not one.get("description")
    ]
    assert unexplained == []
    for node in nodes([document["paths"], document["components"]]):
        assert not isinstance(node.get("title"), str)
        assert node.get("default", 0) is not None


async def test_patterns_mean_the_same_everywhere(shared: Dialer) -> None:
    patterns = {one["pattern"] for one in nodes(await document_of(shared)) if isinstance(one.get("pattern"), str)}
    assert len(patterns) > 8
    for pattern in patterns:
        assert _PORTABLE.fullmatch(pattern), pattern
        re.compile(pattern)


async def test_examples_are_what_their_schemas_allow(shared: Dialer) -> None:
    document = await document_of(shared)
    checked = 0
    for schema in document["components"]["schemas"].values():
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
        for example in schema.get("examples", ()):
            validator.validate(example)
            checked += 1
    assert checked >= 4


async def test_the_examples_can_be_posted(dialer: Dialer) -> None:
    schemas = (await document_of(dialer))["components"]["schemas"]
    for path, name in (("/client", "ClientsBody"), ("/polling", "PollingBody"), ("/task", "TaskBody")):
        for example in schemas[name]["examples"]:
            saved = await dialer.data("POST", path, example)
    await dialer.data("PUT", f"/task/{saved['id']}", schemas["TaskChangeBody"]["examples"][0])


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("href", "src", "action", "srcset", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(shared: Dialer) -> None:
    html, headers = await fetch(shared, "/docs")
    page = _Page()
    page.feed(html)
    assert headers["Content-Type"].startswith("text/html")
    assert headers["Content-Security-Policy"] == POLICY
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "svg"}
    assert page.handlers == []
    assert "://" not in html
    assert "url(" not in html
    assert "@import" not in html
    inside = {one.removeprefix("#") for one in page.references if one.startswith("#")}
    assert inside <= set(page.ids)
    assert {one for one in page.references if not one.startswith("#")} == {"/openapi.json"}


async def test_the_page_names_every_call_and_every_field_that_is_taken(shared: Dialer) -> None:
    document = await document_of(shared)
    html, _ = await fetch(shared, "/docs")
    page = _Page()
    page.feed(html)
    sections = html.split("<section ")[1:]
    by_id = {section.split('"')[1]: section for section in sections}
    assert set(by_id) == {operation["operationId"] for _, _, operation in operations(document)}
    for method, path, operation in operations(document):
        section = by_id[operation["operationId"]]
        assert f'<span class="method">{method}</span> <code>{path}</code>' in section
        fields = {one["name"] for one in operation.get("parameters", [])}
        for content in operation.get("requestBody", {}).get("content", {}).values():
            fields |= set(fields_of(document, content["schema"]))
        for field in fields:
            assert f"<code>{field}</code>" in section, f"{method} {path}: {field}"
    for noise in ("[0-9", "\\u0000", "patternProperties", "9,223", "None"):
        assert noise not in page.text


def fields_of(document: dict[str, Any], schema: Any) -> Iterator[str]:
    """Every field of a body, those of objects in it too."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield from fields_of(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
        for name, one in schema.get("properties", {}).items():
            if one is not False:
                yield name
                yield from fields_of(document, one)
        for key in ("anyOf", "items"):
            yield from fields_of(document, schema.get(key))
    elif isinstance(schema, list):
        for one in schema:
            yield from fields_of(document, one)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a `b` c", [(False, "a "), (True, "b"), (False, " c")]), ("`b`", [(True, "b")]), ("", [])],
)
def test_code_in_descriptions_is_marked(text: str, parts: list[tuple[bool, str]]) -> None:
    assert marked(text) == parts
