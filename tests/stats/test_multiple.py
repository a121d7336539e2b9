"""A p-value never disagrees with its interval; Holm's values are his procedure and hold the family's error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import Interval, holm, mean_interval, normal_quantile, p_value, paired_interval, paired_p_value
from trimtab.stats.quantiles import normal_cdf, t_cdf


def test_it_is_the_t_test_where_the_interval_is_students() -> None:
    x = [0.3, 1.2, -0.4, 2.0, 0.9]
    t = np.mean(x) / (np.std(x, ddof=1) / np.sqrt(5))
    assert p_value(lambda level: mean_interval(x, None, level)) == pytest.approx(2 * (1 - t_cdf(t, 4)), abs=1e-9)


def test_it_is_the_z_test_where_the_interval_is_normal() -> None:
    def at(level: float) -> Interval:
        half = normal_quantile((1 + level) / 2) if 0 < level < 1 else 0.0 if level == 0 else np.inf
        return Interval(1.7, 9, 1.7 - half, 1.7 + half)

    assert p_value(at) == pytest.approx(2 * (1 - normal_cdf(1.7)), abs=1e-9)


SCORES = st.one_of(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.2, 0.7, 1.0]))


@given(
    st.lists(st.tuples(SCORES, SCORES), min_size=4, max_size=40),
    st.sampled_from([None, 2, 3]),
    st.sampled_from([0.0, 0.1, -0.25]),
)
@settings(max_examples=60)
def test_the_direct_p_value_is_the_one_dual_to_the_interval(
    pairs: list[tuple[float, float]], size: int | None, null: float
) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    clusters = None if size is None else [i // size for i in range(len(a))]
    slow = p_value(lambda level: paired_interval(a, b, clusters, level), null)
    assert paired_p_value(a, b, clusters, null) == pytest.approx(slow, abs=1e-6)


def plain_holm(p: list[float], alpha: float) -> list[bool]:
    """The procedure as Holm states it: from the smallest on, stop at the first that is above α/(m − i)."""
    rejected = [False] * len(p)
    for rank, i in enumerate(sorted(range(len(p)), key=lambda j: p[j])):
        if p[i] > alpha / (len(p) - rank):
            break
        rejected[i] = True
    return rejected


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.5))
def test_adjusted_values_are_the_procedure(p: list[float], alpha: float) -> None:
    adjusted = holm(p)
    clear = all(abs(value - alpha) > 1e-9 for value in adjusted)
    assert not clear or [value <= alpha for value in adjusted] == plain_holm(p, alpha)
    assert all(old <= new <= 1 for old, new in zip(p, adjusted, strict=True))


def test_the_family_error_is_held_where_plain_values_would_not_hold_it() -> None:
    rng = np.random.default_rng(0)
    p = rng.random((4000, 12))
    assert np.mean([min(holm(row)) <= 0.05 for row in p.tolist()]) == pytest.approx(0.049, abs=0.01)
    assert np.mean(p.min(axis=1) <= 0.05) > 0.4


def test_values_that_are_none_are_refused() -> None:
    assert holm([]) == []
    with pytest.raises(ValueError, match="0, 1"):
        holm([0.5, 1.5])
