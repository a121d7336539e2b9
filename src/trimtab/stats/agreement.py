"""How far raters agree beyond chance: Krippendorff's alpha, raters and ratings missing as they will.

Axes: U units (what is rated), V distinct values, ascending.
"""

import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trimtab.stats.bootstrap import bootstrap_interval
from trimtab.stats.interval import Interval

Floats = npt.NDArray[np.float64]
Measurement = Literal["nominal", "ordinal", "interval"]
Unit = Sequence[Any]
"""The values that one unit was given, by whom does not matter; a unit with fewer than two says nothing."""


def krippendorff_alpha(units: Sequence[Unit], measurement: Measurement = "nominal") -> float:
    """α = 1 − D_o/D_e (Krippendorff 2011, "Computing Krippendorff's alpha-reliability").

    1 is full agreement, 0 what chance gives, below 0 systematic disagreement; nan where no two ratings of one unit
    exist, or all ratings are equal (nothing could have been disagreed on). Values of ``ordinal`` and ``interval`` are
    numbers.
    """
    counts_UV, values = _counts(units, measurement)
    return _alpha(counts_UV, values, measurement)


def krippendorff_interval(
    units: Sequence[Unit],
    measurement: Measurement = "nominal",
    clusters: Sequence[Hashable] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """α with its bootstrap interval over units (or clusters of them); ``n`` is the units with two ratings or more.

    A redraw without two different values counts as full agreement. Raises ValueError where α is nan.
    """
    keep = [len(unit) > 1 for unit in units]
    units = [unit for unit, kept in zip(units, keep, strict=True) if kept]
    clusters = None if clusters is None else [name for name, kept in zip(clusters, keep, strict=True) if kept]
    counts_UV, values = _counts(units, measurement)
    if math.isnan(_alpha(counts_UV, values, measurement)):
        raise ValueError("needs two ratings of one unit, and two different values")

    def statistic(counts_UV: Floats) -> float:
        alpha = _alpha(counts_UV, values, measurement)
        return 1.0 if math.isnan(alpha) else alpha

    return bootstrap_interval(counts_UV, statistic, clusters, draws, seed)


def nominal_alpha(counts_UV: Floats) -> float:
    """α of ``counts_UV``, how often each unit was given each of V values, as ``krippendorff_alpha``."""
    return _alpha(counts_UV, list(range(counts_UV.shape[1])), "nominal")


def _counts(units: Sequence[Unit], measurement: Measurement) -> tuple[Floats, list[Any]]:
    """[U, V] how often each unit was given each value, and the values."""
    distinct = {value for unit in units for value in unit}
    values = sorted(distinct, key=str if measurement == "nominal" else float)
    place = {value: index for index, value in enumerate(values)}
    counts_UV = np.zeros((len(units), len(values)))
    for row, unit in enumerate(units):
        for value in unit:
            counts_UV[row, place[value]] += 1
    return counts_UV, values


def _alpha(counts_UV: Floats, values: list[Any], measurement: Measurement) -> float:
    """By the coincidence matrix o_ck = Σ_u (pairs of c and k in u) / (m_u − 1)."""
    counts_UV = counts_UV[counts_UV.sum(1) > 1]
    scaled_UV = counts_UV / (counts_UV.sum(1, keepdims=True) - 1)
    coincidence_VV = scaled_UV.T @ counts_UV - np.diag(scaled_UV.sum(0))
    total_V = coincidence_VV.sum(1)
    distance_VV = _distance(total_V, values, measurement)
    expected = float(total_V @ distance_VV @ total_V)
    if expected == 0:
        return math.nan
    return 1 - (float(total_V.sum()) - 1) * float((coincidence_VV * distance_VV).sum()) / expected


def _distance(total_V: Floats, values: list[Any], measurement: Measurement) -> Floats:
    """[V, V] squared difference δ² of two values; ordinal: of their mean ranks among all ratings."""
    if measurement == "nominal":
        return 1 - np.eye(len(values))
    place_V = np.cumsum(total_V) - total_V / 2 if measurement == "ordinal" else np.array(values, dtype=np.float64)
    squared: Floats = (place_V[:, None] - place_V) ** 2
    return squared
