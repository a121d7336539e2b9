"""A reliability diagram's bins, the band of a calibrated model, and the Brier score's split."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import brier, brier_split, ece, reliability

PAIRS = st.lists(st.tuples(st.sampled_from([i / 20 for i in range(21)]), st.booleans()), min_size=1, max_size=60)


def drawn(n: int, seed: int, over: float = 0.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.4, 0.95, n)
    return p, rng.random(n) < p - over


@settings(deadline=None)
@given(PAIRS)
def test_the_bins_hold_every_case_and_give_back_the_calibration_error(pairs: list[tuple[float, bool]]) -> None:
    p, y = [one for one, _ in pairs], [one for _, one in pairs]
    bins = reliability(p, y, bins=5, draws=20)
    assert sum(one.n for one in bins) == len(pairs)
    assert sum(one.n * abs(one.confidence - one.accuracy) for one in bins) / len(pairs) == pytest.approx(ece(p, y, 5))
    assert all(0 <= one.low <= one.high <= 1 for one in bins)


@settings(deadline=None)
@given(PAIRS)
def test_the_split_adds_up_to_the_brier_score(pairs: list[tuple[float, bool]]) -> None:
    p, y = [one for one, _ in pairs], [one for _, one in pairs]
    split = brier_split(p, y, 5)
    assert split.reliability - split.resolution + split.uncertainty + split.remainder == pytest.approx(brier(p, y))
    assert min(split.reliability, split.resolution, split.uncertainty) >= 0


@settings(deadline=None)
@given(PAIRS)
def test_with_a_bin_for_each_confidence_nothing_remains_and_it_is_murphys_sum(pairs: list[tuple[float, bool]]) -> None:
    p = [round(one * 2) / 2 for one, _ in pairs]  # three forecasts, as in Murphy's table
    y = [float(one) for _, one in pairs]
    n, base = len(p), sum(y) / len(y)
    groups = {one: [right for sure, right in zip(p, y, strict=True) if sure == one] for one in set(p)}
    split = brier_split(p, y, bins=n)
    means = {one: sum(rights) / len(rights) for one, rights in groups.items()}
    assert split.remainder == pytest.approx(0, abs=1e-12)
    assert split.reliability == pytest.approx(sum(len(groups[one]) * (one - means[one]) ** 2 for one in groups) / n)
    assert split.resolution == pytest.approx(sum(len(groups[one]) * (means[one] - base) ** 2 for one in groups) / n)


def test_a_calibrated_model_lies_in_its_band_and_an_overconfident_one_does_not() -> None:
    inside = [one.low <= one.accuracy <= one.high for seed in range(40) for one in reliability(*drawn(300, seed), 10)]
    assert np.mean(inside) > 0.9
    outside = [one.accuracy < one.low for seed in range(10) for one in reliability(*drawn(300, seed, 0.3), 10)]
    assert np.mean(outside) > 0.8


def test_the_band_is_the_binomials() -> None:
    (one,) = reliability([0.5] * 100, [True] * 50 + [False] * 50, bins=1, draws=20_000)
    assert (one.low, one.high) == pytest.approx((0.40, 0.60), abs=0.011)
