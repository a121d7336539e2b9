"""Checkpoints: parameters, optimiser state, position and RNG, so that a killed run goes on bit for bit."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from trimtab.records import UserError

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_TENSORS, _POSITION = "state.safetensors", "position.json"


@dataclass(slots=True)
class Position:
    """Where a run is: optimiser steps done, and one line of the log for each."""

    step: int = 0
    log: list[dict[str, float]] = field(default_factory=list)


class Checkpoints:
    """The newest checkpoint of one run in a folder of its own. ``identity`` names the run; others' are not read."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._identity = identity

    def save(self, position: Position, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Writes beside the old checkpoint, makes it durable, renames it into place, then removes the old.

        Raises UserError where the disk does not take it; the old checkpoint then stands.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=self._folder, prefix="."))
        try:
            final = self._write(fresh, position, model, optimizer)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise UserError(
                f"the checkpoint could not be written ({error})", file=self._folder, fix="Is the disk full?"
            ) from error
        for path in self._folder.iterdir():
            if path != final:
                shutil.rmtree(path, ignore_errors=True)

    def _write(self, fresh: Path, position: Position, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Path:
        save_file(_tensors(model, optimizer), fresh / _TENSORS)
        record = {
            "identity": self._identity,
            "step": position.step,
            "log": position.log,
            "rng": bytes(torch.get_rng_state().tolist()).hex(),
        }
        (fresh / _POSITION).write_text(json.dumps(record), encoding="utf-8")
        for path in (fresh / _TENSORS, fresh / _POSITION, fresh):
            _sync(path)
        final = self._folder / f"step-{position.step:08d}"
        shutil.rmtree(final, ignore_errors=True)
        fresh.rename(final)
        _sync(self._folder)
        return final

    def load(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position:
        """Puts the newest checkpoint's state in place; a run without one begins at step 0."""
        found = self._newest()
        if found is None:
            return Position()
        folder, record = found
        tensors = load_file(folder / _TENSORS)
        with torch.no_grad():
            for name, parameter in _trained(model):
                parameter.copy_(tensors.pop(f"parameter/{name}"))
                state = {key: tensors.pop(f"{key}/{name}") for key in _MOMENTS if f"{key}/{name}" in tensors}
                if state:
                    optimizer.state[parameter] = state
        assert not tensors, f"the checkpoint holds more than the model: {sorted(tensors)[:3]}"
        torch.set_rng_state(torch.frombuffer(bytearray.fromhex(record["rng"]), dtype=torch.uint8))
        return Position(step=record["step"], log=record["log"])

    def clear(self) -> None:
        """Removes every checkpoint, once what it led to is durable."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _newest(self) -> tuple[Path, dict[str, Any]] | None:
        for folder in sorted(self._folder.glob("step-*"), reverse=True):
            record = json.loads((folder / _POSITION).read_text(encoding="utf-8"))
            if record["identity"] == self._identity:
                return folder, record
        return None


def _trained(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {}
    for name, parameter in _trained(model):
        tensors[f"parameter/{name}"] = parameter.detach().contiguous()
        for key, value in optimizer.state[parameter].items():
            tensors[f"{key}/{name}"] = value.contiguous()
    return tensors


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
