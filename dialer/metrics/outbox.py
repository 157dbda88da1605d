"""The outbox: events for the CRM's receivers."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge


class OutboxMetrics:
    """Receivers are not named: their addresses are the CRM's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tries = Counter(
            "autodialer_outbox_tries", "Tries to deliver an event, by what came of it", ("result",), registry=registry
        )
        self._given_up = Counter("autodialer_outbox_given_up", "Events that are not tried any more", registry=registry)
        self._waiting = Gauge(
            "autodialer_outbox_events_waiting", "Events to be delivered (counted every 2 s or more)", registry=registry
        )
        self._dead = Gauge(
            "autodialer_outbox_events_dead", "Events given up that are kept for a replay", registry=registry
        )
        self._resting = Gauge(
            "autodialer_outbox_receivers_resting", "Receivers that did not take the last event", registry=registry
        )
        for result in ("delivered", "failed"):
            self._tries.labels(result)

    def tried(self, delivered: bool) -> None:
        self._tries.labels("delivered" if delivered else "failed").inc()

    def given_up(self, count: int) -> None:
        self._given_up.inc(count)

    def show(self, report: Mapping[str, object]) -> None:
        """What /health says of it."""
        for gauge, name in ((self._waiting, "waiting"), (self._dead, "dead")):
            gauge.set(int(str(report[name])))
        resting = report["resting"]
        self._resting.set(len(resting) if isinstance(resting, Mapping) else 0)
