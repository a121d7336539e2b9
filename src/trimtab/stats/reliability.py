"""Where confidence and accuracy part: the reliability diagram with its band, and the Brier score's split."""

from dataclasses import dataclass

import numpy as np

from trimtab.stats.calibration import Values, bins_of, checked


@dataclass(frozen=True, slots=True)
class Bin:
    """``confidence`` and ``accuracy``: means over the bin's ``n`` cases. ``low``, ``high``: the band in which the
    accuracy of a perfectly calibrated model would lie."""

    confidence: float
    accuracy: float
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BrierSplit:
    """``reliability`` − ``resolution`` + ``uncertainty`` + ``within`` is the Brier score, exactly.

    ``within``: what binning hides, the variance of confidence inside bins less twice its covariance with outcomes.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float


def reliability(
    confidence: Values,
    correct: Values,
    bins: int = 15,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    equal_mass: bool = True,
) -> tuple[Bin, ...]:
    """The diagram's bins from low to high confidence, those of ``ece``.

    The band holds ``level`` of what each bin's accuracy would be if outcomes were drawn with the confidences as their
    probabilities (consistency resampling, Bröcker and Smith 2007, for the confidences as they are). Raises ValueError
    as ``ece`` does.
    """
    p, residual = checked(confidence, correct)
    _, place = np.unique(bins_of(p, bins, equal_mass), return_inverse=True)
    counts = np.bincount(place)
    rng = np.random.default_rng(seed)
    drawn = np.array([np.bincount(place, weights=rng.random(len(p)) < p) / counts for _ in range(draws)])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    sure = np.bincount(place, weights=p) / counts
    right = np.bincount(place, weights=p - residual) / counts
    rows = zip(sure, right, counts, low, high, strict=True)
    return tuple(Bin(float(c), float(a), int(n), float(lo), float(hi)) for c, a, n, lo, hi in rows)


def brier_split(confidence: Values, correct: Values, bins: int = 15, equal_mass: bool = True) -> BrierSplit:
    """The Brier score in parts (Murphy 1973), with the within-bin term of Stephenson et al. 2008 that makes it exact.

    Per bin k of n_k cases, mean confidence f_k, mean outcome o_k: reliability Σ n_k (f_k − o_k)²/n (lower is better),
    resolution Σ n_k (o_k − ō)²/n (higher is better), uncertainty ō(1 − ō). Raises ValueError as ``ece`` does.
    """
    p, residual = checked(confidence, correct)
    y = p - residual
    _, place = np.unique(bins_of(p, bins, equal_mass), return_inverse=True)
    counts = np.bincount(place)
    f, o = (np.bincount(place, weights=values) / counts for values in (p, y))
    weight, mean = counts / len(p), y.mean()
    inside_f, inside_y = p - f[place], y - o[place]
    return BrierSplit(
        reliability=float((weight * (f - o) ** 2).sum()),
        resolution=float((weight * (o - mean) ** 2).sum()),
        uncertainty=float(mean * (1 - mean)),
        within=float((inside_f**2 - 2 * inside_f * inside_y).mean()),
    )
