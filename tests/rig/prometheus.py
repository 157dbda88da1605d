"""Reading what /metrics says, and Debian's own Prometheus to judge it."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.rig.daemon import Dialer

RIG_DIR = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sample:
    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Exposed:
    """One answer of /metrics."""

    samples: tuple[Sample, ...]
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> "Exposed":
        families = text_string_to_metric_families(text)
        return cls(
            tuple(Sample(one.name, one.labels, one.value) for family in families for one in family.samples), text
        )

    def of(self, name: str, **labels: str) -> Iterator[Sample]:
        for sample in self.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels; KeyError when the metric is not there at all."""
        if not any(sample.name == name for sample in self.samples):
            raise KeyError(name)
        return sum(sample.value for sample in self.of(name, **labels))

    def counts(self, name: str, label: str) -> dict[str, float]:
        """What is not 0, by the values of a label."""
        values: dict[str, float] = {}
        for sample in self.of(name):
            values[sample.labels[label]] = values.get(sample.labels[label], 0) + sample.value
        return {value: count for value, count in values.items() if count}

    def labels_of(self, name: str) -> dict[str, set[str]]:
        """Labels with their values; empty for a metric that is not there, too."""
        labels: dict[str, set[str]] = {}
        for sample in self.of(name):
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
        return labels


async def metrics_of(dialer: Dialer) -> Exposed:
    assert dialer.session is not None, "start() first"
    async with dialer.session.get(f"{dialer.url}/metrics") as response:
        assert response.status == 200
        return Exposed.parse(await response.text())


def program(name: str) -> str:
    """`prometheus` or `promtool`."""
    done = subprocess.run([RIG_DIR / "prometheus.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return str(Path(done.stdout.splitlines()[-1]) / name)


def promtool(*arguments: str | Path, given: str = "") -> str:
    """What promtool prints; AssertionError with it when promtool is not content."""
    done = subprocess.run(
        [program("promtool"), *arguments], input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout
