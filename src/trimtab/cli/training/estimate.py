"""What a training run will take, before it runs: tokens counted, this machine's rate measured, the rest arithmetic."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trimtab.cli.training.inputs import Inputs
from trimtab.records import Progress

_PACKED_STEPS = 12
"""Steps that are really packed to learn the sharing factor; the rest are taken to be like them."""
_TRAIN_SHARE = 0.6
"""Share of the measured matmul rate that training attains (docs/results)."""
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
    groups, dropped = groups_of(inputs.rows, lambda row: _group(row, dialect), config, progress.advance)
    steps = step_rows(len(groups), config)
    tokens = config.epochs * sum(len(sequence.ids_L) for group in groups for sequence in group)
    processed = round(tokens / _sharing(groups, steps[:_PACKED_STEPS], config.token_budget))
    parameters, units = _size(folder)
    work = 6.0 * processed + (2.0 * processed / config.epochs if inputs.method in ("dpo", "kto") else 0.0)
    seconds = work * parameters / (matmul_rate() * _TRAIN_SHARE)
    state = 4 if config.lora is not None else 16  # float32 weights; with gradient and two moments where all are trained
    memory = parameters * state / 1e9 + config.token_budget * units * _BYTES / 1e9 + 0.6
    return Plan(inputs.method, len(groups), len(steps), tokens, processed, parameters, memory, seconds, dropped)


def _group(row: Any, dialect: Any) -> Any:
    """A row of any kind as the sequences that are computed for it."""
    from trimtab.records import Comparison, Example, Message, Unpaired
    from trimtab.train.rows import comparison_group, example_group

    if isinstance(row, Example):
        return example_group(row, dialect)
    if isinstance(row, Comparison):
        return comparison_group(row, dialect)
    if isinstance(row, Unpaired):
        return example_group(Example((*row.prompt, *row.completion), tools=row.tools), dialect)
    sides: Sequence[Sequence[Message]] = row.completions
    return tuple(example_group(Example((*row.prompt, *side), tools=row.tools), dialect)[0] for side in sides)


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
