"""The console itself: its files, to everybody. There is nothing secret in them; what they ask for is behind the gate.

All of them are read at the start, and nothing else can be asked for: a name is looked up, it is no path.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from dialer.api.access.gate import OPEN

ASSETS = "/console/assets"
INDEX = "index.html"
ICONS = ("favicon.ico", "icon.svg")
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, no script or style inside a page."""
_KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    tag: str


class ConsoleFiles:
    """`index.html` at /, what is in the folder `assets` below /console/assets/."""

    def __init__(self, folder: Path) -> None:
        """`folder`: with `index.html`, and `assets`, with folders or without."""
        self._index = _read(folder / INDEX) if (folder / INDEX).is_file() else None
        assets = folder / "assets"
        self._assets = {
            path.relative_to(assets).as_posix(): _read(path)
            for path in sorted(assets.rglob("*"))
            if path.is_file() and path.suffix in _KINDS
        }

    def routes(self) -> list[web.RouteDef]:
        if self._index is None:
            return []
        return [
            web.get("/", self._page, name=f"{OPEN}page"),
            web.get("/favicon.ico", self._icon, name=f"{OPEN}icon"),
            web.get(ASSETS + "/{name:.+}", self._asset, name=f"{OPEN}asset"),
        ]

    async def _page(self, request: web.Request) -> web.Response:
        return _answer(request, self._index)

    async def _icon(self, request: web.Request) -> web.Response:
        """What browsers ask for without being told to."""
        found = next((self._assets[name] for name in ICONS if name in self._assets), None)
        return web.Response(status=204) if found is None else _answer(request, found)

    async def _asset(self, request: web.Request) -> web.Response:
        return _answer(request, self._assets.get(request.match_info["name"]))


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _File(content, _KINDS[path.suffix], hashlib.sha256(content).hexdigest()[:32])


def _answer(request: web.Request, file: _File | None) -> web.Response:
    if file is None:
        raise web.HTTPNotFound
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-cache",
        "ETag": f'"{file.tag}"',
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    known = request.if_none_match or ()
    if any(tag.value in (file.tag, "*") for tag in known):
        return web.Response(status=304, headers=headers)
    charset = "utf-8" if file.kind.startswith(("text/", "application/")) else None
    return web.Response(body=file.content, content_type=file.kind, charset=charset, headers=headers)
