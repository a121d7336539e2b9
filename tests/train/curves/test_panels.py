"""A log becomes panels: what is drawn, what is bounded, what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.records import UserError
from trimtab.train import course
from trimtab.train.curves import panels
from trimtab.train.curves.panels import Curves, Panel, curves_of, write_curves
from trimtab.train.drift import watch


def log(steps: int, **more: float) -> list[dict[str, float]]:
    basis = {"learning_rate": 1e-4, "grad_norm": 0.5, "tokens_real": 100.0, "tokens_processed": 50.0, "seconds": 2.0}
    return [{"step": step, "loss": 2.0 - step / steps, **basis, **more} for step in range(steps)]


def named(curves: Curves, name: str) -> Panel:
    return next(panel for panel in curves.panels if panel.name == name)


def test_the_logs_names_are_those_of_the_loop() -> None:
    assert (panels.READING, panels.START) == (watch.READING, watch.START)
    assert panels.REFRESH == course.REFRESH


def test_the_common_curves_come_first_then_the_methods_own() -> None:
    curves = curves_of(log(4, margin=0.1, accuracy=0.5), {"method": "dpo"})
    assert [panel.name for panel in curves.panels] == [
        "loss", "learning_rate", "grad_norm", "tokens_per_second", "accuracy", "margin"
    ]  # fmt: skip
    assert (curves.method, curves.steps) == ("dpo", 4)
    assert curves.facts["speed"] == 50.0


def test_steps_count_from_one() -> None:
    assert [step for step, _ in named(curves_of(log(3), {}), "loss").points] == [1, 2, 3]


def test_refreshes_are_shaded_and_their_loss_is_apart() -> None:
    lines = log(8)
    for step in (2, 3, 6):
        lines[step] |= {"refresh": 1.0, "loss": 9.0}
    curves = curves_of(lines, {})
    assert curves.refreshes == ((3, 4), (7, 7))
    assert max(value for _, value in named(curves, "loss").points) < 9
    assert {value for _, value in named(curves, "refresh_loss").points} == {9.0}


def test_a_monitor_begins_before_the_first_step_and_carries_its_thresholds() -> None:
    lines = log(6)
    lines[0]["start/kl"] = 0.0
    lines[2]["monitor/kl"], lines[5]["monitor/kl"] = 0.3, 0.2
    bounds = {"kl": {"max": 0.5, "min": None, "max_rise": 0.25, "max_fall": None, "max_drop": 0.05}}
    panel = named(curves_of(lines, {"monitors": {"thresholds": bounds}}), "kl")
    assert list(panel.points) == [(0.0, 0.0), (3, 0.3), (6, 0.2)]
    level, rise, drop = panel.limits
    assert [value for _, value in level.points] == [0.5, 0.5]
    assert (rise.side, rise.points[0][1]) == ("above", 0.25)
    assert [round(value, 9) for _, value in drop.points] == [-0.05, 0.25, 0.25]
    assert drop.side == "below"


def test_the_clip_is_drawn_only_where_it_was_reached() -> None:
    assert named(curves_of(log(4), {"clip": 1.0}), "grad_norm").limits == ()
    assert len(named(curves_of(log(4, grad_norm=3.0), {"clip": 1.0}), "grad_norm").limits) == 1


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=3000))
def test_thinning_keeps_the_mean_and_the_last_step(values: list[float]) -> None:
    points = list(enumerate(values, start=1))
    thin = panels._thinned([(float(step), value) for step, value in points])
    assert len(thin) <= panels._POINTS
    assert thin[-1][0] == len(values)
    assert min(values) - 1e-9 <= min(value for _, value in thin)
    if len(values) % (len(values) // len(thin)) == 0 and len(values) <= panels._POINTS:
        assert sum(value for _, value in thin) == pytest.approx(sum(values))


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(12, 90))
def test_the_trend_of_a_line_is_the_line(slope: float, level: float, count: int) -> None:
    line = [(float(x), level + slope * x) for x in range(count)]
    for (_, value), (_, smooth) in zip(line, panels._trend(line), strict=True):
        assert smooth == pytest.approx(value, abs=1e-6)


def test_a_run_is_read_from_its_folder_even_while_a_line_is_being_written(tmp_path: Path) -> None:
    text = "".join(json.dumps(line) + "\n" for line in log(3))
    (tmp_path / "metrics.jsonl").write_text(text + '{"step": 3, "lo')
    assert write_curves(tmp_path).read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("text", [None, ""])
def test_no_log_is_said(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "metrics.jsonl").write_text(text)
    with pytest.raises(UserError, match=r"no run's log|no step yet"):
        write_curves(tmp_path)


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lines: list[Any] = log(20, refresh=0.0)
    lines[4]["monitor/kl"] = lines[9]["monitor/kl"] = 0.1
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert write_curves(tmp_path, png=True).read_bytes().startswith(b"\x89PNG")
