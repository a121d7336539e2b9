"""Whether two samples of many features come from one distribution: energy distance, tested by permutation."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab.stats.calibration import Floats
from trimtab.stats.interval import cluster_codes


@dataclass(frozen=True, slots=True)
class TwoSample:
    """``distance`` between ``n`` pairs; ``p_value``: how often a distance as large comes from chance alone."""

    distance: float
    p_value: float
    n: int


def energy_distance(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """2·E|X − Y| − E|X − X'| − E|Y − Y'| over rows (Székely and Rizzo 2013, eq. 6.1): 0 only where they are alike."""
    a, b = _rows(x), _rows(y)
    return float(2 * _distances(a, b).mean() - _distances(a, a).mean() - _distances(b, b).mean())


def paired_energy_test(
    x: npt.ArrayLike, y: npt.ArrayLike, clusters: Sequence[Hashable] | None = None, draws: int = 500, seed: int = 0
) -> TwoSample:
    """The energy distance of rows that are paired, and its p-value under swaps within pairs; clusters swap as one.

    With s = +1 for x and −1 for y it is −sᵀDs/n², so permuting changes signs. p = (1 + as large)/(1 + draws),
    which holds its level exactly. Raises ValueError on no or unequal rows.
    """
    a, b = _rows(x), _rows(y)
    if a.shape != b.shape or not len(a):
        raise ValueError("needs as many rows in both samples, and at least one")
    n = len(a)
    both = np.concatenate([a, b])
    between = _distances(both, both)
    codes = np.arange(n) if clusters is None else cluster_codes(clusters)
    swaps = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, int(codes.max()) + 1))[:, codes]
    kept = np.concatenate([np.ones((1, n)), swaps])
    signs = np.concatenate([kept, -kept], axis=1)
    values = -((signs @ between) * signs).sum(axis=1) / n**2
    as_large = int((values[1:] >= values[0] - 1e-12).sum())
    return TwoSample(float(values[0]), (1 + as_large) / (1 + draws), n)


def _rows(values: npt.ArrayLike) -> Floats:
    rows = np.asarray(values, dtype=np.float64)
    return rows[:, None] if rows.ndim == 1 else rows


def _distances(a: Floats, b: Floats) -> Floats:
    squares = np.zeros((len(a), len(b)))
    for one, other in zip(a.T, b.T, strict=True):  # a feature at a time: a row's distance to itself is exactly 0
        squares += (one[:, None] - other[None]) ** 2
    found: Floats = np.sqrt(squares)
    return found
