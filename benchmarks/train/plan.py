"""What is measured: which sides do which work, in which order."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lockstep import Side
from benchmarks.train import workload
from benchmarks.train.workload import Scale, Step

RATE, EQUALITY_RATE, BETA = 2e-5, 1e-5, 0.1
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(8 << 30), "MALLOC_TRIM_THRESHOLD_": str(16 << 30)}
"""glibc keeps TRL's big temporaries instead of returning and faulting them in at every step."""


@dataclass(frozen=True, slots=True)
class Run:
    """Sides that take turns over the same steps. ``part`` is what ``--only`` names."""

    name: str
    part: str
    objective: str
    work: str
    sides: tuple[str, ...]


RUNS = (
    Run("roofline", "roofline", "sft", "many_rows", ("matmul", "ours")),
    Run("sft", "sft", "sft", "sft", ("ours", "trl_default", "trl_best")),
    Run("sft_packed", "sft", "sft", "sft", ("trl_packed",)),
    Run("dpo", "dpo", "dpo", "pairs", ("ours", "trl_default", "trl_best")),
    Run("reward", "reward", "reward", "reward_pairs", ("ours", "trl_default")),
    Run("grpo", "grpo", "grpo", "prompts", ("ours", "trl_default")),
    Run("tool_sft", "tools", "sft", "tools", ("ours", "trl_default")),
    Run("sgd_sft", "sgd", "sft", "sgd", ("ours", "trl_default")),
    Run("equality_sft", "equality", "sft", "few_rows", ("ours_float32", "trl_float32")),
    Run("equality_dpo", "equality", "dpo", "few_pairs", ("ours_float32", "trl_float32")),
    Run("equality_reward", "equality", "reward", "few_reward_pairs", ("ours_float32", "trl_float32")),
)
PARTS = tuple(dict.fromkeys(run.part for run in RUNS))


@dataclass(frozen=True, slots=True)
class Setting:
    """What a whole run of the benchmark depends on."""

    model: Path
    scale: Scale
    data: Path | None
    """The file of published tool traces, where there is one."""

    def steps(self, work: str) -> list[Step]:
        """The rows of a piece of work, step by step."""
        model, scale = self.model, self.scale
        makers: dict[str, Callable[[], list[Step]]] = {
            "sft": lambda: workload.natural_sft(model, scale.steps, scale.rows),
            "pairs": lambda: workload.natural_pairs(model, scale.steps, scale.pairs),
            "reward_pairs": lambda: workload.reward_pairs(model, scale.steps, scale.pairs),
            "prompts": lambda: workload.natural_prompts(model, scale.steps),
            "tools": lambda: workload.tool_traces(model, scale.steps, scale.rows),
            "sgd": lambda: workload.sgd_traces(model, scale.steps, scale.rows, self._data()),
            "many_rows": lambda: workload.natural_sft(model, 3 * scale.steps, scale.rows),
            "few_rows": lambda: workload.natural_sft(model, 3, 2),
            "few_pairs": lambda: workload.natural_pairs(model, 3, 1),
            "few_reward_pairs": lambda: workload.reward_pairs(model, 3, 1),
        }
        return makers[work]()

    def _data(self) -> Path:
        assert self.data is not None, "a run without its data was not left out"
        return self.data

    def to_json(self) -> dict[str, Any]:
        return {"model": self.model.name, "scale": asdict(self.scale), "data": self.data is not None}


def missing(run: Run, setting: Setting) -> str:
    """Why a run cannot be made, empty where it can."""
    return "no shared data: name its folder by --data or TRIMTAB_DATA" if run.work == "sgd" and not setting.data else ""


def side(run: Run, name: str, steps: Path, setting: Setting, peer: Path) -> Side:
    """The process of one side of a run over the rows in file ``steps``."""
    if name == "matmul":
        return Side(name, Path(sys.executable), "benchmarks.machine", {"workload": str(steps)})
    who, how = name.split("_", 1) if "_" in name else (name, "default")
    job = {
        "objective": run.objective,
        "setting": how,
        "model": str(setting.model),
        "workload": str(steps),
        "learning_rate": EQUALITY_RATE if how == "float32" else RATE,
        "beta": BETA,
        "rollouts": setting.scale.rollouts,
        "new_tokens": setting.scale.new_tokens,
        "head": reward_head(setting.model) if run.objective == "reward" else [],
    }
    if who == "ours":
        return Side(name, Path(sys.executable), "benchmarks.train.ours", job)
    return Side(name, peer, "benchmarks.train.trl_side", job, _MALLOC if how in ("best", "packed") else {})


def reward_head(model: Path) -> list[float]:
    """The scalar head that both sides start from [D]."""
    hidden: int = json.loads((model / "config.json").read_text(encoding="utf-8"))["hidden_size"]
    return [float(value) for value in np.random.default_rng(0).normal(0.0, 0.02, hidden)]
