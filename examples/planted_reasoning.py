"""`reasoning: auto` on two planted sets: one where reasoning leads to the answer, one where it is noise.

    python examples/planted_reasoning.py FOLDER [MODEL]

The same questions in both: follow a short chain of names through a list of who passes a parcel to whom. In the first
set the reasoning walks the chain, in the second it is words about something else. Written for this project.
"""

import json
import random
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from trimtab.model import resolve
from trimtab.model.resolve import DEFAULT_MODEL
from trimtab.records import Example, Message
from trimtab.train import SftConfig, train_sft

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ida", "Jon", "Kim", "Leo")
WORDS = ("the weather is mild", "a parcel has a label", "the office opens at nine", "the street is long")
CHAIN = 3
CONFIG = SftConfig(
    reasoning="auto",
    reasoning_rows=192,
    reasoning_probes=48,
    reasoning_tokens=64,
    learning_rate=5e-4,
    rows_per_step=12,
    checkpoint_every=4,
)


def helpful(walk: list[str], draw: random.Random) -> str:
    """The steps that lead to the answer."""
    return " ".join(f"{a} to {b}." for a, b in pairwise(walk))


def noise(walk: list[str], draw: random.Random) -> str:
    """Words that say nothing about the question."""
    return " ".join(f"{text.capitalize()}." for text in draw.choices(WORDS, k=CHAIN))


def planted(reason: Callable[[list[str], random.Random], str], count: int, seed: int) -> list[Example]:
    """``count`` questions, all different."""
    draw = random.Random(seed)
    return [_row(reason, draw) for _ in range(count)]


def _row(reason: Callable[[list[str], random.Random], str], draw: random.Random) -> Example:
    ring = draw.sample(NAMES, 6)
    passes = dict(zip(ring, [*ring[1:], ring[0]], strict=True))
    walk = [draw.choice(ring)]
    for _ in range(CHAIN):
        walk.append(passes[walk[-1]])
    told = ", ".join(f"{a} to {passes[a]}" for a in draw.sample(ring, len(ring)))
    question = f"Parcels go: {told}. {walk[0]} has one. Who has it after {CHAIN} passes?"
    return Example((Message("user", question), Message("assistant", f"{walk[-1]}.", reasoning=reason(walk, draw))))


def main(folder: Path, model: str) -> None:
    """Runs both sets and prints what was decided."""
    for name, reason in (("helpful", helpful), ("noise", noise)):
        rows = planted(reason, 240, seed=1)
        report = train_sft(resolve(model), rows, CONFIG, work=folder / name / "work", out=folder / name / "model")
        told = {key: value for key, value in report.metrics.items() if key.startswith("reasoning_")}
        print(json.dumps({"set": name, "notes": list(report.notes), **told}, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else DEFAULT_MODEL)
