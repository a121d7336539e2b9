"""The figures of the two-products benchmark: percentiles by nearest rank, and a ratio of the other product's P99."""

import pytest
from benchmarks.products import Tally, _figures, percentile


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(value) for value in range(1, 201)], 0.99) == 198.0
    assert percentile([7.0], 0.99) == 7.0


def test_the_figures_name_what_the_other_product_noticed() -> None:
    seconds = {"warm": [9.0], "before": [0.01] * 99 + [0.02], "during": [0.03], "after": [0.01]}
    tally = Tally(seconds=seconds, releases={"a", "b"})
    figures = _figures(tally, 4)
    assert (figures["rollbacks"], figures["b_digests"], figures["b_failed"]) == (4, 2, 0)
    assert figures["b_p99_before_ms"] == pytest.approx(10.0)
    assert figures["b_p99_during_ratio"] == pytest.approx(3.0)
