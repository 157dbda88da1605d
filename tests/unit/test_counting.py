"""Counters and histograms of ours are shown as prometheus_client shows its own."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import DuplicateTimeseries

from dialer.metrics import exposition  # noqa: F401 - says that nobody reads when a series was made
from dialer.metrics.counting import Spread, Tally

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
BOUNDS = (0.001, 0.5, 1.0, 10)
VALUES = (0.0, 0.001, 0.0010001, 0.5, 0.75, 1.0, 10.0, 11.0, 1e9)


def shown(registry: CollectorRegistry, accept: str) -> str:
    encode, _ = choose_encoder(accept)
    text: Any = encode(registry)
    return str(text.decode())


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_a_tally_is_shown_as_a_counter(accept: str) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tally("calls", "Of a day", ("outcome", "kind"), registry=ours)
    counter = Counter("calls", "Of a day", ("outcome", "kind"), registry=theirs)
    tally.expect("busy", "script")
    counter.labels("busy", "script")
    for outcome in ("busy", 'a "quoted" word\n', "busy"):
        tally.add(outcome, "exten")
        counter.labels(outcome, "exten").inc()
    Tally("commits", "Refused", registry=ours)
    Counter("commits", "Refused", registry=theirs)
    assert shown(ours, accept) == shown(theirs, accept)


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_a_spread_is_shown_as_a_histogram(accept: str) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spread("wait_seconds", "Of a call", ("script",), buckets=BOUNDS, registry=ours)
    histogram = Histogram("wait_seconds", "Of a call", ("script",), buckets=BOUNDS, registry=theirs)
    spread.expect("dialogue")
    histogram.labels("dialogue")
    for value in VALUES:
        spread.observe(value, "claim")
        histogram.labels("claim").observe(value)
    Spread("group", "Of a commit", buckets=BOUNDS, registry=ours)
    Histogram("group", "Of a commit", buckets=BOUNDS, registry=theirs)
    assert shown(ours, accept) == shown(theirs, accept)


def test_no_name_is_used_twice() -> None:
    registry = CollectorRegistry()
    Tally("calls", "Of a day", registry=registry)
    with pytest.raises(DuplicateTimeseries):
        Counter("calls", "Of a day", registry=registry)
