"""Temperature scaling: one number that makes confidence as high as it deserves to be."""

import math

import numpy as np
import numpy.typing as npt

from trimtab.stats.calibration import Values, checked

Floats = npt.NDArray[np.float64]
LOW, HIGH = 0.05, 20.0
"""Temperatures that are looked at."""
_EDGE = 1e-6
_GOLDEN = (math.sqrt(5) - 1) / 2


def fit_temperature(confidence: Values, correct: Values) -> float:
    """The T in [0.05, 20] that minimises the negative log-likelihood of σ(logit(p)/T) (Guo et al. 2017).

    T > 1 where the model was too sure. The likelihood is convex in 1/T, so the golden section over it finds the one
    minimum; outcomes that are all right (or wrong) push it to a bound. Fit it on cases other than those it is shown on.
    Raises ValueError as ``ece`` does.
    """
    p, residual = checked(confidence, correct)
    logits, y = _logits(p), p - residual

    def loss(sharpness: float) -> float:
        scaled = logits * sharpness
        return float((np.logaddexp(0.0, scaled) - y * scaled).mean())

    if not logits.any():
        return 1.0
    low, high = 1 / HIGH, 1 / LOW
    for _ in range(100):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, b) if loss(a) <= loss(b) else (a, high)
    return 2 / (low + high)


def tempered(confidence: Values, temperature: float) -> Floats:
    """The confidences at a temperature: σ(logit(p)/T). Raises ValueError where T is not above 0."""
    if not temperature > 0:
        raise ValueError("needs a temperature above 0")
    p = np.asarray(confidence, dtype=np.float64)
    return np.asarray(1 / (1 + np.exp(-_logits(p) / temperature)), dtype=np.float64)


def _logits(p: Floats) -> Floats:
    """log p/(1 − p), with p kept a millionth away from 0 and 1."""
    inside = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside), dtype=np.float64)
