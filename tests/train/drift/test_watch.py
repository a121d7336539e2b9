"""The verdict is a function of the log: bounds, patience, and what was not measured."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.train.config import MonitorConfig, Threshold
from trimtab.train.drift.watch import breaches, ending, history, newest, verdict

VALUES = st.floats(-10, 10, allow_nan=False)


def config(patience: int = 1, action: Any = "stop", **bounds: Any) -> MonitorConfig:
    return MonitorConfig(thresholds={"kl": Threshold(**bounds)}, patience=patience, action=action)


def log_of(start: float, *readings: float | None) -> list[dict[str, float]]:
    """A log with a reading after every second step."""
    log: list[dict[str, float]] = [{"step": 0, "start/kl": start}]
    for reading in readings:
        log += [{"loss": 1.0}, {"loss": 1.0, **({} if reading is None else {"monitor/kl": reading}), "monitor/n": 1}]
    return log


@pytest.mark.parametrize(
    ("bounds", "fine", "wrong"),
    [
        ({"min": 1.0}, 1.0, 0.9),
        ({"max": 3.0}, 3.0, 3.1),
        ({"max_rise": 0.5}, 2.5, 2.6),
        ({"max_fall": 0.5}, 1.5, 1.4),
        ({"max_drop": 0.5}, 3.5, 3.4),
    ],
)
def test_each_bound_binds_just_past_its_value(bounds: dict[str, Any], fine: float, wrong: float) -> None:
    """Started at 2, once as high as 4."""
    middle = 2.0 if "max_drop" not in bounds else 4.0
    assert verdict(log_of(2.0, middle, fine), config(**bounds)).action == "go"
    found = verdict(log_of(2.0, middle, wrong), config(**bounds))
    assert found.action == "stop"
    assert f"{wrong:g}" in found.reason


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize(
    "bounds", [{"max": 3.0}, {"min": 0.0}, {"max_rise": 9.0}, {"max_fall": 9.0}, {"max_drop": 9.0}]
)
def test_what_was_not_measured_is_out_of_bounds(value: float | None, bounds: dict[str, Any]) -> None:
    assert verdict(log_of(2.0, 2.0, value), config(**bounds)).action == "stop"


def test_a_value_before_training_is_never_judged_but_must_be_known() -> None:
    assert verdict(log_of(9.0), config(max=3.0)).action == "go"
    assert verdict([{"loss": 1.0}, {"monitor/kl": 1.0}], config(max_rise=1.0)).action == "stop"
    assert verdict([{"loss": 1.0}, {"monitor/kl": 1.0}], config(max=1.0)).action == "go"


def test_patience_waits_for_one_metric_that_stays_out() -> None:
    patient = config(patience=2, max=3.0)
    assert verdict(log_of(1.0, 4.0), patient).action == "go"
    assert verdict(log_of(1.0, 4.0, 2.0), patient).action == "go"
    assert verdict(log_of(1.0, 4.0, 2.0, 4.0), patient).action == "go"
    assert verdict(log_of(1.0, 4.0, 2.0, 4.0, 4.0), patient).action == "stop"
    turns = MonitorConfig(thresholds={"a": Threshold(max=1), "b": Threshold(max=1)}, patience=2, action="stop")
    log = [{"start/a": 0.0, "start/b": 0.0}, {"monitor/a": 2.0, "monitor/b": 0.0}, {"monitor/a": 0.0, "monitor/b": 2.0}]
    assert verdict(log, turns).action == "go"


@given(st.lists(VALUES, min_size=1, max_size=8), VALUES, VALUES, VALUES, st.integers(1, 4))
def test_wider_bounds_never_end_a_run_sooner(
    values: list[float], low: float, high: float, rise: float, patience: int
) -> None:
    tight = config(patience, min=low, max=high, max_rise=abs(rise), max_drop=abs(rise))
    wide = config(patience, min=low - 1, max=high + 1, max_rise=abs(rise) + 1, max_drop=abs(rise) + 1)
    log = log_of(*values)
    assert verdict(log, tight).action != "go" or verdict(log, wide).action == "go"


@given(st.lists(VALUES, min_size=1, max_size=8), VALUES, st.integers(1, 4))
def test_the_verdict_equals_a_plain_count_of_the_last_readings(values: list[float], high: float, patience: int) -> None:
    out = [value > high for value in values[1:]]
    expected = len(out) >= patience and all(out[-patience:])
    assert (verdict(log_of(*values), config(patience, max=high)).action == "stop") == expected


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_the_history_is_read_back_from_the_log(values: list[float]) -> None:
    log = log_of(*values)
    assert [reading.get("kl") for reading in history(log)] == values
    assert newest(log, "kl") == values[-1]
    assert newest(log, "other") is None


def test_every_metric_out_of_bounds_is_named() -> None:
    bounds = {"kl": Threshold(max=0.1), "judge_reward": Threshold(max_fall=0.0), "tokens": Threshold(max=9)}
    found = breaches([{"judge_reward": 0.5, "kl": 0.0}, {"judge_reward": 0.4, "kl": 0.2, "tokens": 5}], bounds)
    assert set(found) == {"kl", "judge_reward"}
    assert found["judge_reward"] == "judge_reward 0.4 fell by more than 0 from 0.5"


def test_a_run_that_ended_early_says_where_and_why() -> None:
    settings = config(max=3.0, action="step_back")
    log = log_of(1.0, 2.0, 4.0)
    assert ending(log, settings) == ()
    log[-1] |= {"stopped_at": 5.0, "stepped_back_to": 3.0}
    (note,) = ending(log, settings)
    assert note == ("a monitor ended the run after step 5, stepped back to the model after step 3: kl 4 is above 3")
    assert ending(log, None) == ()
