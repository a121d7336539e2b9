"""The bootstrap for what is no plain mean: whole clusters redrawn, medians corrected for bias."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab.stats.interval import Interval, cluster_codes
from trimtab.stats.quantiles import normal_cdf, normal_quantile

Index = npt.NDArray[np.intp]


def bootstrap_interval(
    data: Sequence[Any] | npt.NDArray[Any] | tuple[Sequence[Any] | npt.NDArray[Any], ...],
    statistic: Callable[..., float],
    clusters: Sequence[Hashable] | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """``statistic(data)`` with its bias-corrected percentile interval (Efron 1981).

    ``data`` is one sequence over cases, or a **tuple** of aligned ones that ``statistic`` takes as arguments. Whole
    clusters are redrawn. The interval always contains the value. A count of distinct things must not be
    bootstrapped (a redraw repeats cases): see ``ead_contributions``. Raises ValueError on no case.
    """
    columns = data if isinstance(data, tuple) else (data,)
    n = len(columns[0])
    if n == 0 or any(len(column) != n for column in columns):
        raise ValueError("needs aligned data of at least one case")
    members = _members(n, clusters)
    rng = np.random.default_rng(seed)
    value = float(statistic(*columns))
    drawn = np.array([_redraw(columns, statistic, members, rng) for _ in range(draws)])
    low, high = _corrected_ends(drawn, value, level)
    return Interval(value, n, min(low, value), max(high, value))


def _members(n: int, clusters: Sequence[Hashable] | None) -> list[Index]:
    codes = np.arange(n) if clusters is None else cluster_codes(clusters)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _redraw(
    columns: Sequence[Any], statistic: Callable[..., float], members: list[Index], rng: np.random.Generator
) -> float:
    picked = rng.integers(len(members), size=len(members))
    index = picked if len(members) == len(columns[0]) else np.concatenate([members[i] for i in picked])
    return float(statistic(*(_take(column, index) for column in columns)))


def _take(column: Any, index: Index) -> Any:
    return column[index] if isinstance(column, np.ndarray) else [column[i] for i in index]


def _corrected_ends(drawn: npt.NDArray[np.float64], value: float, level: float) -> tuple[float, float]:
    """Percentiles Φ(2 z0 ± z), z0 = Φ⁻¹(share of draws below the value), the share kept inside one draw of 0 and 1."""
    draws = len(drawn)
    share = ((drawn < value).sum() + (drawn == value).sum() / 2) / draws
    z0 = normal_quantile(float(np.clip(share, 1 / (draws + 1), draws / (draws + 1))))
    z = normal_quantile((1 + level) / 2)
    low, high = np.quantile(drawn, [normal_cdf(2 * z0 - z), normal_cdf(2 * z0 + z)])
    return float(low), float(high)
