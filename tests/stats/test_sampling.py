"""pass@k is the share of all k-subsets with a pass, and what drawing k times would show."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import pass_at_k


@given(st.integers(1, 9), st.data())
def test_it_is_the_share_of_subsets_that_hold_a_pass(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations([i < c for i in range(n)], k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-9)


def test_it_is_unbiased_where_the_plain_power_is_not() -> None:
    rng, rate, n, k = np.random.default_rng(0), 0.1, 10, 5
    counts = rng.binomial(n, rate, 40_000)
    truth = 1 - (1 - rate) ** k
    assert np.mean([pass_at_k(n, c, k) for c in counts]) == pytest.approx(truth, abs=0.005)
    assert abs(np.mean(1 - (1 - counts / n) ** k) - truth) > 0.02


def test_large_counts_stay_exact_and_bad_ones_are_refused() -> None:
    assert pass_at_k(100_000, 1, 50_000) == pytest.approx(0.5)
    assert pass_at_k(5, 5, 1) == 1.0
    for bad in ((3, 4, 1), (3, 1, 0), (3, 1, 4), (3, -1, 1)):
        with pytest.raises(ValueError, match="needs"):
            pass_at_k(*bad)
