"""The worlds that are simulated: scores with a known mean, alone, in clusters and in pairs."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Shape = Literal["share", "skewed", "pair share", "pair score"]


@dataclass(frozen=True, slots=True)
class World:
    """One cell of the grid.

    ``rate``: the mean of 0/1 scores, or of Beta scores (``skewed``: concentration 1, so many near 0). ``size``: cases
    a cluster; ``icc``: the correlation of two scores of a cluster. Pairs: ``correlation`` of the two scores of a case,
    ``shift``: how much better the first is.
    """

    shape: Shape
    n: int
    rate: float
    size: int = 1
    icc: float = 0.0
    correlation: float = 0.0
    shift: float = 0.0
    two_points: bool = False

    @property
    def clustered(self) -> bool:
        return self.size > 1

    @property
    def clusters(self) -> npt.NDArray[np.intp]:
        """Each case's cluster."""
        return np.arange(self.n) // self.size

    @property
    def name(self) -> str:
        parts = [f"n={self.n}", f"rate={self.rate:g}"]
        parts += [f"clusters of {self.size}, icc={self.icc:g}"] if self.clustered else []
        parts += [f"correlation={self.correlation:g}"] if self.shape.startswith("pair") else []
        return ", ".join(parts)

    @property
    def truth(self) -> float:
        """What the interval should hold."""
        return self.shift if self.shape.startswith("pair") else self.rate

    def draw(self, rng: np.random.Generator, times: int) -> tuple[Floats, Floats | None]:
        """(times, n) scores; and of pairs the other side's."""
        if self.shape == "share":
            return self._shares(rng, times), None
        if self.shape == "skewed":
            return rng.beta(self.rate, 1 - self.rate, (times, self.n)), None
        if self.shape == "pair share":
            return self._pairs(rng, times)
        return self._paired_scores(rng, times)

    def _shares(self, rng: np.random.Generator, times: int) -> Floats:
        """0/1 scores of mean ``rate``: each cluster has a rate of its own, drawn from Beta (beta-binomial), or in the
        two-point world follows with P √icc one draw that all its cases share."""
        if not self.icc:
            return (rng.random((times, self.n)) < self.rate).astype(np.float64)
        groups = math.ceil(self.n / self.size)
        if self.two_points:
            own = (rng.random((times, groups)) < self.rate)[:, self.clusters]
            follows = rng.random((times, self.n)) < math.sqrt(self.icc)
            return np.where(follows, own, rng.random((times, self.n)) < self.rate).astype(np.float64)
        strength = 1 / self.icc - 1
        rates = rng.beta(self.rate * strength, (1 - self.rate) * strength, (times, groups))[:, self.clusters]
        return (rng.random((times, self.n)) < rates).astype(np.float64)

    def _pairs(self, rng: np.random.Generator, times: int) -> tuple[Floats, Floats]:
        """Two 0/1 scores a case: the second copies a base score with P ``correlation``; ``shift`` lifts the first."""
        base = self._shares(rng, times)
        other = np.where(rng.random(base.shape) < self.correlation, base, rng.random(base.shape) < self.rate)
        lift = self.shift / (1 - self.rate) if self.shift else 0.0
        first = np.where((base == 0) & (rng.random(base.shape) < lift), 1.0, base)
        return first, other.astype(np.float64)

    def _paired_scores(self, rng: np.random.Generator, times: int) -> tuple[Floats, Floats]:
        """Two normal scores a case, a shared part of variance ``correlation`` and a cluster's part of ``icc``."""
        shape = (times, self.n)
        groups = math.ceil(self.n / self.size)
        shared = rng.normal(size=shape) * math.sqrt(self.correlation)
        apart = math.sqrt(1 - self.correlation)

        def side() -> Floats:
            own = rng.normal(size=(times, groups))[:, self.clusters] * math.sqrt(self.icc)
            return shared + apart * (own + rng.normal(size=shape) * math.sqrt(1 - self.icc))

        return side() + self.shift, side()


def grid() -> list[World]:
    """Every cell: rates near 0 and 1 and between, bounded skewed scores, clusters, pairs, n from 20 to 2,000."""
    rates = (0.02, 0.1, 0.3, 0.5, 0.9, 0.98)
    cells = [World("share", n, rate) for n in (20, 50, 100, 300, 1000, 2000) for rate in rates]
    cells += [
        World("share", n, rate, size, icc)
        for n, size in ((60, 5), (100, 5), (300, 5), (300, 20), (1000, 20), (2000, 20))
        for rate in (0.1, 0.5, 0.9)
        for icc in (0.0, 0.1, 0.3)
    ]
    cells += [World("skewed", n, rate) for n in (20, 50, 100, 300, 2000) for rate in (0.1, 0.3, 0.7)]
    cells += [
        World("pair share", n, rate, correlation=correlation)
        for n in (20, 50, 100, 300, 1000, 2000)
        for rate in (0.1, 0.5, 0.9)
        for correlation in (0.0, 0.5, 0.9)
    ]
    cells += [
        World("pair share", n, 0.5, size, 0.2, correlation)
        for n, size in ((60, 5), (300, 5), (300, 20), (2000, 20))
        for correlation in (0.0, 0.5, 0.9)
    ]
    cells += [
        World("pair score", n, 0.0, size, 0.3 if size > 1 else 0.0, correlation, 0.1)
        for n, size in ((20, 1), (100, 1), (100, 5), (300, 20), (2000, 20))
        for correlation in (0.0, 0.5, 0.9)
    ]
    return cells


def hard() -> list[World]:
    """Worlds outside the grid that we know to be hard: few large clusters, each nearly all right or all wrong."""
    return [World("share", n, rate, 20, 0.3, two_points=True) for n in (300, 1000) for rate in (0.1, 0.5)]
