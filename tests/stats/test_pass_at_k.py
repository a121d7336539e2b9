"""pass@k is the share of k-subsets with a right sample in them, and its estimator has no bias."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats.pass_at_k import pass_at_k


@given(st.integers(1, 9), st.data())
def test_it_is_the_share_of_all_subsets_that_hold_a_right_one(n: int, data: st.DataObject) -> None:
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations(range(n), k))
    plain = sum(min(subset) < right for subset in subsets) / len(subsets)
    assert pass_at_k(n, right, k) == pytest.approx(plain, abs=1e-12)


@given(st.integers(1, 400), st.data())
def test_it_equals_the_ratio_of_binomials(n: int, data: st.DataObject) -> None:
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert pass_at_k(n, right, k) == pytest.approx(1 - math.comb(n - right, k) / math.comb(n, k), abs=1e-9)


def test_its_mean_is_what_k_fresh_samples_give() -> None:
    rate, n, k = 0.2, 10, 3
    drawn = np.random.default_rng(0).binomial(n, rate, 40_000)
    mean = np.mean([pass_at_k(n, int(right), k) for right in drawn])
    assert mean == pytest.approx(1 - (1 - rate) ** k, abs=0.006)
    naive = np.mean([1 - (1 - right / n) ** k for right in drawn])
    assert abs(naive - (1 - (1 - rate) ** k)) > 0.03  # what the estimator is there for


@pytest.mark.parametrize(("n", "right", "k"), [(5, 6, 1), (5, -1, 1), (5, 1, 6), (5, 1, 0), (0, 0, 1)])
def test_what_cannot_be_estimated_is_refused(n: int, right: int, k: int) -> None:
    with pytest.raises(ValueError, match=r"pass@k needs"):
        pass_at_k(n, right, k)
