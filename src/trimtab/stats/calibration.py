"""Whether confidence means what it says: expected calibration error and the Brier score."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Values = Sequence[float] | Floats | Sequence[bool] | npt.NDArray[np.bool_]


def ece(confidence: Values, correct: Values, bins: int = 15, equal_mass: bool = True) -> float:
    """Σ_b |Σ_{i∈b} (confidence_i − correct_i)| / n, with bins of equal count (or of equal width).

    Equal confidences share a bin, so the order of cases never matters. It is biased upwards at small n: hold it
    against ``expected_ece``. Raises ValueError on no case, or a confidence outside [0, 1].
    """
    return float(ece_contributions(confidence, correct, bins, equal_mass).mean())


def ece_contributions(confidence: Values, correct: Values, bins: int = 15, equal_mass: bool = True) -> Floats:
    """Each case's part, sign(Σ_{j∈b} r_j) · r_i with r = confidence − correct: their mean is exactly the ECE.

    They are its influence values where no bin is balanced, so that two models can be compared case by case.
    """
    p, residual = checked(confidence, correct)
    bin_of = bins_of(p, bins, equal_mass)
    sums = np.bincount(bin_of, weights=residual)
    contributions: Floats = np.sign(sums)[bin_of] * residual
    return contributions


def brier(confidence: Values, correct: Values) -> float:
    """Mean (confidence − correct)²: 0 is best, and only honest confidence minimises it."""
    _, residual = checked(confidence, correct)
    return float((residual**2).mean())


def expected_ece(confidence: Values, bins: int = 15, draws: int = 200, seed: int = 0, equal_mass: bool = True) -> float:
    """The mean ECE that a perfectly calibrated model with these confidences would show: correct ~ Bernoulli."""
    p = np.asarray(confidence, dtype=np.float64)
    rng = np.random.default_rng(seed)
    return float(np.mean([ece(p, rng.random(len(p)) < p, bins, equal_mass) for _ in range(draws)]))


def bins_of(p: Floats, bins: int, equal_mass: bool) -> npt.NDArray[np.intp]:
    """The bin of each confidence, from 0 at the lowest; some may stay empty."""
    if not equal_mass:
        return np.minimum((p * bins).astype(np.intp), bins - 1)
    # The middle rank of each group of equal confidences decides for all of them.
    bins = min(bins, len(p))
    _, group, counts = np.unique(p, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    return np.minimum((middle[group] / len(p) * bins).astype(np.intp), bins - 1)


def checked(confidence: Values, correct: Values) -> tuple[Floats, Floats]:
    """Confidences, and confidence − outcome. Raises ValueError on no case, or a confidence outside [0, 1]."""
    p, y = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape or len(p) == 0:
        raise ValueError("needs as many confidences as outcomes, and at least one")
    if not (np.isfinite(p).all() and p.min() >= 0 and p.max() <= 1):
        raise ValueError("confidences must lie in [0, 1]")
    return p, p - y
