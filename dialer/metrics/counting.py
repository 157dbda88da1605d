"""Counters and histograms of what every call counts. prometheus_client's own take a lock, and ask themselves each time
whether they may count: that was a twentieth of a call. These are plain numbers, told by the event loop only; the client
reads them when somebody asks for the metrics, by a thread of its own, and writes them as it does its own."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class _Counted(Collector, ABC):
    def __init__(self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """For the registry, which lets no name be used twice."""
        return [self._family()]

    @abstractmethod
    def _family(self) -> Metric:
        """Without its figures."""


class Tally(_Counted):
    """How often something has happened, by labels."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str] = (), *, registry: CollectorRegistry
    ) -> None:
        self._counts: dict[Labels, int] = {}
        super().__init__(name, documentation, labels, registry)
        if not labels:
            self.expect()

    def expect(self, *labels: str) -> None:
        """Show these labels also while nothing has happened."""
        self._counts.setdefault(labels, 0)

    def add(self, *labels: str) -> None:
        """It has happened once more."""
        try:
            self._counts[labels] += 1
        except KeyError:
            self._counts[labels] = 1

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        for labels, count in self._counts.copy().items():
            family.add_metric([str(label) for label in labels], count)
        return [family]

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._name, self._documentation, labels=self._labels)


class Spread(_Counted):
    """How large values have been, by labels."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        """`buckets`: bounds, the least first."""
        self._bounds = list(buckets)
        self._counts: dict[Labels, list[int]] = {}
        """By bucket; the last one has what is above all bounds."""
        self._sums: dict[Labels, float] = {}
        super().__init__(name, documentation, labels, registry)
        if not labels:
            self.expect()

    def expect(self, *labels: str) -> None:
        """Show these labels also while nothing has been observed."""
        self._sums.setdefault(labels, 0.0)
        self._counts.setdefault(labels, [0] * (len(self._bounds) + 1))

    def observe(self, value: float, *labels: str) -> None:
        if labels not in self._counts:
            self.expect(*labels)
        self._counts[labels][bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        for labels, counts in self._counts.copy().items():
            so_far, buckets = 0, list[tuple[str, float]]()
            for name, count in zip(names, counts, strict=True):
                so_far += count
                buckets.append((name, so_far))
            family.add_metric([str(label) for label in labels], buckets, self._sums[labels])
        return [family]

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
