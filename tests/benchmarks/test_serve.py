"""Figures of the serving benchmark from measured rounds."""

from typing import Any

import pytest
from benchmarks.serve.figures import STREAMS, figures, latencies, percentile, rates, ratio
from benchmarks.serve.report import figure_rows, measured_rows, page
from benchmarks.serve.workload import Scale, needed, rounds_of

PLAN = [{"streams": 8}, *({"streams": streams} for _ in range(3) for streams in STREAMS)]


def side(*seconds: float, first: float = 10.0) -> dict[str, Any]:
    """A side whose rounds of 100 tokens took ``seconds``, repeated."""
    each = [seconds[i % len(seconds)] for i in range(len(PLAN))]
    steps = [{"seconds": one, "tokens": 100, "first": [first], "gaps": [1.0, 2.0]} for one in each]
    return {"start": {}, "steps": steps, "end": {"peak_mb": 100.0}}


RESULTS = {"bare_bf16": side(1.0), "gateway_bf16": side(1.25, first=30.0), "static": side(4.0)}


def test_the_warm_up_round_does_not_count() -> None:
    steps = side(1.0)
    steps["steps"][0]["seconds"] = 1e9
    assert rates({"a": steps}, PLAN, "a", 8) == [100.0] * 3


def test_a_ratio_is_the_median_over_rounds_of_the_same_work() -> None:
    assert ratio(RESULTS, PLAN, "gateway_bf16", "bare_bf16", 8) == pytest.approx(0.8)


def test_figures_name_both_ratios_and_the_share_of_bandwidth() -> None:
    found = figures(RESULTS, PLAN, parameters=10**6, bandwidth=1e9)
    assert found["share_of_engine_c32"] == pytest.approx(0.8)
    assert found["vs_transformers_c8"] == pytest.approx(3.2)
    assert found["first_token_p99_ms"] == 30.0
    assert found["share_of_bandwidth_c1_bf16"] == pytest.approx(100 * 2e6 / 1e9)


def test_a_goal_that_is_missed_is_called_missed() -> None:
    goals = {row[0]: row[2] for row in figure_rows(figures(RESULTS, PLAN, 10**6, 1e9))}
    assert "missed" in goals["share_of_engine_c1"]
    assert "met" in goals["vs_transformers_c32"]


def test_percentiles_are_by_nearest_rank() -> None:
    assert (percentile([3, 1, 2], 0.5), percentile([1, 2], 0.99), percentile([], 0.5)) == (2, 2, 0.0)
    assert latencies(RESULTS, PLAN, "static", 8)["gap_p99"] == 2.0


def test_no_prompt_is_asked_twice() -> None:
    scale = Scale(rounds=2)
    plan = rounds_of(scale, [{"number": i} for i in range(needed(scale))])
    numbers = [prompt["number"] for each in plan for prompt in each["prompts"]]
    assert len(numbers) == len(set(numbers)) == needed(scale)


def test_the_page_tells_every_side() -> None:
    machine = {"cpu": "a", "cores": 2, "memory_gib": 8, "system": "Linux", "python": "3.11", "versions": {}, "date": ""}
    text = page(RESULTS, PLAN, figures(RESULTS, PLAN, 10**6, 1e9), machine)
    assert all(row[1] in text for row in measured_rows(RESULTS, PLAN))
