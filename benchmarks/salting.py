"""Salting: a mix of fixed size with 0, 5 and 15 % measured-hard rows, against the margin on held-out pairs."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe
from benchmarks.pages import markdown, write
from trimtab.loop.rows import companions
from trimtab.loop.scoring import margins
from trimtab.model import DEFAULT_MODEL, resolve
from trimtab.records import Comparison, Example, Message, digest
from trimtab.stats import Interval, bootstrap_interval
from trimtab.train import PreferenceConfig, SftConfig, train_dpo, train_sft

ROOT = Path(__file__).resolve().parents[1]
STEM = ROOT / "docs" / "results" / "salting"
SETS = ("commonsenseqa", "openbookqa")
SHARES = (0.0, 0.05, 0.15)
POOL, HELD_OUT, ROWS = 560, 240, 160
COMPANIONS = round(max(SHARES) * ROWS)
"""Rows with a wrong answer as companion, in every arm: what differs between arms is how many of them are hard."""
SFT = SftConfig(epochs=1, learning_rate=1e-5, rows_per_step=8, token_budget=1024)
DPO = PreferenceConfig(learning_rate=5e-6, rows_per_step=4, token_budget=1024)
Slices = Mapping[str, Sequence[Comparison]]
Margins = Mapping[str, float]
"""Comparison id -> nats a token."""


@dataclass(frozen=True, slots=True)
class Split:
    """Training rows and held-out pairs, by whether π0 prefers the wrong answer (``hard``) or not (``ordinary``)."""

    train: Slices
    held_out: Slices

    @property
    def tested(self) -> list[Comparison]:
        return [*self.held_out["hard"], *self.held_out["ordinary"]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="salting", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIMTAB_DATA", ROOT.parent / "shared/data")))
    parser.add_argument("--work", type=Path, default=ROOT / ".bench" / "salting")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one document on stdout")
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"no data sets at {given.data}; set TRIMTAB_DATA or give --data")
    for document in measured(given.data, resolve(DEFAULT_MODEL), given.work, given.seeds):
        write(STEM, page(document), document)
    if given.json:
        print(json.dumps(document, indent=1))


def measured(data: Path, model: Path, work: Path, seeds: int) -> Iterator[dict[str, Any]]:
    """The document after each seed, over all seeds so far."""
    begun, split = time.monotonic(), split_by_margin(pool(data), model)
    runs: dict[float, list[Margins]] = {share: [] for share in SHARES}
    for seed in range(seeds):
        for share in SHARES:
            rows = salted(split.train, share, seed)
            folder = work / f"{seed}-{share}"
            runs[share].append(_margins(taught(model, rows, seed, folder), split.tested))
            shutil.rmtree(folder)
            print(
                f"seed {seed}, {share:.0%} hard: done at {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True
            )
        about = {"seconds": round(time.monotonic() - begun), "machine": describe("torch", "transformers")}
        yield {**summary(split, runs), "seeds": seed + 1, "sets": list(SETS), **about}


def pool(data: Path) -> list[Comparison]:
    """Questions with choices, shuffled once for all: the right choice against one wrong choice, picked by digest."""
    lines = [line for name in SETS for line in (data / name / "multiple_choice.jsonl").open(encoding="utf-8")]
    return [_pair(json.loads(line)) for line in sorted(lines, key=digest)[:POOL]]


def split_by_margin(pairs: Sequence[Comparison], model: Path) -> Split:
    """The pairs apart: the first are held out. π0's own margin says which are hard."""
    before = _margins(model, pairs)
    held, rest = pairs[:HELD_OUT], pairs[HELD_OUT:]
    return Split(_apart(rest, before), _apart(held, before))


def salted(train: Slices, share: float, seed: int) -> list[Example]:
    """``ROWS`` rows of which ``share`` are hard; ``COMPANIONS`` of them, hard ones first, with a wrong answer beside.

    A hard row's companion is the wrong answer that π0 prefers, an ordinary row's one that it does not.
    """
    hard, order = round(share * ROWS), lambda pair: digest([seed, pair.id])
    chosen = sorted(train["hard"], key=order)[:hard]
    ordinary = sorted(train["ordinary"], key=order)[: ROWS - hard]
    assert len(chosen) + len(ordinary) == ROWS, "the pool is too small for the mix"
    pairs = [*chosen, *ordinary]
    rows = [replace(_example(pair), rejected=(pair.rejected,)) for pair in pairs[:COMPANIONS]]
    return sorted([*rows, *map(_example, pairs[COMPANIONS:])], key=lambda row: digest([seed, row.id]))


