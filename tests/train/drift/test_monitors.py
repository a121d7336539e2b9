"""Monitors while training: what they keep, where they go back to, and a killed run that hears the same verdicts."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.train.conftest import random_groups
from tests.train.test_loop import KillAt, Killed

from trimtab.model import load
from trimtab.records import Silent, UserError
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import MonitorConfig, SftConfig, Threshold
from trimtab.train.course import Line, RowsCourse, trained_weight
from trimtab.train.drift.measures import Measured, Reading
from trimtab.train.drift.monitors import Measure, Monitor, ProbeSet
from trimtab.train.drift.snapshot import Snapshots
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import forest_scorer
from trimtab.train.loop import train
from trimtab.train.objectives import sft

TAUGHT = SftConfig(epochs=2, rows_per_step=4, learning_rate=1e-3, precision="float32", checkpoint_every=2)


def moved_from(origin: Any) -> Measure:
    """A measure without sampling that rises step by step: how far the parameters are from where they began."""

    def measure(model: Any) -> Reading:
        pairs = zip(model.parameters(), origin.parameters(), strict=True)
        squares = sum(float((a - b).detach().double().pow(2).sum()) for a, b in pairs)
        return {"moved": Measured(squares**0.5, 1)}

    return measure


def taught(
    folder: Path, work: Path, monitors: MonitorConfig, progress: Silent | None = None, measure: Measure | None = None
) -> tuple[Any, list[Line]]:
    """Six steps of SFT under a monitor."""
    model: Any = load(folder)
    measure = measure or moved_from(load(folder))
    course = RowsCourse(random_groups(0, groups=12), TAUGHT, sft, trained_weight)
    watch = Monitor(monitors, measure, Snapshots(work / "drift", "run"), course.steps, work / "monitors.jsonl")
    score, checkpoints = forest_scorer(model, precision("float32")), Checkpoints(work / "checkpoint", "run")
    return model, train(model, course, score, TAUGHT, checkpoints, work / "log.jsonl", progress or Silent(), watch)


def free_run(folder: Path, tmp_path: Path, every: int = 1) -> list[Line]:
    return taught(folder, tmp_path / "free", MonitorConfig(every=every, action="stop"))[1]


def bound_after(log: list[Line], step: int) -> MonitorConfig:
    """A bound that the reading after ``step`` steps keeps and the next breaks."""
    low, high = log[step - 1]["monitor/moved"], log[step]["monitor/moved"]
    assert low < high
    return MonitorConfig(every=1, thresholds={"moved": Threshold(max=(low + high) / 2)})


def parameters(model: Any) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def are(model: Any, expected: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(model.parameters(), expected, strict=True))


def test_readings_come_every_so_often_and_after_the_last_step(folder: Path, tmp_path: Path) -> None:
    log = free_run(folder, tmp_path, every=4)
    assert [line["step"] for line in log if "monitor/moved" in line] == [3, 5]
    assert [line["step"] for line in log if "start/moved" in line] == [0]


def test_a_watched_run_that_goes_through_is_the_run_without_a_watch(folder: Path, tmp_path: Path) -> None:
    model, log = taught(folder, tmp_path, MonitorConfig(every=2))
    plain: Any = load(folder)
    course = RowsCourse(random_groups(0, groups=12), TAUGHT, sft, trained_weight)
    checkpoints, score = Checkpoints(tmp_path / "plain", "run"), forest_scorer(plain, precision("float32"))
    losses = [line["loss"] for line in train(plain, course, score, TAUGHT, checkpoints, tmp_path / "l", Silent())]
    assert [line["loss"] for line in log] == losses
    assert are(model, parameters(plain))


def test_stopping_keeps_the_model_as_it_stands_and_stepping_back_the_last_good_one(
    folder: Path, tmp_path: Path
) -> None:
    seen: list[list[torch.Tensor]] = []
    distance = moved_from(load(folder))

    def keeping(model: Any) -> Reading:
        seen.append(parameters(model))
        return distance(model)

    bound = bound_after(free_run(folder, tmp_path), 3)
    model, log = taught(folder, tmp_path / "back", bound, measure=keeping)
    assert len(log) == 4
    assert (log[-1]["stopped_at"], log[-1]["stepped_back_to"]) == (4, 3)
    assert are(model, seen[3])
    assert not are(model, seen[4])
    model, log = taught(folder, tmp_path / "stop", bound.model_copy(update={"action": "stop"}))
    assert log[-1]["stopped_at"] == 4
    assert "stepped_back_to" not in log[-1]
    assert are(model, seen[4])
    assert not (tmp_path / "stop" / "drift").exists(), "a run that only stops needs no snapshots"


def test_a_run_that_was_never_within_bounds_goes_back_to_its_start(folder: Path, tmp_path: Path) -> None:
    bound = MonitorConfig(every=1, thresholds={"moved": Threshold(max_rise=0.0)}, patience=3)
    model, log = taught(folder, tmp_path, bound)
    assert (log[-1]["stopped_at"], log[-1]["stepped_back_to"]) == (3, 0)
    assert are(model, parameters(load(folder)))


@pytest.mark.parametrize("killed_at", [1, 3, 4])
def test_a_killed_run_steps_back_to_the_same_bits(folder: Path, tmp_path: Path, killed_at: int) -> None:
    bound = bound_after(free_run(folder, tmp_path), 4)
    whole, log = taught(folder, tmp_path / "whole", bound)
    with pytest.raises(Killed):
        taught(folder, tmp_path / "cut", bound, KillAt(killed_at))
    resumed, again = taught(folder, tmp_path / "cut", bound)
    timeless, other = ([{k: v for k, v in line.items() if k != "seconds"} for line in lines] for lines in (log, again))
    assert timeless == other
    assert are(resumed, parameters(whole))
    written = [(tmp_path / place / "monitors.jsonl").read_text() for place in ("whole", "cut")]
    assert written[0] == written[1]
    assert [json.loads(line)["step"] for line in written[0].splitlines()] == [0, 1, 2, 3, 4, 5]


def test_a_resumed_run_finds_its_history_in_the_log(folder: Path, tmp_path: Path) -> None:
    """Patience spans the kill: with the readings before it gone, the run would go on for longer."""
    bound = bound_after(free_run(folder, tmp_path), 1).model_copy(update={"patience": 3})
    with pytest.raises(Killed):
        taught(folder, tmp_path / "cut", bound, KillAt(3))
    assert taught(folder, tmp_path / "cut", bound)[1][-1]["stopped_at"] == 4


def test_a_bound_for_what_is_not_measured_is_refused_before_the_first_step(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="threshold for grounding, which this run does not measure") as caught:
        taught(folder, tmp_path, MonitorConfig(thresholds={"grounding": Threshold(min=0.5)}))
    assert caught.value.expected == "moved"
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_a_measure_that_is_no_number_counts_as_not_measured(folder: Path, tmp_path: Path) -> None:
    taken: list[int] = []

    def breaking(model: Any) -> Reading:
        taken.append(1)
        return {"size": Measured(float("nan") if len(taken) == 3 else 1.0, 1)}

    bound = MonitorConfig(every=1, thresholds={"size": Threshold(max=2.0)}, action="stop")
    _, log = taught(folder, tmp_path, bound, measure=breaking)
    assert log[-1]["stopped_at"] == 2
    assert "nan" not in (tmp_path / "monitors.jsonl").read_text().lower()


def test_an_empty_probe_set_is_refused() -> None:
    with pytest.raises(UserError, match="probe set is empty"):
        ProbeSet([])
