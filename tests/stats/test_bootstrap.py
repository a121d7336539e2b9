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
    """A redraw's variance falls short by (n - 1)/n; the plain percentiles keep that bias, these do not."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=12)

    def variance(sample: np.ndarray) -> float:
        return float(np.var(sample))

    plain = np.quantile([variance(rng.choice(values, 12)) for _ in range(4_000)], [0.025, 0.975])
    found = bootstrap_interval(values, variance, draws=4_000)
    assert found.low > plain[0] * 1.05
    assert found.high > plain[1] * 1.05
    assert found.low <= found.value <= found.high


def test_unaligned_or_absent_data_is_refused() -> None:
    with pytest.raises(ValueError, match="aligned"):
        bootstrap_interval(([1.0], [1.0, 2.0]), lambda a, b: 0.0)
    with pytest.raises(ValueError, match="aligned"):
        bootstrap_interval([], lambda a: 0.0)
