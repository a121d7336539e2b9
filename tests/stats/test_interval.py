"""Intervals cover what they should, and never claim certainty from few cases."""

import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import Interval, difference_interval, mean_interval, paired_interval, wilson

UNIT = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_wilson_agrees_with_its_closed_form() -> None:
    z = 1.959963984540054
    for k, n in ((0, 10), (3, 10), (10, 10), (81, 263)):
        p, half = k / n, z * math.sqrt(k / n * (1 - k / n) / n + z * z / 4 / n / n) / (1 + z * z / n)
        centre = (p + z * z / 2 / n) / (1 + z * z / n)
        found = wilson(k, n)
        assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_wilson_of_newcombes_published_example() -> None:
    found = wilson(81, 263)  # Newcombe 1998, table I, method 3
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_nothing_seen_is_nothing_known() -> None:
    assert wilson(0, 0) == Interval(0.0, 0, 0.0, 1.0)
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([math.nan])


def test_zeros_and_ones_get_wilsons_interval() -> None:
    assert mean_interval([1] * 7 + [0] * 3) == wilson(7, 10)
    assert mean_interval([1] * 7 + [0] * 3, clusters=list(range(10))) == wilson(7, 10)


def test_other_values_get_students_t_in_closed_form() -> None:
    found = mean_interval([1.0, 2.0, 4.0])
    half = 4.302652729911275 * math.sqrt(7 / 3) / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((7 / 3 - half, 7 / 3 + half), rel=1e-9)


def test_bounds_clip() -> None:
    assert mean_interval([1.0, 90.0, 8.0], lower=0).low == 0
    assert mean_interval([-1.0, -90.0, -8.0], upper=0).high == 0


def test_one_case_to_a_cluster_is_no_cluster() -> None:
    values = [0.2, 0.4, 0.9, 0.3]
    assert mean_interval(values, clusters="abcd") == mean_interval(values)


def test_the_clustered_error_is_the_plain_double_sum() -> None:
    values, clusters = [0.1, 0.2, 0.9, 0.8, 0.5], ["a", "a", "b", "b", "c"]
    mean = sum(values) / 5
    sums = [sum(v - mean for v, c in zip(values, clusters, strict=True) if c == name) for name in "abc"]
    error = math.sqrt(3 / 2 * sum(s * s for s in sums)) / 5
    assert mean_interval(values, clusters).high == pytest.approx(mean + 4.302652729911275 * error, rel=1e-9)


def test_repeating_every_case_adds_no_information() -> None:
    few, many = mean_interval([1, 0, 1, 1, 0, 1]), mean_interval([1, 0, 1, 1, 0, 1] * 5, clusters=list(range(6)) * 5)
    assert many.high - many.low >= few.high - few.low
    naive = mean_interval([1, 0, 1, 1, 0, 1] * 5)
    assert naive.high - naive.low < (many.high - many.low) / 2  # what the clusters are there to prevent


def test_equal_values_leave_room_for_what_was_never_seen() -> None:
    assert mean_interval([1.0] * 20) == wilson(20, 20)
    halves = mean_interval([0.5] * 20, lower=0, upper=1)
    assert 0.3 < halves.low < 0.5 < halves.high < 0.7
    assert mean_interval([3.0] * 4).high == pytest.approx(3 + 3 * 0.4899, abs=1e-3)  # its own size, by z²/(n + z²)
    assert mean_interval([3.0]).high == math.inf


def test_equal_pairs_never_claim_certainty() -> None:
    for scores in ([1.0] * 30, [0.0] * 30, [0.25] * 30):
        found = paired_interval(scores, scores)
        assert found.value == 0
        assert (found.low, found.high) == pytest.approx((-0.1135, 0.1135), abs=1e-4)  # z²/(n + z²)
    assert paired_interval([3, 3, 3], [1, 1, 1]).low < 2 < paired_interval([3, 3, 3], [1, 1, 1]).high


