"""One number that makes confidence honest: the temperature that its log-odds are divided by."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from trimtab.stats.calibration import Floats, Values

_COLDEST, _HOTTEST = 0.02, 50.0
"""Temperatures outside say no more than these: nothing but certainty, or nothing but chance."""
_EDGE = 1e-6


def fit_temperature(logits: Values, correct: Values) -> float:
    """T that minimises the mean log-loss of σ(logit/T) against ``correct`` (Platt 1999 without the shift).

    Between 0.02 and 50. Raises ValueError on no case or unequal counts.
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if z.ndim != 1 or z.shape != y.shape:
        raise ValueError("needs as many logits as outcomes")
    return fit_softmax_temperature([(one, 0.0) for one in z], [0 if right else 1 for right in y])


def fit_softmax_temperature(logits: Sequence[Sequence[float]], chosen: Sequence[int]) -> float:
    """T that minimises −Σ log softmax(logits_i / T)[chosen_i] (Guo et al. 2017, section 4.2); rows may differ in size.

    The loss is convex in 1/T, so the sign of its slope, Σ_i E_softmax[z] − z_chosen, finds the one minimum.
    """
    if not len(logits) or len(logits) != len(chosen):
        raise ValueError("needs as many rows of logits as chosen options, and at least one")
    rows = [np.asarray(row, dtype=np.float64) for row in logits]

    def slope(beta: float) -> float:
        return sum(float(_softmax(row * beta) @ row - row[i]) for row, i in zip(rows, chosen, strict=True))

    return 1 / _root(slope, 1 / _HOTTEST, 1 / _COLDEST)


def scaled(logits: Sequence[float], temperature: float) -> Floats:
    """softmax(logits / temperature)."""
    return _softmax(np.asarray(logits, dtype=np.float64) / temperature)


def log_odds(confidence: float) -> float:
    """ln p/(1 − p), with p kept a millionth away from 0 and 1."""
    p = min(max(confidence, _EDGE), 1 - _EDGE)
    return math.log(p / (1 - p))


def _softmax(row: Floats) -> Floats:
    raised = np.exp(row - row.max())
    shares: Floats = raised / raised.sum()
    return shares


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses 0 between two positive ends, by bisection of the logarithm; or the nearer end."""
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return math.sqrt(low * high)
