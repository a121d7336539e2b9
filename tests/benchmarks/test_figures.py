"""Figures from measured steps."""

from typing import Any

import pytest
from benchmarks.train.figures import figures, loss_gaps, raw, same_tokens, seconds, speed
from benchmarks.train.report import GOALS, figure_rows, measured_rows, page


def side(*each: float, tokens: int = 100, peak: float = 1000.0, **more: float) -> dict[str, Any]:
    """A side whose steps took ``each`` seconds, the first of them to warm up."""
    steps = [{"seconds": one, "tokens_real": tokens, "tokens_processed": tokens, "loss": 1.0, **more} for one in each]
    return {"start": {"parameters": 10**9}, "steps": steps, "end": {"peak_mb": peak}}


def matmul(rate: float) -> dict[str, Any]:
    return {"start": {}, "steps": [{"bfloat16": rate, "float32": rate / 2}] * 3, "end": {"peak_mb": 1.0}}


def test_the_warm_up_does_not_count_and_the_median_does() -> None:
    assert speed(side(50.0, 1.0, 2.0, 100.0)) == 50.0


def test_a_cached_reference_is_spread_over_two_epochs() -> None:
    assert speed(side(9.0, 4.0, reference_seconds=2.0)) == 100 / 5


def test_generation_counts_for_the_step_and_not_for_the_update() -> None:
    step = {"seconds": 10.0, "generation_seconds": 6.0}
    assert (seconds(step), seconds(step, generation=False)) == (10.0, 4.0)


def test_a_ratio_is_ours_over_theirs() -> None:
    found = figures({"sft": {"ours": side(1.0, 1.0), "trl_default": side(1.0, 3.0)}})
    assert found["sft_vs_default"] == pytest.approx(3.0)
    assert "dpo_vs_default" not in found


def test_the_best_peer_is_the_fastest_of_its_tuned_settings() -> None:
    runs = {"sft": {"ours": side(1.0, 1.0), "trl_best": side(1.0, 4.0)}, "sft_packed": {"trl_packed": side(1.0, 2.0)}}
    assert figures(runs)["sft_vs_best"] == pytest.approx(2.0)


def test_memory_is_that_of_the_worst_objective() -> None:
    runs = {
        "sft": {"ours": side(1.0, 1.0, peak=500), "trl_default": side(1.0, 1.0, peak=1000)},
        "dpo": {"ours": side(1.0, 1.0, peak=900), "trl_default": side(1.0, 1.0, peak=1000)},
    }
    assert figures(runs)["memory_vs_default"] == pytest.approx(0.9)


def test_the_roofline_share_is_six_operations_a_parameter_and_token() -> None:
    found = figures({"roofline": {"ours": side(1.0, 1.0), "matmul": matmul(1200.0)}})
    assert found["roofline_share"] == pytest.approx(6 * 1e9 * 100 / 1e9 / 1200)


def test_the_loss_gap_is_the_largest_of_all_steps_and_objectives() -> None:
    theirs = side(1.0, 1.0)
    theirs["steps"][0]["loss"] = 1.25
    runs = {"equality_dpo": {"ours_float32": side(1.0, 1.0), "trl_float32": theirs}}
    assert loss_gaps(runs) == {"dpo": 0.25}
    assert figures(runs)["loss_gap_float32"] == 0.25


def test_different_tokens_on_the_two_sides_are_told() -> None:
    runs = {"sft": {"ours": side(1.0), "trl_default": side(1.0, tokens=99), "matmul": matmul(1.0)}}
    assert same_tokens(runs) == {"sft": False}
    assert raw(runs | {"sft": {"ours": side(1.0, 1.0), "trl_default": side(1.0, 1.0)}})["same_tokens"] is True


def test_a_goal_that_was_missed_says_so_and_a_run_left_out_says_why() -> None:
    rows = figure_rows({"sft_vs_default": 2.0, "sgd_sft_vs_default": None, "sgd_sft_reason": "no data"})
    assert rows == [
        ("sft_vs_default", "2", "at least 2.5: missed"),
        ("sgd_sft_vs_default", "not run", "no data"),
    ]


def test_the_page_holds_every_figure_and_every_side() -> None:
    runs = {
        "roofline": {"ours": side(1.0, 1.0), "matmul": matmul(1200.0)},
        "sft": {"ours": side(1.0, 1.0), "trl_default": side(1.0, 3.0)},
    }
    found = figures(runs) | raw(runs)
    machine = {"cpu": "c", "cores": 2, "memory_gib": 1, "system": "s", "python": "3", "date": "d", "peer": {"trl": "1"}}
    text = page(runs, found, machine)
    assert all(key in text for key in figures(runs).keys() & GOALS.keys())
    assert len(measured_rows(runs)) == 3
    assert "Real tokens agree on both sides at every step." in text
