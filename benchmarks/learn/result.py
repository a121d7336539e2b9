"""What an experiment found: points with intervals, the figures it is judged by, and whether the claim held."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trimtab.stats import Interval


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: ``x`` of the curve, the value and its 95 % interval, and the count it rests on."""

    x: float
    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, x: float, interval: Interval) -> "Point":
        return cls(x, interval.value, interval.low, interval.high, interval.n)


Series = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: named series over one axis."""

    title: str
    x: str
    y: str
    series: Mapping[str, Series]
    limit: float | None = None
    """A gate or threshold, drawn as a line."""


@dataclass(frozen=True, slots=True)
class Result:
    claim: str
    held: bool
    """Whether the claim held in this run."""
    panels: tuple[Panel, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an experiment reads data, finds π0, and works."""

    data: Path
    model: Path
    work: Path

    def inside(self, name: str) -> "Place":
        return Place(self.data, self.model, self.work / name)


Experiment = Callable[[Place], Result]


def apart(before: Point, after: Point) -> bool:
    """Whether the intervals do not touch."""
    return after.low > before.high or after.high < before.low
