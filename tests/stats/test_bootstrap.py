"""The bootstrap agrees with closed forms for a mean, redraws whole clusters and repeats by seed."""

import numpy as np
import pytest

from trimtab.stats import bootstrap_interval, mean_interval


def mean(values: np.ndarray) -> float:
    return float(np.mean(values))


def test_a_mean_gets_about_its_t_interval() -> None:
    values = np.random.default_rng(0).normal(5, 2, 200)
    plain, drawn = mean_interval(values), bootstrap_interval(values, mean, draws=2000)
    assert (drawn.low, drawn.high) == pytest.approx((plain.low, plain.high), abs=0.05)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.arange(20.0)
    assert bootstrap_interval(values, mean, seed=3) == bootstrap_interval(values, mean, seed=3)
    assert bootstrap_interval(values, mean, seed=3) != bootstrap_interval(values, mean, seed=4)


def test_whole_clusters_are_redrawn() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=10), 20)
    clusters = np.repeat(np.arange(10), 20).tolist()
    loose = bootstrap_interval(values, mean, clusters)
    tight = bootstrap_interval(values, mean)
    assert loose.high - loose.low > 3 * (tight.high - tight.low)


def test_a_ratio_of_aligned_lists() -> None:
    found = bootstrap_interval(([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]), lambda a, b: sum(a) / sum(b))
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_a_statistic_biased_under_redraws_is_pulled_back() -> None:
    values = np.random.default_rng(0).normal(size=30)
    found = bootstrap_interval(values, lambda v: float(np.mean(v) ** 2))  # every redraw adds about s²/n
    assert found.low <= found.value <= found.high


def test_unaligned_or_absent_data_is_refused() -> None:
    with pytest.raises(ValueError, match="aligned"):
        bootstrap_interval(([1.0], [1.0, 2.0]), lambda a, b: 0.0)
    with pytest.raises(ValueError, match="aligned"):
        bootstrap_interval([], lambda a: 0.0)
