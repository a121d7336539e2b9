"""Snapshots: the newest whole set of parameters, never another run's, and the old one until the new one stands."""

from pathlib import Path
from typing import Any

import pytest
import torch

from trimtab.records import UserError
from trimtab.train.drift import snapshot as module
from trimtab.train.drift.snapshot import Snapshots


def moved(model: Any, by: float) -> list[torch.Tensor]:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by)
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(model: Any, kept: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(model.parameters(), kept, strict=True))


def test_the_newest_snapshot_comes_back_bit_for_bit(model: Any, tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, "run")
    snapshots.keep(0, model)
    kept = moved(model, 0.1)
    snapshots.keep(5, model)
    moved(model, 0.1)
    assert not same(model, kept)
    assert snapshots.restore(7, model) == 5
    assert same(model, kept)
    assert len(list(tmp_path.iterdir())) == 1, "older ones go"


def test_one_of_a_later_step_is_not_taken(model: Any, tmp_path: Path) -> None:
    """A killed run may have left one of a step that the resumed run has yet to make."""
    snapshots = Snapshots(tmp_path, "run")
    snapshots.keep(9, model)
    kept = moved(model, 0.1)
    snapshots.keep(4, model)
    moved(model, 0.1)
    assert snapshots.restore(6, model) == 4
    assert same(model, kept)


def test_another_runs_snapshots_go_and_are_not_read(model: Any, tmp_path: Path) -> None:
    Snapshots(tmp_path, "one").keep(3, model)
    with pytest.raises(AssertionError):
        Snapshots(tmp_path, "two").restore(9, model)
    Snapshots(tmp_path, "two").keep(0, model)
    with pytest.raises(AssertionError):
        Snapshots(tmp_path, "one").restore(9, model)


def test_what_does_not_train_is_not_kept(model: Any, tmp_path: Path) -> None:
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.ndim == 1)
    Snapshots(tmp_path, "run").keep(0, model)
    kept = moved(model, 0.1)
    Snapshots(tmp_path, "run").restore(0, model)
    assert all(torch.equal(a, b) == (a.ndim > 1) for a, b in zip(model.parameters(), kept, strict=True))


def test_a_snapshot_that_the_disk_refuses_leaves_the_old_one(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = Snapshots(tmp_path, "run")
    snapshots.keep(2, model)

    def full(*args: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "write_pieces", full)
    with pytest.raises(UserError, match="No space left"):
        snapshots.keep(4, model)
    assert snapshots.restore(9, model) == 2
    assert len(list(tmp_path.iterdir())) == 1
