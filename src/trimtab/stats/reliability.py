"""How confidence and accuracy lie side by side: the diagram's bins with their band, and the Brier score's split."""

from dataclasses import dataclass

import numpy as np

from trimtab.stats.calibration import Values, bins_of, checked
from trimtab.stats.interval import Interval


@dataclass(frozen=True, slots=True)
class Bin:
    """``n`` cases of mean ``confidence`` of which the share ``accuracy`` is right.

    ``low`` and ``high``: where the accuracy of a perfectly calibrated model with these confidences would lie.
    """

    confidence: float
    accuracy: float
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BrierSplit:
    """Brier = reliability − resolution + uncertainty + remainder, to the last digit.

    ``reliability`` (0 is best) is what recalibration would win, ``resolution`` (more is better) how far the bins'
    accuracies lie apart, ``remainder`` what is lost by taking each bin's mean confidence for its cases' own.
    """

    reliability: float
    resolution: float
    uncertainty: float
    remainder: float


def reliability(
    confidence: Values, correct: Values, bins: int = 15, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[Bin, ...]:
    """The occupied bins of equal count in order of confidence, each with its consistency band (Bröcker and Smith 2007).

    The band's ends are quantiles of the bin's accuracy over ``draws`` of correct ~ Bernoulli(confidence).
    """
    p, residual = checked(confidence, correct)
    rng = np.random.default_rng(seed)
    bin_of = bins_of(p, bins, True)
    found = []
    for one in np.unique(bin_of):
        own = p[bin_of == one]
        accuracy = float((own - residual[bin_of == one]).mean())
        drawn = (rng.random((draws, len(own))) < own).mean(axis=1)
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        found.append(Bin(float(own.mean()), accuracy, len(own), float(low), float(high)))
    return tuple(found)


def null_ece(
    confidence: Values, bins: int = 15, draws: int = 200, seed: int = 0, level: float = 0.95, equal_mass: bool = True
) -> Interval:
    """The mean ECE of a perfectly calibrated model with these confidences, between the quantiles of its draws.

    Its value is ``expected_ece``'s. Bins hang on the confidences alone, so they are made once.
    """
    p, _ = checked(confidence, confidence)
    rng = np.random.default_rng(seed)
    bin_of = bins_of(p, bins, equal_mass)
    drawn = np.array(
        [np.abs(np.bincount(bin_of, weights=p - (rng.random(len(p)) < p))).sum() / len(p) for _ in range(draws)]
    )
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    value = float(drawn.mean())
    return Interval(value, len(p), min(float(low), value), max(float(high), value))


def brier_split(confidence: Values, correct: Values, bins: int = 15) -> BrierSplit:
    """Σ_b n_b (p̄_b − ȳ_b)²/n, Σ_b n_b (ȳ_b − ȳ)²/n and ȳ(1 − ȳ) (Murphy 1973), over bins of equal count.

    What remains is the spread within the bins (Stephenson et al. 2008): 0 where a bin's confidences are equal.
    """
    p, residual = checked(confidence, correct)
    y = p - residual
    bin_of = bins_of(p, bins, True)
    counts = np.maximum(np.bincount(bin_of), 1)
    sure, right = (np.bincount(bin_of, weights=values) / counts for values in (p, y))
    base = float(y.mean())
    calibration = float(((sure - right)[bin_of] ** 2).mean())
    resolution = float(((right[bin_of] - base) ** 2).mean())
    uncertainty = base * (1 - base)
    remainder = float((residual**2).mean()) - (calibration - resolution + uncertainty)
    return BrierSplit(calibration, resolution, uncertainty, remainder)
