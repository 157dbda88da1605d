"""The one writer of the database."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from dialer.metrics.buckets import COMMIT_S, GROUP
from dialer.metrics.counting import Spread


class DatabaseMetrics:
    """Everything that is acknowledged, a leave to dial above all, waits for a commit."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._commit = Spread(
            "autodialer_database_commit_seconds",
            "Time of a commit, its operations included",
            buckets=COMMIT_S,
            registry=registry,
        )
        self._group = Spread(
            "autodialer_database_commit_operations", "Operations of one commit", buckets=GROUP, registry=registry
        )
        self._failed = Counter(
            "autodialer_database_commits_failed", "Commits that the database refused", registry=registry
        )
        self.waiting = Gauge(
            "autodialer_database_operations_waiting", "Operations that wait for the writer", registry=registry
        )

    def committed(self, operations: int, took_s: float) -> None:
        self._commit.observe(took_s)
        self._group.observe(operations)

    def failed(self) -> None:
        self._failed.inc()
