"""What a training run will take, before it runs: tokens counted, this machine's rate measured, the rest arithmetic."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trimtab.cli.training.inputs import Inputs
from trimtab.records import Example, Progress
from trimtab.train.config import AnchoredConfig, RlConfig, SftConfig, TrainConfig

_PACKED_STEPS = 12
"""Steps that are really packed to learn the sharing factor; the rest are taken to be like them."""
_TRAIN_SHARE = 0.6
"""Share of the measured matmul rate that training attains (docs/results)."""
_SECONDS_PER_1E8_TOKEN = 0.0041
"""Seconds a sampled token takes for every 1e8 parameters with eight in step (docs/results/demo.md)."""
_BYTES = 70.0
"""Activations kept for backward, in bytes a token, layer and hidden unit: 1.2 MB a token at 30 layers of 576."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``tokens`` and ``processed`` are of all epochs; ``dropped`` names the rows that cannot be trained on."""

    method: str
    rows: int
    steps: int
    tokens: int
    processed: int
    parameters: int
    memory_gb: float
    seconds: float
    dropped: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[tuple[str, str]]:
        """What a person reads, as label and value."""
        return [
            ("rows", f"{self.rows:,}" + (f", {len(self.dropped)} more cannot be trained on" if self.dropped else "")),
            ("steps", f"{self.steps:,}"),
            ("tokens", f"{self.tokens:,}, of which {self.processed:,} are computed"),
            ("memory", f"about {self.memory_gb:.1f} GB"),
            ("time", f"about {_span(self.seconds)}"),
        ]


def plan(inputs: Inputs, folder: Path, progress: Progress) -> Plan:
    """Encodes every row, packs the first steps, measures a matrix product. Trains nothing. Raises UserError."""
    from trimtab.loop.estimate import matmul_rate
    from trimtab.model import Dialect
    from trimtab.train.rows import groups_of
    from trimtab.train.schedule import step_rows

    config, dialect = inputs.config.model_copy(update={"bad_rows": "drop"}), Dialect.of(folder)
    progress.start("count tokens", len(inputs.rows))
    groups, dropped = groups_of(inputs.rows, lambda row: _group(row, dialect, config), config, progress.advance)
    steps = step_rows(len(groups), config)
    tokens = config.epochs * sum(len(sequence.ids_L) for group in groups for sequence in group)
    processed = round(tokens / _sharing(groups, steps[:_PACKED_STEPS], config.token_budget))
    parameters, units = _size(folder)
    forwards = 2.0 * processed / config.epochs if isinstance(config, AnchoredConfig) else 0.0  # the reference's
    seconds = (6.0 * processed + forwards) * parameters / (matmul_rate() * _TRAIN_SHARE)
    if isinstance(config, RlConfig):
        generated = config.epochs * len(groups) * config.group * config.max_new_tokens
        seconds += generated * _SECONDS_PER_1E8_TOKEN * parameters / 1e8
    state = 4 if config.lora is not None else 16  # float32 weights; with gradient and two moments where all are trained
    memory = parameters * state / 1e9 + config.token_budget * units * _BYTES / 1e9 + 0.6
    return Plan(inputs.method, len(groups), len(steps), tokens, processed, parameters, memory, seconds, dropped)


def _group(row: Any, dialect: Any, config: TrainConfig) -> Any:
    """A row of any kind as the sequences that are computed for it; rollouts as long as they may become."""
    from trimtab.records import Comparison, Ranked, Unpaired
    from trimtab.train.reasoning.rows import reasoned_group
    from trimtab.train.rows import example_group, preference_group, thumb_group

    if isinstance(config, RlConfig):
        return _rollouts(row, dialect, config)
    if isinstance(row, Comparison | Ranked):
        return preference_group(row, dialect)
    if isinstance(row, Unpaired):
        return thumb_group(row, dialect)
    keep = isinstance(config, SftConfig) and config.reasoning == "keep"
    return (reasoned_group if keep else example_group)(row, dialect)


def _rollouts(row: Example, dialect: Any, config: RlConfig) -> Any:
    import numpy as np

    from trimtab.train.forest.batch import TokenSequence
    from trimtab.train.rl.rollout import prompt_of

    prompt = prompt_of(row)
    ids = dialect.encode(prompt.messages, prompt.tools, reply=True)
    weight_L = np.array([0] * len(ids) + [1] * config.max_new_tokens, np.float32)
    return tuple(
        TokenSequence(np.array(ids + [3 + k] * config.max_new_tokens), weight_L, f"{row.id}/{k}")
        for k in range(config.group)
    )


def _sharing(groups: Sequence[Any], steps: Sequence[Sequence[int]], budget: int) -> float:
    """Real tokens for each computed one, over some steps."""
    from trimtab.train.forest.plant import pack

    batches = [batch for rows in steps for batch in pack([groups[row] for row in rows], budget, 1.0)]
    return sum(batch.real_tokens for batch in batches) / sum(batch.processed_tokens for batch in batches)


def _size(folder: Path) -> tuple[int, int]:
    """Parameters, and layers times hidden units."""
    from math import prod

    from safetensors import safe_open

    count = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "np") as file:
            count += sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    shape = json.loads((folder / "config.json").read_text("utf-8"))
    shape = shape.get("text_config", shape)
    return count, int(shape.get("num_hidden_layers", 1)) * int(shape.get("hidden_size", 1))


def _span(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
