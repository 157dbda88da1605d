"""The console's own files."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from dialer.api.access.addresses import Peers
from dialer.api.access.gate import Gate
from dialer.api.access.passwords import Password
from dialer.api.console.files import POLICY, ConsoleFiles
from dialer.api.server import build_http

Client = TestClient[Any, Any]


async def _serve(_request: Any) -> Any:
    raise AssertionError("nothing is asked here")


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Nobody is trusted; the files are the test's own."""
    folder = tmp_path / "console"
    assets = folder / "assets"
    (assets / "ru").mkdir(parents=True)
    (folder / "beside.js").write_text("not of the console")
    (folder / "index.html").write_text("<!doctype html><title>Консоль</title>")
    (assets / "app.js").write_text("'use strict';")
    (assets / "ru" / "words.json").write_text("{}")
    (assets / "secret.py").write_text("not of the console")
    (assets / "icon.svg").write_text("<svg/>")
    (tmp_path / "outside.js").write_text("not of the console")
    absent: Any = None
    gate = Gate(absent, Peers([], own_tls=False), Password("admin", ""), trust_local=False)
    application = build_http((), (), lambda _endpoint: _serve, gate, max_body_mb=1)
    application.add_routes(ConsoleFiles(folder).routes())
    async with TestClient(TestServer(application)) as opened:
        yield opened


async def test_the_page_is_for_everybody_and_may_load_nothing_from_elsewhere(client: Client) -> None:
    response = await client.get("/")
    assert response.status == 200
    assert response.content_type == "text/html"
    assert "Консоль" in await response.text()
    assert response.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-cache"
    assert "Server" not in response.headers


async def test_a_file_that_is_known_is_not_sent_again(client: Client) -> None:
    response = await client.get("/console/assets/app.js")
    assert response.content_type == "text/javascript"
    tag = response.headers["ETag"]
    again = await client.get("/console/assets/app.js", headers={"If-None-Match": tag})
    assert (again.status, await again.read()) == (304, b"")
    other = await client.get("/console/assets/app.js", headers={"If-None-Match": '"other"'})
    assert other.status == 200
    head = await client.head("/console/assets/ru/words.json")
    assert (head.status, head.content_type, await head.read()) == (200, "application/json", b"")
    assert head.headers["ETag"]


async def test_the_icon_that_browsers_ask_for_is_there(client: Client) -> None:
    response = await client.get("/favicon.ico")
    assert (response.status, response.content_type) == (200, "image/svg+xml")


async def test_nothing_else_can_be_asked_for(client: Client) -> None:
    for path in (
        "../outside.js", "../beside.js", "..%2fbeside.js", "beside.js", "..%2foutside.js",
        "%2e%2e/outside.js", "ru/../../outside.js", "ru/%2e%2e/%2e%2e/outside.js",
        "//etc/passwd", "%2fetc/passwd", "secret.py", "app.js%00", "ru", "ru/", ".", "app.js/",
    ):  # fmt: skip
        response = await client.get(URL(f"/console/assets/{path}", encoded=True))
        assert response.status in (401, 404), path
        assert b"not of the console" not in await response.read(), path
    assert (await client.post("/")).status in (401, 405)
    assert (await client.get("/console/v1/me")).status == 401


async def test_a_daemon_without_the_files_has_no_page(tmp_path: Path) -> None:
    assert ConsoleFiles(tmp_path).routes() == []
