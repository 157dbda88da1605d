"""AMI: is it there, how old its news are when they are handled, and what waits."""

import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram

from dialer.metrics.buckets import QUICK_S
from dialer.metrics.counting import Spread, Tally


class AmiMetrics:
    """Events are handled as they are read: what waits for us waits in the connection (`…_unread_bytes`)."""

    def __init__(self, registry: CollectorRegistry, wall: Callable[[], float] = time.time) -> None:
        """`wall`: Unix seconds."""
        self._wall = wall
        self._messages = Tally(
            "autodialer_ami_messages", "AMI messages read: events by name, responses", ("event",), registry=registry
        )
        self._lag = Spread(
            "autodialer_ami_event_lag_seconds",
            "Age of our dialplan's events when they are handled, by the time that it writes into them",
            buckets=(*QUICK_S, 10.0),
            registry=registry,
        )
        self._ping = Histogram(
            "autodialer_ami_ping_seconds",
            "Round trip of a ping, sent every 3 s: it waits behind the events that Asterisk has not written yet and "
            "those that we have not read yet",
            buckets=QUICK_S,
            registry=registry,
        )
        self.ready = Gauge("autodialer_ami_ready", "1: logged in to a fully booted Asterisk", registry=registry)
        self.unread = Gauge(
            "autodialer_ami_unread_bytes", "Written by Asterisk, not read by the dialer yet", registry=registry
        )
        self.actions = Gauge("autodialer_ami_actions_waiting", "Actions that wait for their answer", registry=registry)
        self.to_forget = Gauge(
            "autodialer_astdb_records_to_remove",
            "Records of ended calls that are committed here and not removed from AstDB yet",
            registry=registry,
        )
        self._messages.expect("Response")
        self.events: frozenset[str] = frozenset()
        """The names that are counted by themselves."""

    def heard(self, message: Mapping[str, str]) -> None:
        """A message has been read; its headers' names are in small letters."""
        event = message.get("event")
        if event is None:
            self._messages.add("Response")
            return
        self._messages.add(event if event in self.events else "other")
        stamp = message.get("sent")
        if stamp is not None:
            try:
                at_s = float(stamp)
            except ValueError:
                return
            self._lag.observe(max(0.0, self._wall() - at_s))

    def pinged(self, round_trip_s: float) -> None:
        self._ping.observe(round_trip_s)
