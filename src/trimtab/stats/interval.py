"""Intervals for a mean and for a paired difference: clustered, bounded, and honest when n is small."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab.stats.quantiles import normal_cdf, normal_quantile, t_cdf, t_quantile

Floats = npt.NDArray[np.float64]
Values = Sequence[float] | Floats
Clusters = Sequence[Hashable] | None


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, the count it rests on, and the ends of its confidence interval."""

    value: float
    n: int
    low: float
    high: float


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion. With n = 0 nothing is known: value 0, interval [0, 1]."""
    if not 0 <= successes <= n:
        raise ValueError("needs 0 <= successes <= n")
    if n == 0:
        return Interval(0.0, 0, 0.0, 1.0)
    low, high = _wilson_ends(successes / n, n, normal_quantile((1 + level) / 2))
    return Interval(successes / n, n, low, high)


def mean_interval(
    values: Values,
    clusters: Clusters = None,
    level: float = 0.95,
    lower: float | None = None,
    upper: float | None = None,
) -> Interval:
    """The mean of ``values``, which lie in ``[lower, upper]`` where bounds are given.

    Between two bounds: Wilson's score interval on the effective n that the standard error implies, which near a bound
    leans away from it as it should. 0/1 scores without clusters have n itself and z; others the t of n − 1 (or
    clusters − 1) degrees of freedom. Without both bounds: the t interval, clipped to the bound there is.
    With clusters the standard error is the cluster-robust one, (1/n)·√(C/(C−1) · Σ_c (Σ_{i∈c} (s_i − s̄))²) (Miller
    2024, with the finite-cluster factor). Values that are all equal get the score interval of what was never seen: no
    width 0. A single case between no bounds has an infinite interval. Raises ValueError on no value.
    """
    x = _array(values)
    n, mean = len(x), float(x.mean())
    error, df, units = _standard_error(x - mean, clusters)
    critical, score_critical = _criticals(level, df, clustered=units < n)
    if _binary(x):
        variance = mean * (1 - mean)
        count = _effective_n(n, units, variance, error and _doubted(error, variance, units))
        low, high = _wilson_ends(mean, count, score_critical)
    elif error == 0:
        reach = abs(mean) if units > 1 else math.inf  # without a bound, what was not seen is of the value's own size
        low, high = _unseen(mean, _or(lower, mean - reach), _or(upper, mean + reach), units, score_critical)
    elif lower is not None and upper is not None and lower <= x.min() and x.max() <= upper:
        share, width = (mean - lower) / (upper - lower), upper - lower
        count = share * (1 - share) / _doubted(error / width, share * (1 - share), units) ** 2
        low, high = (lower + width * end for end in _wilson_ends(share, count, critical))
    else:
        low, high = mean - critical * error, mean + critical * error
    return Interval(mean, n, max(low, _or(lower, -math.inf)), min(high, _or(upper, math.inf)))


def paired_interval(a: Values, b: Values, clusters: Clusters = None, level: float = 0.95) -> Interval:
    """mean(a − b) over the same cases, clustered.

    0/1 scores get Tango's score interval (1998), which stays wide where no pair differs: with n equal pairs its ends
    are ±z²/(n + z²). Other scores get the t interval, clipped to [−1, 1] when all scores lie in [0, 1]; equal
    differences get the score interval of what was never seen. Raises ValueError on no or unequal counts.
    """
    both, d = _paired(a, b)
    n, mean = len(d), float(d.mean())
    error, df, units = _standard_error(d - mean, clusters)
    critical, score_critical = _criticals(level, df, clustered=units < n)
    unit = bool(both.min() >= 0 and both.max() <= 1)
    if _binary(both):
        low, high = _tango_ends(d, _effective_n(n, units, float(d.var()), error), score_critical)
    elif error == 0:
        reach = 1.0 if unit else max(float(np.ptp(both)), float(np.abs(both).max()))
        low, high = _unseen(mean, -reach, reach, units, score_critical)
    else:
        low, high = mean - critical * error, mean + critical * error
    return Interval(mean, n, max(low, -1.0) if unit else low, min(high, 1.0) if unit else high)


def paired_p_value(a: Values, b: Values, clusters: Clusters = None, null: float = 0.0) -> float:
    """The two-sided p-value of mean(a − b) = ``null``, dual to ``paired_interval``: below α where 1 − α leaves it out.

    Tango's score for 0/1 scores, Student's t for others. Equal differences, of which no error can be had, reject with
    the score interval of what was never seen. Raises ValueError as ``paired_interval`` does.
    """
    both, d = _paired(a, b)
    n, mean = len(d), float(d.mean())
    error, df, units = _standard_error(d - mean, clusters)
    if _binary(both):
        count = _effective_n(n, units, float(d.var()), error)
        statistic = abs(_tango_score(d, count)(null)) if -1 < null < 1 else math.inf
        return 2 * (1 - (normal_cdf(statistic) if units == n else t_cdf(statistic, df)))
    if error == 0:
        return p_value(lambda level: paired_interval(a, b, clusters, level), null)
    return 2 * (1 - t_cdf(abs(mean - null) / error, df))


def p_value(interval_at: Callable[[float], Interval], null: float = 0.0) -> float:
    """The two-sided p-value dual to any interval: 1 − the highest level whose interval leaves ``null`` out.

    ``interval_at``: level -> interval, nested in the level. By bisection, to 10⁻¹²; 1 where even the narrowest
    interval holds ``null``.
    """

    def out(level: float) -> bool:
        found = interval_at(level)
        return not found.low <= null <= found.high

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if out(middle) else (low, middle)
    return 1.0 - low


def difference_interval(a: Values, b: Values, level: float = 0.95) -> Interval:
    """mean(a) − mean(b) of two independent samples, normal on unequal variances (Welch 1938); n counts both.

    Raises ValueError where a sample has fewer than two values.
    """
    samples = [_array(values) for values in (a, b)]
    if min(map(len, samples)) < 2:
        raise ValueError("needs at least two values in each sample")
    value = float(samples[0].mean() - samples[1].mean())
    reach = normal_quantile((1 + level) / 2) * math.sqrt(sum(float(x.var(ddof=1)) / len(x) for x in samples))
    return Interval(value, sum(map(len, samples)), value - reach, value + reach)


def cluster_codes(clusters: Sequence[Hashable]) -> npt.NDArray[np.intp]:
    """Each case's cluster as an integer from 0, in order of first appearance."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(cluster, len(known)) for cluster in clusters], dtype=np.intp)


