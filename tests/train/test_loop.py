"""The loop: exact accumulation, a golden run, and a checkpoint that goes on bit for bit."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.train.conftest import random_groups

from trimtab.model import load
from trimtab.records import Silent, UserError
from trimtab.train import checkpoint
from trimtab.train.checkpoint import Checkpoints, Position
from trimtab.train.config import TrainConfig
from trimtab.train.course import RowsCourse, group_count, trained_weight
from trimtab.train.forest.plant import pack
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import forest_scorer
from trimtab.train.loop import optimiser_step, train
from trimtab.train.objectives import dpo, sft
from trimtab.train.optimisers import adamw

GOLDEN = (
    6.955496936794498,
    7.077728639283174,
    6.885886877637306,
    4.643280734385698,
    5.320827013635744,
    5.438425625447283,
)
"""Losses of the run below in float64 on one thread."""


class Killed(Exception):
    pass


class KillAt(Silent):
    """A Progress that stops the run after so many optimiser steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.left -= amount
        if note and self.left <= 0:
            raise Killed


def run(model: Any, work: Path, config: TrainConfig, progress: Silent | None = None) -> list[dict[str, float]]:
    groups = random_groups(0, groups=12)
    course = RowsCourse(groups, config, sft, trained_weight)
    score = forest_scorer(model, precision(config.precision))
    checkpoints = Checkpoints(work / "checkpoint", "run")
    log = work / "metrics.jsonl"
    return train(model, course, score, config, checkpoints, log, progress or Silent())


CONFIG = TrainConfig(
    epochs=2, rows_per_step=4, learning_rate=1e-3, precision="float32", checkpoint_every=2, weight_decay=0.01
)


@pytest.mark.parametrize("killed_at", [1, 3, 5])
def test_a_killed_run_goes_on_bit_for_bit(folder: Path, tmp_path: Path, killed_at: int) -> None:
    whole = load(folder)
    losses = [line["loss"] for line in run(whole, tmp_path / "whole", CONFIG)]
    with pytest.raises(Killed):
        run(load(folder), tmp_path / "cut", CONFIG, KillAt(killed_at))
    resumed = load(folder)
    log = run(resumed, tmp_path / "cut", CONFIG)
    assert [line["loss"] for line in log] == losses
    for (name, a), b in zip(whole.named_parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b), name
    written = (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in written] == list(range(6))


def test_a_checkpoint_of_another_run_is_not_read(model: Any, tmp_path: Path) -> None:
    optimizer = adamw(model, CONFIG)
    Checkpoints(tmp_path, "one").save(Position(step=4), model, optimizer)
    assert Checkpoints(tmp_path, "one").load(model, optimizer).step == 4
    assert Checkpoints(tmp_path, "two").load(model, optimizer).step == 0


def test_the_old_checkpoint_goes_once_the_new_one_stands(model: Any, tmp_path: Path) -> None:
    checkpoints, optimizer = Checkpoints(tmp_path, "run"), adamw(model, CONFIG)
    (tmp_path / ".half-written").mkdir()
    for step in (2, 4):
        checkpoints.save(Position(step=step), model, optimizer)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000004"]


def test_a_checkpoint_that_the_disk_refuses_leaves_the_old_one(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, optimizer = Checkpoints(tmp_path, "run"), adamw(model, CONFIG)
    checkpoints.save(Position(step=2), model, optimizer)

    def full(*args: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint, "write_pieces", full)
    with pytest.raises(UserError, match="No space left"):
        checkpoints.save(Position(step=4), model, optimizer)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


def test_a_checkpoint_without_the_optimiser_state_is_seen_to_differ(folder: Path, tmp_path: Path) -> None:
    """The bit-for-bit test can fail: dropping the moments changes the run."""
    whole = [line["loss"] for line in run(load(folder), tmp_path / "whole", CONFIG)]
    with pytest.raises(Killed):
        run(load(folder), tmp_path / "cut", CONFIG, KillAt(3))
    from safetensors.torch import load_file, save_file

    file = next((tmp_path / "cut" / "checkpoint").glob("*/state-*.safetensors"))
    save_file({k: v for k, v in load_file(file).items() if k.startswith("parameter/")}, file)
    assert [line["loss"] for line in run(load(folder), tmp_path / "cut", CONFIG)] != whole


def test_micro_batches_move_the_parameters_like_the_big_batch(folder: Path) -> None:
    moved = []
    for budget in (10_000, 60):
        model: Any = load(folder, dtype="float64")
        groups = random_groups(0, groups=6)
        batches = pack(groups, budget, sum(s.weight for (s,) in groups))
        score = forest_scorer(model, precision("float64"))
        line = optimiser_step(model, adamw(model, CONFIG), batches, score, sft, 1e-3, 1.0)
        moved.append((len(batches), line, [p.detach() for p in model.parameters()]))
    (one, big, whole), (many, small, summed) = moved
    assert one == 1 < many
    assert big["loss"] == pytest.approx(small["loss"], rel=1e-12)
    assert big["grad_norm"] == pytest.approx(small["grad_norm"], rel=1e-12)
    assert all(torch.allclose(a, b, atol=1e-8) for a, b in zip(whole, summed, strict=True))


def test_the_golden_run(folder: Path, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"precision": "float64"})
    losses = [line["loss"] for line in run(load(folder, dtype="float64"), tmp_path, config)]
    assert losses == pytest.approx(GOLDEN, abs=1e-9)


def test_a_loss_that_is_no_number_stops_the_run(model: Any, tmp_path: Path) -> None:
    with torch.no_grad():
        model.lm_head.weight[0, 0] = float("nan")
    with pytest.raises(UserError, match=r"no longer a number at step 0, on rows [0-9]"):
        run(model, tmp_path, CONFIG)


def test_the_rows_of_the_micro_batch_that_broke_are_named(model: Any, tmp_path: Path) -> None:
    """The reference of one row is infinite: that row is named, the sound micro-batches before it are not."""
    groups = random_groups(0, groups=4, pair=True)
    known = [tuple(replace(s, reference_N=np.zeros(len(s.scored_N))) for s in group) for group in groups]
    broken = tuple(replace(s, reference_N=np.full(len(s.scored_N), -np.inf)) for s in groups[2])
    before = [parameter.clone() for parameter in model.parameters()]
    config = CONFIG.model_copy(update={"token_budget": 50, "rows_per_step": 4})
    course = RowsCourse([*known[:2], broken, known[3]], config, dpo(), group_count)
    score, checkpoints = forest_scorer(model, precision("float32")), Checkpoints(tmp_path / "checkpoint", "run")
    with pytest.raises(UserError, match=r"the loss is no longer a number at step 0, on rows 2\. "):
        train(model, course, score, config, checkpoints, tmp_path / "log", Silent())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
