"""What each of two processes does in the test of reinforcement learning over several; see ``processes.py``.

Run as ``python -m tests.train.rl.processes FOLDER`` under torchrun.
"""

import sys
from pathlib import Path

import torch
from tests.train.rl.test_run import CONFIG, PROMPTS, low_tokens

from trimtab.train import RlConfig, TrainReport, train_rl

TWO = RlConfig(**{**CONFIG.model_dump(), "rows_per_step": 3, "epochs": 1, "reuse": 2})


def run(folder: Path, name: str) -> TrainReport:
    return train_rl(folder / "model", PROMPTS, low_tokens, TWO, work=folder / name, out=folder / f"{name}-out")


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(Path(sys.argv[1]), "two")