def taught(model: Path, rows: Sequence[Example], seed: int, work: Path) -> Path:
    """SFT on the rows, then the preference step on their companions."""
    settings = {"seed": seed}
    train_sft(model, rows, SFT.model_copy(update=settings), work=work / "sft", out=work / "sft" / "model")
    pairs = [pair for row in rows for pair in companions(row)]
    dpo = DPO.model_copy(update=settings)
    train_dpo(work / "sft" / "model", pairs, dpo, work=work / "dpo", out=work / "dpo" / "model")
    return work / "dpo" / "model"


def summary(split: Split, runs: Mapping[float, Sequence[Margins]]) -> dict[str, Any]:
    """Per slice and share: the margin, and its gain over no salt on the same pairs, with 95 % intervals."""
    slices: dict[str, Sequence[Comparison]] = {**split.held_out, "all": split.tested}
    found: dict[str, Any] = {"rows": ROWS, "train": {name: len(pairs) for name, pairs in split.train.items()}}
    plain = runs[SHARES[0]]
    for name, pairs in slices.items():
        found[name] = {
            f"{share:g}": {
                "margin": _interval([_mean(done, pair) for pair in pairs]),
                "right": _interval([_mean(done, pair, lambda value: float(value > 0)) for pair in pairs]),
                "gain": _interval([_mean(done, pair) - _mean(plain[: len(done)], pair) for pair in pairs]),
            }
            for share, done in runs.items()
        }
    return found


def page(document: Mapping[str, Any]) -> str:
    """For people."""
    head = (
        "# Salting: hard rows in the mix against held-out preference margin\n\n"
        f"{document['rows']} rows of {' and '.join(document['sets'])} taught to SmolLM2-135M-Instruct, of which 0, 5 "
        "or 15 % are measured hard (π0 gives the wrong answer more log-prob a token than the right one). In every arm "
        f"{COMPANIONS} rows, the hard ones first, carry a wrong answer as rejected companion; SFT, then the preference "
        "step on the companions, so that the arms differ in what is hard alone. "
        "Margin: log p(right) - log p(wrong), nats a token, on held-out questions; the gain is paired with 0 % on the "
        f"same questions, averaged over {document['seeds']} seed(s). Bias-corrected bootstrap over questions, 95 %; "
        "it does not cover the choice of the training rows. Reproduce: `make bench NAME=salting`.\n"
    )
    rows = [
        (
            name,
            f"{float(share):.0%}",
            *(_plain(row[key]) for key in ("margin", "gain", "right")),
            str(row["margin"]["n"]),
        )
        for name in ("hard", "ordinary", "all")
        for share, row in document[name].items()
    ]
    table = markdown(("held-out pairs", "hard rows", "margin", "gain over 0 %", "preferred right", "n"), rows)
    machine = document["machine"]
    foot = f"\n{document['seconds']} s on {machine['cores']} shared cores of {machine['cpu']}, {machine['date']}."
    return "\n".join([head, *table, foot]) + "\n"


def _margins(model: Path, pairs: Sequence[Comparison]) -> dict[str, float]:
    return {id: value for batch in margins(model, pairs) for id, value in batch.items()}


def _pair(row: Mapping[str, Any]) -> Comparison:
    right = row["answer_index"]
    wrong = sorted(
        (text for i, text in enumerate(row["choices"]) if i != right), key=lambda text: digest([row["question"], text])
    )
    chosen, rejected = ((Message("assistant", text),) for text in (row["choices"][right], wrong[0]))
    return Comparison((Message("user", row["question"]),), chosen, rejected)


def _example(pair: Comparison) -> Example:
    return Example((*pair.prompt, *pair.chosen))


def _apart(pairs: Sequence[Comparison], before: Margins) -> Slices:
    return {
        "hard": [pair for pair in pairs if before[pair.id] < 0],
        "ordinary": [pair for pair in pairs if before[pair.id] >= 0],
    }


def _mean(runs: Sequence[Margins], pair: Comparison, of: Callable[[float], float] = float) -> float:
    return sum(of(run[pair.id]) for run in runs) / len(runs)


def _interval(values: Sequence[float]) -> dict[str, float]:
    found: Interval = bootstrap_interval(values, lambda drawn: float(np.mean(drawn)))
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def _plain(found: Mapping[str, float]) -> str:
    return f"{found['value']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"


if __name__ == "__main__":
    main()
