"""How hard rows are for a model, by the trainer's own pass: mean loss of good answers, preference margins of pairs."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from trimtab.engine.memory import give_back
from trimtab.model import Dialect
from trimtab.records import Comparison, Example, UserError
from trimtab.train import TrainConfig
from trimtab.train.forest.batch import Group
from trimtab.train.forest.plant import pack
from trimtab.train.forest.precision import precision
from trimtab.train.rows import comparison_group, example_group
from trimtab.train.run import open_model

_BUDGET = 2048  # tokens of one forward
_LONGEST = 4096  # tokens of a row that is still measured
T = TypeVar("T", Example, Comparison)


def losses(folder: Path, examples: Sequence[Example]) -> Iterator[dict[str, float]]:
    """Example id -> mean negative log-likelihood of its assistant's tokens, nats a token; a batch at a time.

    Rows that cannot be trained on, or are longer than 4,096 tokens, are left out.
    """
    dialect = Dialect.of(folder)
    for means in _means(folder, _groups(examples, lambda row: example_group(row, dialect))):
        yield {name: -value for name, value in means.items()}


def margins(folder: Path, pairs: Sequence[Comparison]) -> Iterator[dict[str, float]]:
    """Comparison id -> mean log p(chosen) minus mean log p(rejected), nats a token; as ``losses`` otherwise."""
    dialect = Dialect.of(folder)
    for means in _means(folder, _groups(pairs, lambda row: comparison_group(row, dialect))):
        ids = {name.removesuffix("/chosen") for name in means if name.endswith("/chosen")}
        yield {name: means[f"{name}/chosen"] - means[f"{name}/rejected"] for name in sorted(ids)}


def _groups(rows: Sequence[T], make: Callable[[T], Group]) -> list[Group]:
    found = []
    for row in {row.id: row for row in rows}.values():
        try:
            group = make(row)
        except UserError:  # training's own door says what is wrong with it
            continue
        lengths = [(len(sequence.ids_L), len(sequence.scored_N)) for sequence in group]
        if all(tokens <= _LONGEST and scored for tokens, scored in lengths):
            found.append(group)
    return found


def _means(folder: Path, groups: list[Group]) -> Iterator[dict[str, float]]:
    """Mean log-prob of the scored tokens by sequence, a micro-batch at a time; a group is never split."""
    if not groups:
        return
    _, chosen = open_model(folder, groups, precision("float32"), TrainConfig())
    for batch in pack(groups, _BUDGET, 1.0, share=chosen.share):
        with torch.no_grad():
            parts = torch.split(chosen.score(batch).logp, batch.seq_len.tolist())
        yield {name: float(part.mean()) for name, part in zip(batch.example_id, parts, strict=True)}
    give_back()
