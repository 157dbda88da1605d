"""What a measure comes to: a row of the report, with its figures and curves."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chart:
    """Axes name their units."""

    name: str
    """Of its file, without an ending."""
    title: str
    x_axis: str
    y_axis: str
    curves: Sequence[Curve]
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    measure: str
    seen: str
    against: str
    """The bound it is compared with, as seen in the same run."""
    to_reach: str
    reached: bool | None
    """None: reported only."""
    bound_by: str
    """What bounds it now."""
    next_step: str
    """What would be next."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Raw; names end with their unit."""
    charts: Sequence[Chart] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a measure may work, and how much."""

    folder: Path
    """Its own, empty, a short path."""
    short: bool
    """A tenth of the work: tries whether the measure works, its figures mean little."""

    def scaled(self, full: int, short: int) -> int:
        return short if self.short else full


Measure = Callable[[Place], Awaitable[Sequence[Row]]]
