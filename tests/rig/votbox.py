"""A client program and a notification receiver as CRMs written for VotBox have them."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from defusedxml import ElementTree  # type: ignore[import-untyped]

from dialer.api.access.passwords import hash_password

ACCOUNT, PASSWORD = "crm", "a password of the tests"
CALLER_IDS = {"1": "78123350515", "2": "78123350516"}


def md5(password: str) -> str:
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()


def settings(name: str = ACCOUNT, password: str = PASSWORD, **more: Any) -> dict[str, dict[str, Any]]:
    """An account for the rig's daemon."""
    return {
        f"votbox.accounts.{name}": {"password_hash": hash_password(md5(password)), **more},
        f"votbox.accounts.{name}.caller_ids": dict(CALLER_IDS),
    }


@dataclass(frozen=True)
class Reply:
    """A reply as a client program sees it: the error, and the elements of <data> with their attributes."""

    code: int
    message: str
    elements: list[tuple[str, dict[str, str]]]
    warnings: list[dict[str, str]]
    content: bytes
    content_type: str

    def all(self, name: str) -> list[dict[str, str]]:
        return [attributes for element, attributes in self.elements if element == name]

    def one(self, name: str) -> dict[str, str]:
        (found,) = self.all(name)
        return found


class VotboxClient:
    """Posts forms to /api/NAME.api.php."""

    def __init__(self, session: aiohttp.ClientSession, base: str, name: str = ACCOUNT, password: str = PASSWORD):
        self._session = session
        self._base = base
        self._name = name
        self._password = password

    async def post(
        self,
        call: str,
        fields: Mapping[str, object] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        *,
        path: str | None = None,
    ) -> Reply:
        """Multipart with files, url-encoded without; the reply, whatever its error."""
        sent = {"username": self._name, "password": md5(self._password), **(fields or {})}
        data: Any = {name: str(value) for name, value in sent.items()}
        if files:
            form = aiohttp.FormData(quote_fields=False)
            for name, value in data.items():
                form.add_field(name, value)
            for name, (filename, content) in files.items():
                form.add_field(name, content, filename=filename, content_type="application/octet-stream")
            data = form
        address = self._base + (path or f"/api/{call}.api.php")
        async with self._session.post(address, data=data) as response:
            content = await response.read()
            assert response.status == 200, content[:500]
            return read_reply(content, response.content_type)

    async def ok(
        self,
        call: str,
        fields: Mapping[str, object] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Reply:
        reply = await self.post(call, fields, files)
        assert reply.code == 0, reply.message
        return reply


def read_reply(content: bytes, content_type: str = "text/xml") -> Reply:
    if not content.startswith(b"<"):
        return Reply(0, "", [], [], content, content_type)
    root = ElementTree.fromstring(content)
    assert root.tag == "response"
    error = root[0]
    assert error.tag == "error"
    data = root.find("data")
    elements = [] if data is None else [(one.tag, dict(one.attrib)) for one in data]
    warnings = [dict(one.attrib) for one in root.findall("warning")]
    return Reply(int(error.attrib["code"]), error.attrib["message"], elements, warnings, content, content_type)


@dataclass
class NotifyUrl:
    """Takes notifications: their queries, in the order in which they came."""

    queries: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/requestlog.php/?from=votbox"

    def states_of(self, item_id: str) -> list[str]:
        return [query["STATE"] for query in self.of(item_id)]

    def of(self, item_id: str) -> list[dict[str, str]]:
        return [query for query in self.queries if query["CALLID"] == item_id]

    async def get(self, request: web.Request) -> web.Response:
        assert request.query["from"] == "votbox"
        self.queries.append({name: value for name, value in request.query.items() if name != "from"})
        return web.Response(text="OK")


@asynccontextmanager
async def notified() -> AsyncIterator[NotifyUrl]:
    receiver = NotifyUrl()
    application = web.Application()
    application.router.add_get("/requestlog.php/", receiver.get)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()
