"""The HTTP application: routes, who may call, and what an error looks like."""

import logging
from collections.abc import Iterable
from typing import Any, Protocol

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.typedefs import Handler, Middleware

from dialer.api.access.gate import Gate
from dialer.api.access.login import OPEN_PATHS
from dialer.api.connections import NO_REQUEST
from dialer.api.console import CONSOLE_BASE
from dialer.api.description import ApiDescription
from dialer.api.endpoint import Endpoint, Group
from dialer.api.mikopbx import MIKOPBX_BASE
from dialer.api.mikopbx.envelope import RefusedError, refusal
from dialer.api.mikopbx.serving import Serve
from dialer.store.database import StoreError

log = logging.getLogger(__name__)
_VERSIONS = (HttpVersion10, HttpVersion11)
"""aiohttp takes 0.9 and 2.0, too, and answers in kind."""
_TARGETS = ("/", "http://", "https://", "*")
"""What a request may ask for (RFC 9112, section 3.2): a path, or a whole URL; aiohttp takes any scheme."""
_KEPT_HEADERS = ("Allow", "Connection", "Retry-After")
"""Of what aiohttp refuses."""


class Resource(Protocol):
    """One module of a facade."""

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]: ...


def build_http(
    mikopbx: Iterable[Resource],
    plain: Iterable[Resource],
    serve: Serve,
    gate: Gate,
    *,
    max_body_mb: int,
    console: Iterable[Resource] = (),
    outermost: Iterable[Middleware] = (),
) -> web.Application:
    """The MikoPBX facade and the console's calls below their base paths, and what has no base path."""
    application = web.Application(
        middlewares=[*outermost, _errors_in_envelope, gate.middleware(OPEN_PATHS), _plain_bodies],
        client_max_size=max_body_mb * 1024 * 1024,
    )
    groups = [
        Group("MikoPBX", MIKOPBX_BASE, tuple(one for resource in mikopbx for one in resource.endpoints()), serve=serve),
        Group("Console", CONSOLE_BASE, tuple(one for resource in console for one in resource.endpoints()), serve=serve),
        Group("Daemon", "", tuple(one for resource in plain for one in resource.endpoints()), serve=serve),
    ]
    groups.append(Group("Description", "", ApiDescription(groups).endpoints(), serve=serve))
    for group in groups:
        application.add_routes(group.routes())
    application.on_response_prepare.append(_say_little)
    return application


@web.middleware
async def _plain_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Bodies are taken as they come: a compressed one may be of any size, and calls would wait while it is inflated.
    Who waits to be told to send one is told here, behind the gate."""
    encodings = {value.strip().lower() for value in request.headers.getall("Content-Encoding", ())}
    if encodings - {"identity", ""}:
        return refusal(["Content-Encoding: a body that is not compressed expected"], status=415)
    expected = request.headers.get("Expect")
    if expected is not None and expected.lower() != "100-continue":
        return refusal([f"Expect: 100-continue expected, got {expected[:60]!r}"], status=417)
    if expected is not None and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # what comes next is the reply's head
    return await handler(request)


async def _say_little(_request: web.Request, response: web.StreamResponse) -> None:
    """Which program answers, and its version, is nobody's business; what is answered is for the caller only."""
    response.headers.pop("Server", None)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"


@web.middleware
async def _errors_in_envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    target = request.raw_path.lower()
    if request.version not in _VERSIONS or not target.startswith(_TARGETS):
        return refusal([NO_REQUEST], status=400, headers={"Connection": "close"})
    try:
        return await handler(request)
    except RefusedError as error:
        return refusal(error.messages, error.data)
    except web.HTTPRequestEntityTooLarge as error:
        return refusal([f"body: too large: {error.text}"], status=413)
    except web.HTTPException as error:
        kept = {name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers}
        return refusal([f"{request.method} {request.path[:200]}: {error.reason}"], status=error.status, headers=kept)
    except web.RequestPayloadError:
        return refusal(["body: broken off, or not encoded as it says"], status=400, headers={"Connection": "close"})
    except StoreError as error:
        return refusal([str(error)], status=503)
    except ConnectionError:
        if request.transport is not None:
            raise
        log.debug("%s %s: the client left amid its request", request.method, _route_of(request))
        return refusal(["the client has left"], status=400)
    except Exception:
        log.exception("%s %s failed", request.method, _route_of(request))
        return refusal(["internal error, see the daemon's log"], status=500)


def _route_of(request: web.Request) -> str:
    """As it is declared: a path may hold a telephone."""
    resource = request.match_info.route.resource
    return "(no such path)" if resource is None else resource.canonical
