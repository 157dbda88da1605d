"""All metrics of one daemon, in a registry of their own, as Prometheus reads them."""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from dialer.metrics.calls import AgiMetrics, CallMetrics
from dialer.metrics.daemon import DaemonMetrics
from dialer.metrics.database import DatabaseMetrics
from dialer.metrics.outbox import OutboxMetrics
from dialer.metrics.pbx import AmiMetrics
from dialer.metrics.rest import RestMetrics
from dialer.metrics.speech import SpeechMetrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a fifth of all series, which nobody reads


async def _nothing() -> None:
    """Nothing has to be looked at."""


class Metrics:
    """Counters are told what happens; gauges are set by `look` when somebody reads."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.calls = CallMetrics(self.registry)
        self.agi = AgiMetrics(self.registry)
        self.ami = AmiMetrics(self.registry)
        self.speech = SpeechMetrics(self.registry)
        self.database = DatabaseMetrics(self.registry)
        self.outbox = OutboxMetrics(self.registry)
        self.rest = RestMetrics(self.registry)
        self.daemon = DaemonMetrics(self.registry, version)
        self.look: Callable[[], Awaitable[None]] = _nothing
        """Sets the gauges to what is now."""

    async def render(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the format that an Accept header asks for, and its media type. Encoded by a thread: calls are
        served meanwhile."""
        await self.look()
        encode, media_type = choose_encoder(accept)
        return await asyncio.to_thread(encode, self.registry), media_type
