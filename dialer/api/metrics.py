"""GET /metrics, and the middleware that counts requests."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dialer.api.endpoint import Answer, Endpoint, Nothing
from dialer.api.mikopbx.serving import Call

Render = Callable[[str], Awaitable[tuple[bytes, str]]]
CLIENT_LEFT = 499
"""In place of a status where there was nobody to give one to, as nginx writes it."""
ENDLESS = "text/event-stream"


class MetricsPage:
    """For Prometheus: any caller may read, a key with the role read-only is enough."""

    def __init__(self, render: Render) -> None:
        """`render`: body and media type for an Accept header."""
        self._render = render

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        answers = {
            200: Answer(
                "Metrics in Prometheus' text format, or in OpenMetrics where Accept asks for it",
                media_type="text/plain",
                others={"application/openmetrics-text": None},
            )
        }
        return (Endpoint("GET", "/metrics", self.get, "Metrics for Prometheus", answers),)

    async def get(self, call: Call[Nothing, Nothing, None]) -> web.Response:
        body, media_type = await self._render(call.request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": media_type})


def counting(in_flight: Callable[[int], object], on_end: Callable[[str, str, int, float | None], object]) -> Middleware:
    """The outermost middleware. `in_flight`: one more, one less; `on_end`: method, route, status,
    seconds (None: as long as the client likes)."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_s, status, endless = time.perf_counter(), CLIENT_LEFT, False
        in_flight(1)
        try:
            response = await handler(request)
            status, endless = response.status, response.content_type == ENDLESS
            return response
        finally:
            took_s = None if endless else time.perf_counter() - began_s
            in_flight(-1)
            on_end(request.method, _route_of(request), status, took_s)

    return count


def _route_of(request: web.Request) -> str:
    """The route as it is declared; empty: there is none."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical
