"""The energy test sees any difference of distribution, keeps its level, and equals its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import energy_distance, paired_energy_test

ROWS = st.lists(st.tuples(*[st.floats(-5, 5)] * 4), min_size=1, max_size=8)


@settings(deadline=None)
@given(ROWS)
def test_the_distance_is_the_mean_over_every_pair(rows: list[tuple[float, ...]]) -> None:
    x, y = [row[:2] for row in rows], [row[2:] for row in rows]

    def mean(a: list[tuple[float, ...]], b: list[tuple[float, ...]]) -> float:
        return float(np.mean([[np.hypot(p[0] - q[0], p[1] - q[1]) for q in b] for p in a]))

    plain = 2 * mean(x, y) - mean(x, x) - mean(y, y)
    assert energy_distance(x, y) == pytest.approx(plain, abs=1e-9)
    assert paired_energy_test(x, y, draws=3).distance == pytest.approx(plain, abs=1e-9)


def test_it_wrongly_calls_no_more_than_its_level() -> None:
    rng = np.random.default_rng(0)
    called = [
        paired_energy_test(rng.normal(size=(30, 3)), rng.normal(size=(30, 3)), draws=99, seed=i).p_value <= 0.05
        for i in range(300)
    ]
    assert np.mean(called) <= 0.08


def test_a_spread_that_shrinks_is_seen_where_the_mean_stays() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(80, 2))
    y = 0.3 * rng.normal(size=(80, 2))
    assert paired_energy_test(x, y).p_value < 0.01


def test_clusters_swap_as_one() -> None:
    rng = np.random.default_rng(2)
    called = {"alone": 0, "clustered": 0}
    for i in range(60):
        x, y = (np.repeat(rng.normal(size=(8, 1)), 10, axis=0) for _ in range(2))  # eight scenarios, told ten times
        clusters = np.repeat(np.arange(8), 10).tolist()
        called["alone"] += paired_energy_test(x, y, draws=99, seed=i).p_value <= 0.05
        called["clustered"] += paired_energy_test(x, y, clusters, draws=99, seed=i).p_value <= 0.05
    assert called["clustered"] <= 8 < called["alone"]


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_a_sample_does_not_differ_from_itself(rows: list[tuple[float, ...]]) -> None:
    found = paired_energy_test(rows, rows, draws=19)
    assert found.distance == pytest.approx(0, abs=1e-9)
    assert found.p_value == 1.0


def test_unequal_samples_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="as many rows"):
        paired_energy_test([[1.0]], [[1.0], [2.0]])
