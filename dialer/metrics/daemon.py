"""The daemon as a whole: does it dial, its tasks, its process and event loop."""

import asyncio
from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from dialer.metrics.buckets import QUICK_S

LOOK_S = 0.5
TASK_STATES = ("open", "paused", "closed")


class DaemonMetrics:
    """What /health says in words, and what only figures say."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Info("autodialer_build", "Which dialer this is", registry=registry).info({"version": version})
        self.dialling = Gauge("autodialer_dialling", "1: calls are begun (if any are due)", registry=registry)
        self.draining = Gauge("autodialer_draining", "1: it ends after the calls in progress", registry=registry)
        self.troubled = Gauge("autodialer_troubled", "1: something is wrong, /health says what", registry=registry)
        self._tasks = Gauge("autodialer_tasks", "Tasks, by state", ("state",), registry=registry)
        self.nobody_free = Gauge(
            "autodialer_internal_numbers_without_free_employee",
            "Internal numbers of open tasks at which nobody is free",
            registry=registry,
        )
        self._slowed_down = Gauge(
            "autodialer_slowed_down",
            "1: a trunk, or Asterisk, gets fewer calls a second for a while",
            ("trunk",),
            registry=registry,
        )
        self.pace = Gauge(
            "autodialer_pace_calls_per_second",
            "So many calls a second may begin without Asterisk's delays growing, as found by themselves",
            registry=registry,
        )
        self._lag = Histogram(
            "autodialer_event_loop_lag_seconds",
            "How late the event loop comes to a timer: everything waits for it",
            buckets=QUICK_S,
            registry=registry,
        )

    def show_tasks(self, counts: Mapping[str, int]) -> None:
        for state in TASK_STATES:
            self._tasks.labels(state).set(counts.get(state, 0))

    def show_slowed_down(self, trunks: Mapping[str, bool]) -> None:
        for name, slowed_down in trunks.items():
            self._slowed_down.labels(name).set(slowed_down)

    async def watch_loop(self) -> None:
        """Serve until cancelled: look twice a second how late it is."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._lag.observe(max(0.0, loop.time() - due_s))
