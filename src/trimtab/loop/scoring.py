"""How hard rows are for a model, by the trainer's own pass: mean loss of good answers, preference margins of pairs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from trimtab.engine.memory import give_back
from trimtab.model import Dialect
from trimtab.records import Comparison, Example, Progress, Silent
from trimtab.train import TrainConfig
from trimtab.train.forest.batch import Group
from trimtab.train.forest.plant import pack
from trimtab.train.forest.precision import precision
from trimtab.train.rows import comparison_group, example_group
from trimtab.train.run import open_model

PRECISION = "float32"
_BUDGET = 2048  # tokens of one forward


def losses(folder: Path, examples: Sequence[Example], progress: Progress | None = None) -> dict[str, float]:
    """Example id -> mean negative log-likelihood of its assistant's tokens, nats a token. Raises UserError."""
    dialect = Dialect.of(folder)
    means = _means(folder, [example_group(example, dialect) for example in examples], progress or Silent())
    return {example.id: -means[example.id] for example in examples}


def margins(folder: Path, pairs: Sequence[Comparison], progress: Progress | None = None) -> dict[str, float]:
    """Comparison id -> mean log p(chosen) minus mean log p(rejected), nats a token. Raises UserError."""
    dialect = Dialect.of(folder)
    means = _means(folder, [comparison_group(pair, dialect) for pair in pairs], progress or Silent())
    return {pair.id: means[f"{pair.id}/chosen"] - means[f"{pair.id}/rejected"] for pair in pairs}


def _means(folder: Path, groups: list[Group], progress: Progress) -> Mapping[str, float]:
    """Mean log-prob of each sequence's scored tokens."""
    if not groups:
        return {}
    _, chosen = open_model(folder, groups, precision(PRECISION), TrainConfig())
    batches = pack(groups, _BUDGET, 1.0, share=chosen.share)
    found: dict[str, float] = {}
    for batch in batches:
        with torch.no_grad():
            parts = torch.split(chosen.score(batch).logp, batch.seq_len.tolist())
        found |= {name: float(part.mean()) for name, part in zip(batch.example_id, parts, strict=True)}
        progress.advance(len(batch.example_id))
    give_back()
    return found
