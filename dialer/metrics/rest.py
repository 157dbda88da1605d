"""REST: requests by what was asked, and how it ended."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from dialer.metrics.buckets import REQUEST_S

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RestMetrics:
    """By route template (`/task/{id}`), never by path: what is asked for is the client's word."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "autodialer_http_requests",
            'Requests answered, by method, route and HTTP status; route "": none',
            ("method", "route", "status"),
            registry=registry,
        )
        self._time = Histogram(
            "autodialer_http_request_seconds",
            "Time from the request's head until its reply is ready; streams of events are not counted",
            ("method", "route"),
            buckets=REQUEST_S,
            registry=registry,
        )
        self.in_flight = Gauge("autodialer_http_requests_in_flight", "Requests being answered", registry=registry)

    def answered(self, method: str, route: str, status: int, took_s: float | None) -> None:
        """`took_s`: None for what lasts as long as the client likes."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        if took_s is not None:
            self._time.labels(method, route).observe(took_s)
