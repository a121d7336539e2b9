"""How well a score tells two groups apart: the area under the ROC curve, with an interval."""

import math
from collections.abc import Callable

import numpy as np

from trimtab.stats.interval import Interval, Values
from trimtab.stats.quantiles import normal_quantile


def auc_interval(positive: Values, negative: Values, level: float = 0.95) -> Interval:
    """P(a positive scores above a negative), ties counted half, with a score interval that never has width 0.

    The variance at θ is Hanley and McNeil's (1982): [θ(1−θ) + (m−1)(θ/(2−θ) − θ²) + (n−1)(2θ²/(1+θ) − θ²)]/(mn); the
    ends solve |AUC − θ| = z·√V(θ) (Newcombe 2006, method 5). ``n`` counts both groups. Raises ValueError where
    one is empty.
    """
    above, below = np.asarray(positive, dtype=np.float64), np.sort(np.asarray(negative, dtype=np.float64))
    m, n = len(above), len(below)
    if not m or not n:
        raise ValueError("needs at least one score in each group")
    less = np.searchsorted(below, above, side="left").sum()
    most = np.searchsorted(below, above, side="right").sum()
    value = float(less + most) / (2 * m * n)
    z = normal_quantile((1 + level) / 2)

    def outside(theta: float) -> bool:
        return abs(value - theta) > z * math.sqrt(_variance(theta, m, n))

    return Interval(value, m + n, _end(outside, value, 0.0), _end(outside, value, 1.0))


def _variance(theta: float, m: int, n: int) -> float:
    """Hanley and McNeil's, for scores with exponential tails."""
    first, second = theta / (2 - theta) - theta**2, 2 * theta**2 / (1 + theta) - theta**2
    return max(0.0, (theta * (1 - theta) + (m - 1) * first + (n - 1) * second) / (m * n))


def _end(outside: Callable[[float], bool], inside: float, bound: float) -> float:
    """The last value on the way from ``inside`` to ``bound`` that is not outside, by bisection."""
    near, far = inside, bound
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (near, middle) if outside(middle) else (middle, far)
    return near
