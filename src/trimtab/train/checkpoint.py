"""Checkpoints: parameters, optimiser state, position and RNG, so that a killed run goes on bit for bit."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from safetensors import SafetensorError

from trimtab.records import UserError
from trimtab.train.forest.precision import MASTER
from trimtab.train.processes.pieces import Pieces, local, write_pieces
from trimtab.train.processes.sharding import everyones
from trimtab.train.processes.world import World, world

T = TypeVar("T")
_POSITION, _PARAMETER = "position.json", "parameter"
_FORMAT = 2
"""Of the folder; a checkpoint of another format is not read."""


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

        Each process writes what it holds; the checkpoint counts once all have. Raises UserError, in every process,
        where one's disk does not take it; the old checkpoint then stands.
        """
        here = world()
        fresh = _together(here, self._folder, lambda: self._begin(here))[0]
        assert fresh is not None
        try:
            rng = _together(here, self._folder, lambda: _write_state(fresh, model, optimizer, here))
            _together(here, self._folder, lambda: self._finish(fresh, position, rng) if here.leads else None)
        except UserError:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def _begin(self, here: World) -> Path | None:
        if not here.leads:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._folder, prefix="."))

    def _finish(self, fresh: Path, position: Position, rng: list[str]) -> None:
        record = {"format": _FORMAT, "identity": self._identity, "rng": rng, **asdict(position)}
        (fresh / _POSITION).write_text(json.dumps(record), encoding="utf-8")
        _sync(fresh / _POSITION)
        _sync(fresh)
        final = self._folder / f"step-{position.step:08d}"
        shutil.rmtree(final, ignore_errors=True)
        fresh.rename(final)
        _sync(self._folder)
        for path in self._folder.iterdir():
            if path != final:
                shutil.rmtree(path, ignore_errors=True)

    def load(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position:
        """Puts the newest checkpoint's state in place, written by however many processes; without one, step 0."""
        found = self._newest()
        if found is None:
            return Position()
        folder, record = found
        with Pieces(folder) as pieces, torch.no_grad():
            _read_state(pieces, model, optimizer)
        rng, here = record["rng"], world()
        own = rng[here.rank] if len(rng) == here.size else rng[0]
        torch.set_rng_state(torch.frombuffer(bytearray.fromhex(own), dtype=torch.uint8))
        return Position(step=record["step"], log=record["log"])

    def clear(self) -> None:
        """Removes every checkpoint, once what it led to is durable."""
        if world().leads:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _newest(self) -> tuple[Path, dict[str, Any]] | None:
        for folder in sorted(self._folder.glob("step-*"), reverse=True):
            record = json.loads((folder / _POSITION).read_text(encoding="utf-8"))
            if record.get("format") == _FORMAT and record["identity"] == self._identity:
                return folder, record
        return None


def trained(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    """The parameters that learn, by name."""
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _write_state(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, here: World) -> str:
    """This process's piece of the state, durable; returns the state of its random numbers."""
    tensors = {}
    for name, parameter in trained(model):
        state = dict(optimizer.state[parameter])
        # A master says all that its rounded parameter says.
        tensors[f"{_PARAMETER}/{name}"] = state.pop(MASTER, parameter).detach()
        tensors |= {f"{key}/{name}": value for key, value in state.items()}
    _sync(write_pieces(folder, tensors, here))
    return bytes(torch.get_rng_state().tolist()).hex()


def _read_state(pieces: Pieces, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    parameters = dict(trained(model))
    for key, name in (entry.split("/", 1) for entry in pieces):
        assert name in parameters, f"the checkpoint holds more than the model: {name}"
        parameter = parameters[name]
        value = pieces.like(f"{key}/{name}", parameter)
        if key != _PARAMETER:
            optimizer.state[parameter][key] = value
            continue
        local(parameter).copy_(local(value))
        if MASTER in optimizer.state[parameter]:
            optimizer.state[parameter][MASTER] = value


def _together(here: World, folder: Path, act: Callable[[], T]) -> list[T]:
    """What ``act`` gave in each process. Where it failed in one, all raise the same UserError."""
    found: T | None = None
    failure = ""
    try:
        found = act()
    except (OSError, SafetensorError) as error:
        failure = str(error) or type(error).__name__
    parts = everyones((found, failure), here)
    if failures := [failure for _, failure in parts if failure]:
        raise UserError(f"the checkpoint could not be written ({failures[0]})", file=folder, fix="Is the disk full?")
    return [cast(T, found) for found, _ in parts]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
