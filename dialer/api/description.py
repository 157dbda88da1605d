"""/openapi.json and /docs"""

import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from dialer.api.docs import POLICY, render_docs
from dialer.api.endpoint import Answer, Endpoint, Group, Nothing
from dialer.api.mikopbx.replies import Refused
from dialer.api.mikopbx.serving import Call
from dialer.api.openapi import describe

COMMON = {
    401: Answer("Not logged in", Refused),
    403: Answer("Not allowed for this key", Refused),
    408: Answer("The body came too slowly", Refused),
    413: Answer("The body is too large", Refused),
    415: Answer("The body is compressed (Content-Encoding)", Refused),
    417: Answer("Expect asks for something else than 100-continue", Refused),
    429: Answer("Too many failed logins from this address", Refused),
    503: Answer("The database cannot be used just now; nothing was stored", Refused),
}
"""What any call may answer beside its own answers."""


class ApiDescription:
    """The API as it is declared. Built once, at the first look."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._document: dict[str, Any] | None = None
        self._text = b""
        self._page = ""

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/openapi.json", self.openapi, "This description for programs",
                     {200: Answer("OpenAPI 3.1", dict[str, Any])}),
            Endpoint("GET", "/docs", self.docs, "This description for readers",
                     {200: Answer("A page", media_type="text/html")}),
        )  # fmt: skip

    async def openapi(self, _call: Call[Nothing, Nothing, None]) -> web.Response:
        self._text = self._text or json.dumps(self._described()).encode()
        return web.Response(body=self._text, content_type="application/json", charset="utf-8")

    async def docs(self, _call: Call[Nothing, Nothing, None]) -> web.Response:
        self._page = self._page or render_docs(self._described())
        return web.Response(text=self._page, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    def _described(self) -> dict[str, Any]:
        self._document = self._document or describe(self._groups, COMMON)
        return self._document
