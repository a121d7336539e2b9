"""How far one scorecard lies from another, by the same cases where there are any."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trimtab.records import Direction, Metric, Scorecard
from trimtab.stats import normal_quantile, paired_interval, paired_p_value
from trimtab.stats.quantiles import normal_cdf


@dataclass(frozen=True, slots=True)
class Delta:
    """``value`` is candidate − other, in the metric's unit; ``better`` turns it so that up is better.

    ``coverage``: share of the cases scored on either side that were scored on both. ``basis``: case by case, or the
    two values and their intervals alone (for metrics such as ECE that no single case has).
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    direction: Direction
    coverage: float
    basis: Literal["cases", "values"]

    @property
    def better(self) -> tuple[float, float, float]:
        """(value, low, high) with the sign turned where lower is better."""
        if self.direction == "lower":
            return -self.value, -self.high, -self.low
        return self.value, self.low, self.high

    @property
    def moved(self) -> Literal["better", "worse", "changed", "no clear change"]:
        """What can be said at the interval's level."""
        if self.low <= 0 <= self.high:
            return "no clear change"
        if self.direction == "none":
            return "changed"
        return "better" if self.better[0] > 0 else "worse"


def delta(candidate: Scorecard, other: Scorecard, metric: str, level: float = 0.95) -> Delta | None:
    """Paired and clustered over common cases; None where either card lacks the metric or a number is not finite."""
    mine, theirs = candidate.metrics.get(metric), other.metrics.get(metric)
    if mine is None or theirs is None:
        return None
    if not candidate.cases.get(metric) or not other.cases.get(metric):
        return between(metric, mine, theirs)
    if (pairs := _pairs(candidate, other, metric)) is None:
        return None
    found = paired_interval(pairs.mine, pairs.theirs, pairs.clusters, level)
    return Delta(
        metric=metric,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        direction=mine.direction,
        coverage=pairs.coverage,
        basis="cases",
    )


def p_worse(candidate: Scorecard, other: Scorecard, metric: str, margin: float = 0.0) -> float:
    """The one-sided p-value of "worse by no more than ``margin``", dual to ``delta``'s interval.

    A metric without scores by case has the normal p-value of ``between``'s interval. 1 where nothing can be compared.
    """
    found = delta(candidate, other, metric, _LEVEL)
    if found is None or found.direction == "none":
        return 1.0
    value, low, _ = found.better
    turned = -1.0 if found.direction == "lower" else 1.0
    pairs = _pairs(candidate, other, metric)
    if found.basis == "values" or pairs is None:
        spread = (value - low) / normal_quantile((1 + _LEVEL) / 2)
        return normal_cdf((value + margin) / spread) if spread > 0 else float(value >= -margin)
    both = paired_p_value(pairs.mine, pairs.theirs, pairs.clusters, -margin * turned)
    return both / 2 if value < -margin else 1 - both / 2


_LEVEL = 0.95
"""The level of the intervals that scorecards carry."""


@dataclass(frozen=True, slots=True)
class _Pairs:
    mine: Sequence[float]
    theirs: Sequence[float]
    clusters: Sequence[str]
    coverage: float


def _pairs(candidate: Scorecard, other: Scorecard, metric: str) -> _Pairs | None:
    """The scores of common cases, in one order; None where there are none, or one is not finite."""
    a, b = candidate.cases.get(metric) or {}, other.cases.get(metric) or {}
    common = sorted(a.keys() & b.keys())
    if not common or not all(math.isfinite(scores[case]) for scores in (a, b) for case in common):
        return None
    clusters = [candidate.clusters.get(case) or other.clusters.get(case) or case for case in common]
    coverage = len(common) / len(a.keys() | b.keys())
    return _Pairs([a[case] for case in common], [b[case] for case in common], clusters, coverage)


def between(metric: str, mine: Metric, theirs: Metric) -> Delta | None:
    """The difference of two values by their own intervals (MOVER, Zou and Donner 2008, eq. 3).

    low = d − √((a − a_low)² + (b_high − b)²), and so for the other end: exact in coverage for independent values,
    too wide for values that move together. The level is that of the intervals given.
    """
    numbers = (mine.value, mine.ci_low, mine.ci_high, theirs.value, theirs.ci_low, theirs.ci_high)
    if not all(map(math.isfinite, numbers)):
        return None
    difference = mine.value - theirs.value
    below = math.hypot(mine.value - mine.ci_low, theirs.ci_high - theirs.value)
    above = math.hypot(mine.ci_high - mine.value, theirs.value - theirs.ci_low)
    return Delta(
        metric=metric,
        value=difference,
        low=difference - below,
        high=difference + above,
        n=min(mine.n, theirs.n),
        direction=mine.direction,
        coverage=1.0,
        basis="values",
    )