def test_few_clusters_of_equal_pairs_say_less_than_many() -> None:
    wide = paired_interval([1] * 30, [1] * 30, clusters=[i // 10 for i in range(30)])
    assert wide.high > 3 * paired_interval([1] * 30, [1] * 30).high


@pytest.mark.parametrize(("b", "c", "n"), [(1, 1, 14), (7, 0, 32), (0, 1, 100), (12, 5, 60)])
def test_zeros_and_ones_in_pairs_solve_tangos_equation(b: int, c: int, n: int) -> None:
    same = n - b - c
    found = paired_interval([1] * b + [0] * c + [1] * same, [0] * b + [1] * c + [1] * same)
    assert found.low < (b - c) / n < found.high
    for end in (found.low, found.high):  # the definition, with the constrained estimate found by a plain search
        assert _plain_score(b, c, n, end) == pytest.approx(1.959964, abs=1e-3)


def _plain_score(b: int, c: int, n: int, delta: float) -> float:
    """|score| at ``delta``, q21 maximising the trinomial likelihood with p12 = q21 + delta by grid search."""
    q = np.linspace(max(0, -delta) + 1e-9, (1 - delta) / 2 - 1e-9, 400_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = (
            (b * np.log(q + delta) if b else 0) + (c * np.log(q) if c else 0) + (n - b - c) * np.log(1 - 2 * q - delta)
        )
    best = float(q[np.nanargmax(likelihood)])
    return abs(b - c - n * delta) / math.sqrt(n * (2 * best + delta - delta * delta))


def test_paired_scores_in_between_get_students_t() -> None:
    a, b = [0.5, 0.7, 0.9, 0.4], [0.4, 0.7, 0.6, 0.2]
    d = [x - y for x, y in zip(a, b, strict=True)]
    assert paired_interval(a, b).low == pytest.approx(mean_interval(d).low)


def test_unequal_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="equal count"):
        paired_interval([1, 0], [1])
    with pytest.raises(ValueError, match="cluster"):
        mean_interval([1, 0], clusters=["a"])


@given(UNIT, st.data())
def test_the_value_lies_in_its_interval_and_both_in_bounds(values: list[float], data: st.DataObject) -> None:
    clusters = data.draw(st.lists(st.integers(0, 5), min_size=len(values), max_size=len(values)))
    found = mean_interval(values, clusters, lower=0, upper=1)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    other = data.draw(st.lists(st.floats(0, 1), min_size=len(values), max_size=len(values)))
    there, back = paired_interval(values, other, clusters), paired_interval(other, values, clusters)
    assert -1 <= there.low <= there.value + 1e-12
    assert there.value - 1e-12 <= there.high <= 1
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-9)
    assert there.low < there.high


def _covers(intervals: Sequence[Interval], truth: float) -> float:
    return sum(one.low <= truth <= one.high for one in intervals) / len(intervals)


def test_clustered_intervals_cover_and_unclustered_ones_would_not() -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(20), 8)
    drawn = [(rng.random(20)[clusters] + 0.2 * rng.random(160) < 0.6).astype(float) for _ in range(400)]
    truth = 0.5  # P(U + 0.2 V < 0.6)
    assert _covers([mean_interval(one, clusters.tolist()) for one in drawn], truth) > 0.92
    assert _covers([mean_interval(one) for one in drawn], truth) < 0.7


def test_paired_intervals_cover_where_pairs_rarely_differ() -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(400):
        a = np.ones(80)
        b = (rng.random(80) >= 0.03).astype(float)  # the truth is +0.03
        found.append(paired_interval(a, b))
    assert _covers(found, 0.03) > 0.93


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20), st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20))
def test_the_difference_of_two_samples_is_welchs(a: list[float], b: list[float]) -> None:
    found = difference_interval(a, b)
    error = math.sqrt(statistics.variance(a) / len(a) + statistics.variance(b) / len(b))
    assert found.value == pytest.approx(statistics.mean(a) - statistics.mean(b), abs=1e-9)
    assert found.high - found.low == pytest.approx(2 * 1.959963984540054 * error, abs=1e-6)
    assert found.n == len(a) + len(b)


def test_a_single_value_has_no_difference_to_tell() -> None:
    with pytest.raises(ValueError, match="two values"):
        difference_interval([1.0], [1.0, 2.0])
