"""The area under the ROC curve is the share of pairs in order; its interval covers and never has width 0."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import auc_interval

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_order(positive: list[int], negative: list[int]) -> None:
    found = auc_interval(positive, negative)
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    assert found.value == pytest.approx(sum(pairs) / len(pairs))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw, inside, rounds = np.random.default_rng(0), 0, 400
    for _ in range(rounds):  # N(1, 1) against N(0, 1): the truth is Φ(1/√2)
        found = auc_interval(draw.normal(1, 1, 20), draw.normal(0, 1, 25))
        inside += found.low <= 0.7602 <= found.high
    assert 0.92 <= inside / rounds <= 0.99


def test_an_empty_group_is_refused() -> None:
    with pytest.raises(ValueError, match="each group"):
        auc_interval([], [1.0])
