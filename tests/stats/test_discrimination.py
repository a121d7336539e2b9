"""The AUC of a difference is its definition, its interval covers, and the best threshold is the best."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import best_threshold, pair_auc

DIFFERENCES = st.lists(st.integers(-4, 4), min_size=1, max_size=25)


def plain_auc(d: list[float], w: list[float]) -> float:
    """Positives score d, negatives −d: how often a positive is above a negative, ties half."""
    wins = sum(a * b * ((x > -y) + 0.5 * (x == -y)) for (x, a), (y, b) in product(zip(d, w, strict=True), repeat=2))
    return float(wins / sum(w) ** 2)


@given(DIFFERENCES, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_fast_auc_is_the_plain_one_with_any_weights(values: list[int], random: Any) -> None:
    d, w = np.array(values, dtype=float), np.array([random.choice([0.5, 1.0, 3.0]) for _ in values])
    assert pair_auc(d, weight_P=w).value == pytest.approx(plain_auc(d.tolist(), w.tolist()))
    assert pair_auc(d).value == pytest.approx(plain_auc(d.tolist(), [1.0] * len(d)))


@given(DIFFERENCES)
@settings(max_examples=50, deadline=None)
def test_a_weight_of_two_is_the_pair_twice_and_exchanged_sides_mirror_it(values: list[int]) -> None:
    d = np.array(values, dtype=float)
    twice = pair_auc(np.append(d, d[0])).value
    assert pair_auc(d, weight_P=np.array([2.0] + [1.0] * (len(d) - 1))).value == pytest.approx(twice)
    assert pair_auc(-d).value == pytest.approx(1 - pair_auc(d).value)


def test_where_nothing_tells_the_interval_covers_one_half_and_clusters_widen_it() -> None:
    covered = clustered = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        d = draw.normal(size=60)
        covered += pair_auc(d).low <= 0.5 <= pair_auc(d).high
        groups = np.repeat(np.arange(60), 4)
        found = pair_auc(np.repeat(d, 4) + draw.normal(scale=0.01, size=240), groups.tolist())
        clustered += found.low <= 0.5 <= found.high
    assert 180 <= covered <= 198
    assert clustered >= 180


def plain_threshold(d: list[float]) -> float:
    """The best accuracy over every threshold and both directions, a pair within it a coin flip."""
    rates = []
    for at in [0.0, *map(abs, d)]:
        for sign in (1, -1):
            rates.append(sum(0.5 if abs(x) <= at else float(sign * x > 0) for x in d) / len(d))
    return max([*rates, 0.5])


@given(DIFFERENCES)
@settings(max_examples=150, deadline=None)
def test_the_best_threshold_is_the_best_of_all(values: list[int]) -> None:
    found = best_threshold(np.array(values, dtype=float))
    assert found.accuracy == pytest.approx(plain_threshold([float(v) for v in values]))
    rate = np.mean([0.5 if abs(v) <= found.at else float(found.sign * v > 0) for v in values])
    assert rate == pytest.approx(found.accuracy)


def test_no_pair_or_no_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="needs pairs"):
        pair_auc(np.array([]))
    with pytest.raises(ValueError, match="weight above 0"):
        pair_auc(np.array([1.0]), weight_P=np.array([0.0]))
    with pytest.raises(ValueError, match="at least one"):
        best_threshold(np.array([]))
