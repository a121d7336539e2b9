"""How well a difference between two sides tells which side was preferred: AUC, best threshold, weights allowed.

Axes: P pairs; ``difference_P`` is a feature of the chosen side less that of the rejected one.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab.stats.interval import Interval, mean_interval

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Threshold:
    """``accuracy`` of guessing that the side which has more (``sign`` +1) or less (−1) by over ``at`` is chosen."""

    accuracy: float
    at: float
    sign: int


def pair_auc(
    difference_P: Floats, clusters: Sequence[Hashable] | None = None, weight_P: Floats | None = None
) -> Interval:
    """Area under the ROC curve of the difference as a score for "the first side is chosen", sides in random order.

    A pair in its one order is a positive with score d, in its other a negative with score −d, so that
    AUC = Σ_ij w_i w_j ([d_i + d_j > 0] + ½ [d_i + d_j = 0]) / (Σ w)². 0.5: the feature tells nothing. The interval is
    that of the mean of the statistic's pseudo-values (Hoeffding's projection), clustered. Raises ValueError on no pair.
    """
    weight_P = np.ones(len(difference_P)) if weight_P is None else np.asarray(weight_P, dtype=np.float64)
    if not len(difference_P) or len(weight_P) != len(difference_P) or not weight_P.sum() > 0:
        raise ValueError("needs pairs, each with its weight, and some weight above 0")
    order = np.argsort(difference_P, kind="stable")
    ordered_P, mass_P = difference_P[order], np.concatenate([[0.0], np.cumsum(weight_P[order])])
    below_P = mass_P[np.searchsorted(ordered_P, -difference_P, side="left")]
    upto_P = mass_P[np.searchsorted(ordered_P, -difference_P, side="right")]
    share_P = 1 - (below_P + upto_P) / (2 * mass_P[-1])
    relative_P = weight_P / weight_P.mean()
    auc = float(np.mean(relative_P * share_P))
    pseudo_P = auc + 2 * relative_P * (share_P - auc)
    found = mean_interval(np.clip(pseudo_P, -1e6, 1e6), clusters, lower=0.0, upper=1.0)
    return Interval(min(max(auc, 0.0), 1.0), found.n, min(found.low, auc), max(found.high, auc))


def best_threshold(difference_P: Floats) -> Threshold:
    """The threshold t ≥ 0 and direction whose guesses are right most often; a pair within t is a coin flip.

    Chosen on the pairs that it is measured on: an upper bound, by about 1/√P where the feature tells nothing. Raises
    ValueError on no pair.
    """
    if not len(difference_P):
        raise ValueError("needs at least one pair")
    size_P = np.abs(difference_P)
    order = np.argsort(-size_P, kind="stable")
    gain = np.concatenate([[0.0], np.cumsum(np.sign(difference_P[order]))]) / (2 * len(order))
    sizes = np.append(size_P[order], -1.0)
    ends = np.flatnonzero(sizes[1:] < sizes[:-1]) + 1  # a threshold lies between two sizes that differ
    best = int(ends[np.argmax(np.abs(gain[ends]))])
    at = max(float(sizes[best]), 0.0)
    return Threshold(0.5 + abs(float(gain[best])), at, 1 if gain[best] >= 0 else -1)
