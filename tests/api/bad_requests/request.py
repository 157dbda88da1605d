"""A bad request as bytes on the wire, and how good ones are put together."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

Headers = Sequence[tuple[str, str | bytes]]
Json = dict[str, Any]
START = "/admin-cabinet/session/start"
NO_SUCH = "no-such-thing-7b1f"
"""For what must not be there."""
USER = "anna"
"""Made by the first good request that makes users."""
PHONE = "79522233446"


@dataclass(frozen=True, slots=True)
class BadRequest:
    """What is sent over one connection, of which no good may come."""

    kind: str
    name: str
    """What is wrong with it."""
    wire: bytes
    leaves: bool = False
    """The client ends its sending afterwards; otherwise it waits."""
    may_be_closed: bool = False
    """To close the connection without a word is an answer, too."""


@dataclass(frozen=True)
class Site:
    """A daemon: how it is addressed, what it serves, and what is not to be touched there."""

    host: str
    """`Host` of a good request."""
    document: Json
    """Its /openapi.json."""
    key: str | None = None
    """An API key."""
    task_id: str = "999999999999999999"
    """The task that bad PUTs are for; one that is not there does, too."""
    max_body_mb: int | None = None
    """Its setting; None: no body is made that is larger."""

    def as_nobody(self) -> "Site":
        """Requests without the key."""
        return replace(self, key=None)

    def request(
        self, method: str, target: str | bytes, body: bytes | None = None, headers: Headers = (), *, close: bool = True
    ) -> bytes:
        """A request; `headers` that are not named there are those of a good one."""
        sent = {name.lower() for name, _ in headers}
        usual: list[tuple[str, str | bytes]] = [("Host", self.host)]
        if close:
            usual.append(("Connection", "close"))
        if self.key is not None:
            usual.append(("Authorization", f"Bearer {self.key}"))
        if body is not None:
            usual.append(("Content-Length", str(len(body))))
        lines = [b" ".join((method.encode(), _bytes(target), b"HTTP/1.1"))]
        lines += [
            name.encode() + b": " + _bytes(value)
            for name, value in (*(one for one in usual if one[0].lower() not in sent), *headers)
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")

    def calls(self) -> Iterator[tuple[str, str, Json]]:
        """Method, path (with `{name}`) and description of every call."""
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation

    def json_calls(self) -> Iterator[tuple[str, str, Json]]:
        """Method, path and the body's schema of the calls that take JSON."""
        for method, path, operation in self.calls():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                yield method, self.filled(path), content["application/json"]["schema"]

    def upload_paths(self) -> list[str]:
        """Where files are posted."""
        return [
            path
            for _, path, operation in self.calls()
            if "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
        ]

    def filled(self, path: str, segment: str | None = None) -> str:
        """The path with something for its `{name}`: that which is not there, or `segment`."""
        begin, brace, rest = path.partition("{")
        if not brace:
            return path
        usual = self.task_id if "/task/" in path or "/tasks/" in path else USER if "/users/" in path else NO_SUCH
        return f"{begin}{usual if segment is None else segment}{rest.partition('}')[2]}"

    def examples(self, schema: Json) -> list[Any]:
        """Good bodies, as the document shows them; of a body that may have several shapes, those of each."""
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        shapes = [example for shape in schema.get("anyOf", ()) for example in self.examples(shape)]
        return [*schema.get("examples", ()), *shapes]

    def path(self, ending: str) -> str:
        """The path of the document with this ending."""
        return next(path for _, path, _ in self.calls() if path.endswith(ending))

    def good_client(self) -> bytes:
        """A body that would be stored if any of the request were believed."""
        return as_json([{"crmId": f"{NO_SUCH}-client", "name": "bad", "phones": [PHONE], "properties": []}])

    def good_post(self) -> bytes:
        """A whole request that would be stored if it were served."""
        return self.request("POST", self.path("/client"), self.good_client())


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
