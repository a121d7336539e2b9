"""What each of two processes does in the tests of several processes: one start serves many checks.

Run as ``python -m tests.train.processes.rows FOLDER`` under torchrun. The process that leads writes ``found.json``.
"""

import gc
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.train import test_run
from tests.train.test_run import EXAMPLES, PAIRS

from trimtab.records import UserError
from trimtab.train import LoraConfig, TrainReport, checkpoint, loop, train_dpo, train_sft
from trimtab.train.processes.sharding import everyones, join
from trimtab.train.processes.world import world

SFT = test_run.SFT.model_copy(update={"epochs": 2})
DPO = test_run.DPO.model_copy(update={"epochs": 2})
STOCHASTIC = SFT.model_copy(update={"precision": "bfloat16_stochastic"})
CONFIGS = {
    "sft": SFT,
    "one_row": SFT.model_copy(update={"rows_per_step": 1, "epochs": 1}),
    "dora": SFT.model_copy(update={"lora": LoraConfig(rank=4, alpha=8, dora=True), "learning_rate": 1e-2}),
    "master": SFT.model_copy(update={"precision": "bfloat16_master"}),
    "stochastic": STOCHASTIC,
}
KILLED_AFTER = 3
"""Optimiser steps; the checkpoint is that of step 2."""


class Killed(Exception):
    pass


def sft(folder: Path, name: str, config: Any = SFT) -> TrainReport:
    return train_sft(folder / "model", EXAMPLES, config, work=folder / name, out=folder / f"{name}-out")


def dpo(folder: Path, name: str) -> TrainReport:
    return train_dpo(folder / "model", PAIRS, DPO, work=folder / name, out=folder / f"{name}-out")


def killed(run: Callable[[], object]) -> None:
    """``run``, ended after some steps in every process alike, as by a power cut."""
    own, left = loop.optimiser_step, [KILLED_AFTER]

    def step(*args: Any) -> dict[str, float]:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return own(*args)

    loop.optimiser_step = step  # type: ignore[assignment]
    try:
        run()
        raise AssertionError("the run went through")
    except Killed:
        pass
    finally:
        loop.optimiser_step = own


def full_disk_in_one(folder: Path) -> list[str]:
    """What each process says when the last one's disk is full at a checkpoint."""
    checkpoints: Any = checkpoint
    own = checkpoints.write_pieces

    def write(*args: Any) -> Path:
        if world().rank == world().size - 1:
            raise OSError("No space left on device")
        written: Path = own(*args)
        return written

    checkpoints.write_pieces = write
    try:
        sft(folder, "full")
        said = ""
    except UserError as error:
        said = error.message
    finally:
        checkpoints.write_pieces = own
    return everyones(said, world())


def main(folder: Path) -> None:
    gc.freeze()  # what was imported stays, and need not be looked through at every collection
    here = join()
    found: dict[str, Any] = {"size": here.size}
    for name, config in CONFIGS.items():
        found[name] = sft(folder, name, config).losses
    found["dpo"] = dpo(folder, "dpo").losses
    for name, config in {"again": SFT, "again_stochastic": STOCHASTIC}.items():
        killed(partial(sft, folder, name, config))
        found[name] = sft(folder, name, config).losses
    killed(lambda: sft(folder, "two_then_one"))
    found["one_then_two"] = sft(folder, "one_then_two").losses
    found["full"] = full_disk_in_one(folder)
    found["full_left"] = [path.name for path in (folder / "full" / "checkpoint").iterdir()]
    if here.leads:
        (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
