"""What a turn will take: tokens counted, this machine's rate measured, the rest arithmetic."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from trimtab.curate import import_sources
from trimtab.loop.behaviour import toolbox_of
from trimtab.loop.foresight import case_count, foresight_of
from trimtab.loop.rows import dress_of
from trimtab.loop.workspace import Workspace
from trimtab.model import Dialect, resolve
from trimtab.records import Comparison, Example
from trimtab.release import Sight
from trimtab.tools import Rehearsal
from trimtab.train import TrainConfig

_SAMPLE = 64
"""Rows whose tokens are counted; the rest are taken to be like them."""
_TRAIN_SHARE = 0.7
"""Share of the measured matmul rate that training attains, prefixes shared (from docs/results/demo.md)."""
_TOKENS_PER_CASE = 90
_SECONDS_PER_1E8_TOKEN = 0.0041
"""Seconds a generated token takes for every 1e8 parameters with eight requests at once (docs/results/demo.md)."""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    seconds: float
    what: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """Sizes in gigabytes (10⁹ bytes)."""

    parts: tuple[Part, ...]
    disk_gb: float
    memory_gb: float
    warnings: tuple[str, ...]
    sights: tuple[Sight, ...] = ()
    """What the gate will be able to see."""

    @property
    def seconds(self) -> float:
        return sum(part.seconds for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        parts = [{"step": part.name, "seconds": part.seconds, "what": part.what} for part in self.parts]
        return {
            "steps": parts,
            "seconds": self.seconds,
            "disk_gb": self.disk_gb,
            "memory_gb": self.memory_gb,
            "warnings": list(self.warnings),
            "gate": [sight.to_json() for sight in self.sights],
        }


def estimate(workspace: Workspace) -> Estimate:
    """Import the sources, count tokens on a sample, measure the machine, and add up. Trains nothing."""
    config = workspace.config
    folder = resolve(config.model)
    parameters = _parameters(folder)
    rows = [
        placed.row
        for placed in import_sources(config.data, workspace.root, toolbox_of(workspace, Rehearsal()).schemas).rows
    ]
    examples = [row for row in rows if isinstance(row, Example)]
    pairs = [row for row in rows if isinstance(row, Comparison)]
    dialect = Dialect.of(folder)
    rate, dress = matmul_rate(), dress_of(workspace)
    sft = _tokens(dialect, [dress.example(row) for row in examples[:_SAMPLE]], len(examples))
    taken = min(len(pairs), config.train.dpo_rows or len(pairs))
    dpo = _tokens(dialect, [_whole(dress.pair(row)) for row in pairs[:_SAMPLE]], taken)
    parts = [_training("sft", sft, parameters, rate, config.train.sft)]
    if config.train.dpo is not None:
        parts.append(_training("dpo", dpo * 1.6, parameters, rate, config.train.dpo))
    parts.append(_judging(workspace, parameters))
    memory = parameters * 16 / 1e9 + config.train.sft.token_budget * 1.2e6 / 1e9 + 0.6
    disk = parameters * 4 * 6 / 1e9
    return Estimate(
        tuple(parts), disk, memory, tuple(_warnings(workspace, disk, memory)), tuple(foresight_of(workspace))
    )


def matmul_rate() -> float:
    """Floating-point operations a second of a 1024³ product at the training precision; half a second's measuring."""
    import torch

    kind = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    a = torch.randn(1024, 1024, dtype=kind)
    (a @ a).sum()
    begun, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - begun) < 0.5:
        a @ a
        count += 1
    return 2 * 1024**3 * count / spent


def _training(name: str, tokens: float, parameters: float, rate: float, config: TrainConfig) -> Part:
    seconds = 6 * parameters * tokens * config.epochs / (rate * _TRAIN_SHARE)
    return Part(name, seconds, f"about {tokens * config.epochs:,.0f} tokens")


def _judging(workspace: Workspace, parameters: float) -> Part:
    config = workspace.config
    cases = case_count(workspace)
    runs = 2 * cases + 2 * config.train.anchor.limit
    seconds = runs * _TOKENS_PER_CASE * _SECONDS_PER_1E8_TOKEN * parameters / 1e8
    return Part("evaluate", seconds, f"{runs} cases, base and candidate")


def _tokens(dialect: Dialect, sample: Sequence[Example], count: int) -> float:
    """Tokens of ``count`` rows like the sample, the system prompt and tools that all share counted once a step."""
    if not sample:
        return 0.0
    ids = [dialect.encode_turns(row.messages, row.tools).ids for row in sample]
    shared = _common([list(row) for row in ids]) if len(ids) > 1 else 0
    return sum(len(row) - shared for row in ids) / len(ids) * count + shared * count / 16


def _common(rows: Sequence[Sequence[int]]) -> int:
    first = rows[0]
    for at, token in enumerate(first):
        if any(at >= len(row) or row[at] != token for row in rows):
            return at
    return len(first)


def _whole(pair: Comparison) -> Example:
    return Example((*pair.prompt, *pair.chosen), tools=pair.tools)


def _parameters(folder: Any) -> float:
    """Parameters by the weights' bytes: float32 safetensors."""
    return float(sum(path.stat().st_size for path in folder.glob("*.safetensors"))) / 4


def _warnings(workspace: Workspace, disk_gb: float, memory_gb: float) -> list[str]:
    free, memory = shutil.disk_usage(workspace.root).free / 1e9, psutil.virtual_memory().available / 1e9
    found = []
    if free < disk_gb:
        found.append(f"{free:.1f} GB of disk are free, {disk_gb:.1f} are needed")
    if memory < memory_gb:
        found.append(f"{memory:.1f} GB of memory are free, {memory_gb:.1f} are needed: lower train.sft.token_budget")
    return found