def _standard_error(residual: Floats, clusters: Clusters) -> tuple[float, int, int]:
    """Standard error of the mean, its degrees of freedom, and the number of independent units."""
    n = len(residual)
    if clusters is None:
        sums = residual
    else:
        if len(clusters) != n:
            raise ValueError("each value needs a cluster")
        sums = np.bincount(cluster_codes(clusters), weights=residual).astype(np.float64)
    units = len(sums)
    if units < 2:
        return 0.0, 1, units
    squares = float((sums**2).sum())
    noise = (1e-12 * (1 + float(np.abs(residual).max()))) ** 2 * units  # what rounding alone leaves
    return (0.0 if squares <= noise else math.sqrt(squares * units / (units - 1)) / n), units - 1, units


def _criticals(level: float, df: int, *, clustered: bool) -> tuple[float, float]:
    """The critical value for a t interval, and for a score interval (z; t where clusters supply the variance)."""
    t = t_quantile((1 + level) / 2, df)
    return t, t if clustered else normal_quantile((1 + level) / 2)


def _effective_n(n: int, units: int, variance: float, error: float) -> float:
    """n over the design effect, which is kept between 1 and n/units: clusters never add information."""
    if units == n:
        return float(n)
    if variance <= 0 or error == 0:
        return float(units)
    return float(np.clip(variance / error**2, units, n))


def _doubted(error: float, variance: float, units: int) -> float:
    """The standard error of a mean, doubted as much as one unit more would allow whose cases all agree.

    Few units may all look alike by chance: ``variance`` over ``units`` is the square of the largest error there can be,
    and it counts as one of ``units`` + 1 observations of it. A paired difference is not doubted: what units share
    cancels in it, and simulated coverage needs no doubt.
    """
    return math.sqrt((units * error**2 + variance / units) / (units + 1))


def _wilson_ends(p: float, n: float, z: float) -> tuple[float, float]:
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return (0.0 if p == 0 else max(low, 0.0)), (1.0 if p == 1 else min(high, 1.0))


def _unseen(value: float, lower: float, upper: float, n: int, z: float) -> tuple[float, float]:
    """n equal values: a share up to z²/(n + z²) (Wilson at 0 of n) may be of another kind, anywhere within bounds."""
    share = z * z / (n + z * z)
    return value - share * (value - lower), value + share * (upper - value)


def _tango_ends(d: Floats, n: float, z: float) -> tuple[float, float]:
    """Ends of Tango's interval for p12 − p21 (Stat. Med. 17, 1998): where |score| = z, by bisection."""
    score, estimate = _tango_score(d, n), float(d.mean())
    low = _crossing(lambda delta: score(delta) > z, -1.0, estimate)
    high = -_crossing(lambda delta: score(-delta) < -z, -1.0, -estimate)
    return low, high


def _tango_score(d: Floats, n: float) -> Callable[[float], float]:
    """The score statistic of a difference on ``n`` pairs' worth, its variance the restricted maximum-likelihood one."""
    scale = n / len(d)
    b, c = float((d > 0).sum()) * scale, float((d < 0).sum()) * scale
    estimate = (b - c) / n

    def score(delta: float) -> float:
        linear = -b - c + (2 * n - b + c) * delta
        root = math.sqrt(max(linear * linear + 8 * n * c * delta * (1 - delta), 0.0))
        q21 = (root - linear) / (4 * n)
        variance = n * max(2 * q21 + delta * (1 - delta), 0.0)
        if variance > 0:
            return (b - c - n * delta) / math.sqrt(variance)
        return math.copysign(math.inf, estimate - delta) if delta != estimate else 0.0

    return score


def _crossing(outside: Callable[[float], bool], low: float, high: float) -> float:
    """The end between ``low`` (outside the interval) and ``high`` (inside)."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if outside(middle) else (low, middle)
    return low


def _paired(a: Values, b: Values) -> tuple[Floats, Floats]:
    """All scores, and the differences."""
    x, y = _array(a), _array(b)
    if len(x) != len(y):
        raise ValueError("paired scores must be of equal count")
    return np.concatenate([x, y]), x - y


def _array(values: Values) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) == 0:
        raise ValueError("needs at least one value in one dimension")
    if not np.isfinite(x).all():
        raise ValueError("values must be finite")
    return x


def _binary(x: Floats) -> bool:
    return bool(np.isin(x, (0.0, 1.0)).all())


def _or(bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else bound
