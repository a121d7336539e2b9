"""The rows that both sides learn from, as tokens: a list of optimiser steps, the first of them for warming up.

An SFT row is ``{"ids", "trained"}``; a pair ``{"id", "prompt",
"chosen", "rejected"}``; a prompt ``{"prompt", "text"}``.
"""

import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from benchmarks.train.prose import sentences
from trimtab.model import Dialect, Tokenizer, load_tokenizer
from trimtab.records import Example, example_from_json, iter_jsonl

Row = dict[str, Any]
Step = list[Row]
LONGEST = 2048
"""Longer rows of published data are left out, as ``TrainConfig.max_tokens`` does by default."""
SHARED = 600
"""Tokens of system prompt and tools that every row of the template's traces must carry at least."""
HOUSE_RULE = (
    "- Write in the customer's language, in at most three sentences, and never repeat an e-mail address, a telephone "
    "number or a card number."
)
"""A line more than the template's system prompt has, which by itself ends some 20 tokens below ``SHARED``."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Steps of a measurement, the first for warming up, and what one of them holds: 8 sequences by default."""

    steps: int = 4
    rows: int = 8
    pairs: int = 4
    rollouts: int = 8
    new_tokens: int = 64


QUICK = Scale(steps=2, rows=2, pairs=1, rollouts=2, new_tokens=8)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Log-normal lengths in tokens: mean, sigma of the logarithm, clipped to a range."""

    mean: float
    sigma: float
    low: int
    high: int

    def at(self, quantile: float) -> int:
        """The length below which a share ``quantile`` of all lengths lies."""
        median = self.mean / np.exp(self.sigma**2 / 2)
        drawn = median * np.exp(self.sigma * NormalDist().inv_cdf(quantile))
        return int(np.clip(drawn, self.low, self.high))


SFT_PROMPT, SFT_ANSWER = Lengths(153, 0.5, 42, 385), Lengths(80, 0.45, 23, 170)
PAIR_PROMPT, PAIR_ANSWER = Lengths(182, 0.35, 92, 346), Lengths(77, 0.4, 32, 152)


class Prose:
    """An endless text that hands out pieces of a wanted number of tokens."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        self.tokenizer = tokenizer
        self._sentences = sentences(seed)
        self._next = 0
        self._rng = np.random.default_rng(seed)

    @property
    def end(self) -> list[int]:
        """The token that closes a turn."""
        assert self.tokenizer.eos_token_id is not None
        return [self.tokenizer.eos_token_id]

    def draw(self, lengths: Lengths) -> list[int]:
        """A piece of random length."""
        return self.take(lengths.at(float(self._rng.uniform(1e-6, 1 - 1e-6))))

    def take(self, wanted: int) -> list[int]:
        """The tokens of whole sentences, cut to ``wanted``."""
        text, ids = "", list[int]()
        while len(ids) < wanted:
            text = f"{text} {self._sentences[self._next % len(self._sentences)]}".strip()
            self._next += 1
            ids = self.encode(text)
        return ids[:wanted]

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


def natural_sft(folder: Path, steps: int, rows: int) -> list[Step]:
    """Prompt and completion of English; the completion is trained, its end included."""
    prose = Prose(load_tokenizer(folder), seed=1)

    def row() -> Row:
        prompt, answer = prose.draw(SFT_PROMPT), prose.draw(SFT_ANSWER) + prose.end
        return {"ids": prompt + answer, "trained": [0] * len(prompt) + [1] * len(answer)}

    return [[row() for _ in range(rows)] for _ in range(steps)]


def natural_pairs(folder: Path, steps: int, pairs: int) -> list[Step]:
    """Two completions of one prompt, chosen and rejected by chance, each with its end."""
    prose = Prose(load_tokenizer(folder), seed=2)

    def row(number: int) -> Row:
        sides = {side: prose.draw(PAIR_ANSWER) + prose.end for side in ("chosen", "rejected")}
        return {"id": str(number), "prompt": prose.draw(PAIR_PROMPT), **sides}

    return [[row(step * pairs + place) for place in range(pairs)] for step in range(steps)]


def reward_pairs(folder: Path, steps: int, pairs: int) -> list[Step]:
    """As ``natural_pairs``, without the ends: a token that also pads hides where a classifier reads."""
    rows = natural_pairs(folder, steps, pairs)
    return [[row | {side: row[side][:-1] for side in ("chosen", "rejected")} for row in step] for step in rows]


def natural_prompts(folder: Path, steps: int) -> list[Step]:
    """One prompt a step, as text whose tokens are exactly ``prompt``.

    So few prompts stand for the distribution by lengths at evenly spaced quantiles; the warm-up's is the median.
    """
    prose = Prose(load_tokenizer(folder), seed=3)
    quantiles = [0.5, *((place + 0.5) / (steps - 1) for place in range(steps - 1))]
    return [[_prompt(prose, PAIR_PROMPT.at(quantile))] for quantile in quantiles]


def _prompt(prose: Prose, length: int) -> Row:
    while True:
        ids = prose.take(length)
        text = prose.tokenizer.decode(ids)
        if prose.encode(text) == ids:
            return {"prompt": ids, "text": text}


def tool_traces(folder: Path, steps: int, size: int) -> list[Step]:
    """Traces of the template workspace, each with its system prompt and tool schemas; warmed up on prose."""
    from trimtab.cli.template import write_template
    from trimtab.loop.rows import dress_of
    from trimtab.loop.workspace import find_workspace

    dialect = Dialect.of(folder)
    with tempfile.TemporaryDirectory() as scratch:
        write_template(Path(scratch))
        with (Path(scratch) / "system.md").open("a", encoding="utf-8") as prompt:
            prompt.write(HOUSE_RULE + "\n")
        dress = dress_of(find_workspace(Path(scratch)))
        rows = [example_from_json(row) for _, row in iter_jsonl(Path(scratch) / "data" / "sft.jsonl")]
    rows = [row for row in rows if not row.tools]
    order = np.random.default_rng(4).permutation(len(rows))[: (steps - 1) * size]
    encoded = [_encoded(dress.example(rows[place]), dialect) for place in order]
    assert common_prefix([row["ids"] for row in encoded]) >= SHARED, "the template's prompt has become short"
    return natural_sft(folder, 1, size) + [encoded[start : start + size] for start in range(0, len(encoded), size)]


def sgd_traces(folder: Path, steps: int, size: int, file: Path) -> list[Step]:
    """Published tool traces, in the data set's own order: windows of ``size`` rows spread evenly over it."""
    dialect = Dialect.of(folder)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [{key: value for key, value in json.loads(line).items() if key != "meta"} for line in lines]
    encoded = [_encoded(example_from_json(row), dialect) for row in rows]
    fitting = [row for row in encoded if len(row["ids"]) <= LONGEST]
    spread = np.linspace(0, len(fitting) - size, steps - 1).astype(int).tolist()
    return natural_sft(folder, 1, size) + [fitting[start : start + size] for start in spread]


def common_prefix(rows: Sequence[list[int]]) -> int:
    """Number of leading tokens that all rows share."""
    first, last = min(rows), max(rows)
    different = (place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return next(different, min(len(first), len(last)))


def _encoded(example: Example, dialect: Dialect) -> Row:
    encoded = dialect.encode_turns(example.messages, example.tools)
    return {"ids": list(encoded.ids), "trained": [int(trained) for trained in encoded.trained]}
