"""Whose word counts for how much: Dawid and Skene's observer error rates by EM, and what the items then truly are.

Axes: I items, A raters, K classes, J ratings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class DawidSkene:
    """``posterior_IK``: P(item's true class is k); ``confusion_AKK``: P(rater says l | truth k); ``prior_K``.

    ``objectives``: after each step the log-likelihood, plus the log of the smoothing's prior: it never falls.
    """

    posterior_IK: Floats
    confusion_AKK: Floats
    prior_K: Floats
    objectives: tuple[float, ...]


def dawid_skene(
    ratings: Sequence[tuple[int, int, int]],
    items: int,
    raters: int,
    classes: int,
    *,
    smoothing: float = 0.0,
    steps: int = 200,
    tolerance: float = 1e-9,
) -> DawidSkene:
    """Dawid & Skene 1979, "Maximum likelihood estimation of observer error-rates", eq. 2.3 to 2.5, from majorities on.

    ``ratings``: (item, rater, class) each. ``smoothing``: pseudo-ratings in each cell of a confusion matrix (a
    Dirichlet prior; 0 is maximum likelihood). Stops when a step adds less than ``tolerance`` a rating. An item that
    nobody rated gets the prior. Raises ValueError on no rating, or one out of range.
    """
    table = np.array(ratings, dtype=np.intp).reshape(-1, 3)
    if not len(table) or table.min() < 0 or (table.max(0) >= (items, raters, classes)).any():
        raise ValueError("needs ratings (item, rater, class) within the given counts")
    posterior_IK = _majority(table, items, classes)
    objectives: list[float] = []
    for _ in range(steps):
        prior_K, confusion_AKK = _maximise(table, posterior_IK, raters, smoothing)
        posterior_IK, objective = _expect(table, prior_K, confusion_AKK, items, smoothing)
        objectives.append(objective)
        if len(objectives) > 1 and objectives[-1] - objectives[-2] < tolerance * len(table):
            break
    return DawidSkene(posterior_IK, confusion_AKK, prior_K, tuple(objectives))


def _majority(table: Ints, items: int, classes: int) -> Floats:
    counts_IK = np.zeros((items, classes))
    np.add.at(counts_IK, (table[:, 0], table[:, 2]), 1.0)
    total_I = counts_IK.sum(1, keepdims=True)
    shares_IK: Floats = np.divide(counts_IK, total_I, out=np.full_like(counts_IK, 1 / classes), where=total_I > 0)
    return shares_IK


def _maximise(table: Ints, posterior_IK: Floats, raters: int, smoothing: float) -> tuple[Floats, Floats]:
    classes = posterior_IK.shape[1]
    counts_ALK = np.full((raters, classes, classes), smoothing)  # [rater, said, truth]
    np.add.at(counts_ALK, (table[:, 1], table[:, 2]), posterior_IK[table[:, 0]])
    counts_AKK = counts_ALK.transpose(0, 2, 1)
    total = counts_AKK.sum(2, keepdims=True)
    confusion_AKK = np.divide(counts_AKK, total, out=np.full_like(counts_AKK, 1 / classes), where=total > 0)
    return posterior_IK.mean(0), confusion_AKK


def _expect(table: Ints, prior_K: Floats, confusion_AKK: Floats, items: int, smoothing: float) -> tuple[Floats, float]:
    """The posteriors under these parameters, and the objective of the parameters."""
    with np.errstate(divide="ignore"):
        log_prior_K, log_AKK = np.log(prior_K), np.log(confusion_AKK)
    joint_IK = np.tile(log_prior_K, (items, 1))
    np.add.at(joint_IK, table[:, 0], log_AKK[table[:, 1], :, table[:, 2]])
    evidence_I = np.logaddexp.reduce(joint_IK, axis=1)
    penalty = smoothing * float(log_AKK.sum()) if smoothing else 0.0
    return np.exp(joint_IK - evidence_I[:, None]), float(evidence_I.sum()) + penalty
