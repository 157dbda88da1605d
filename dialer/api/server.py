"""The HTTP application: routes, who may call, and what an error looks like."""

import ipaddress
import logging
from collections.abc import Iterable
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dialer.api.description import ApiDescription
from dialer.api.endpoint import Endpoint, Group
from dialer.api.mikopbx.envelope import RefusedError, refusal
from dialer.api.mikopbx.serving import Serve
from dialer.store.database import StoreError

log = logging.getLogger(__name__)
MIKOPBX_BASE = "/pbxcore/api/module-dialer/v1"
NOT_AUTHENTICATED = {"error": ["The user isn't authenticated."]}
_KEPT_HEADERS = ("Allow", "Retry-After")
"""Of what aiohttp refuses."""
_PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


class Resource(Protocol):
    """One module of a facade."""

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]: ...


def build_http(
    mikopbx: Iterable[Resource], plain: Iterable[Resource], serve: Serve, *, trust_local: bool, max_body_mb: int
) -> web.Application:
    """The MikoPBX facade below its base path, and what has no base path."""
    application = web.Application(
        middlewares=[_errors_in_envelope, _only_local(trust_local)], client_max_size=max_body_mb * 1024 * 1024
    )
    groups = [
        Group("MikoPBX", MIKOPBX_BASE, tuple(one for resource in mikopbx for one in resource.endpoints()), serve=serve),
        Group("Daemon", "", tuple(one for resource in plain for one in resource.endpoints()), serve=serve),
    ]
    groups.append(Group("Description", "", ApiDescription(groups).endpoints(), serve=serve))
    for group in groups:
        application.add_routes(group.routes())
    return application


def _only_local(trust_local: bool) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not (trust_local and _is_local(request)):
            return refusal(NOT_AUTHENTICATED, status=401)
        return await handler(request)

    return check


def _is_local(request: web.Request) -> bool:
    """From this machine itself; a request that a reverse proxy passed on is not."""
    if any(header in request.headers for header in _PASSED_ON):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


@web.middleware
async def _errors_in_envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as error:
        return refusal(error.messages, error.data)
    except web.HTTPRequestEntityTooLarge as error:
        return refusal([f"body: too large: {error.text}"], status=413)
    except web.HTTPException as error:
        kept = {name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers}
        return refusal([f"{request.method} {request.path[:200]}: {error.reason}"], status=error.status, headers=kept)
    except StoreError as error:
        return refusal([str(error)], status=503)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return refusal(["internal error, see the daemon's log"], status=500)
