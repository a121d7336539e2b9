"""`reasoning: auto` on two planted sets: one whose reasoning walks to the answer, one whose reasoning is noise.

Both ask about the same lists of who hands a parcel to whom. Three hands on cannot be said at once but can be walked
to; one hand on can be said at once, so words before it can only cost.
"""

import random
from collections.abc import Callable
from itertools import pairwise

from benchmarks.learn.result import Panel, Place, Point, Result
from trimtab.records import Example, Message
from trimtab.stats import Interval, wilson
from trimtab.train import SftConfig, TrainReport, train_sft

ROWS, HELD_OUT = 96, 48
CONFIG = SftConfig(
    reasoning="auto",
    reasoning_rows=ROWS,
    reasoning_probes=HELD_OUT,
    reasoning_tokens=48,
    learning_rate=2e-4,
    rows_per_step=4,
)
NAMES = ("Ada", "Ben", "Carl", "Dan", "Eve", "Fred", "Gus", "Hugo", "Ida", "Jack", "Kim", "Leo", "Max", "Nora")
IDLE = ("rain", "blue", "stone", "often", "lamp", "seven", "green", "river", "late", "chair", "north", "paper")
LISTED, FAR = 6, 3

Reason = Callable[[list[str], random.Random], str]


def walked(path: list[str], draw: random.Random) -> str:
    """Each hand that the parcel goes through."""
    return " ".join(f"{giver} gives to {taker}." for giver, taker in pairwise(path))


def idle(path: list[str], draw: random.Random) -> str:
    """Words that have nothing to do with the question."""
    return " ".join(draw.choices(IDLE, k=10)) + "."


SETS: dict[str, tuple[Reason, int, float]] = {"walk of 3": (walked, FAR, 1.0), "noise": (idle, 1, 0.0)}
"""How the rows reason, how far the answer is, and what ought to be decided: 1 is keep."""


def planted(reason: Reason, hops: int, count: int, seed: int = 0) -> list[Example]:
    """``count`` questions about lists of their own."""
    draw = random.Random(seed)
    return [_row(reason, hops, draw) for _ in range(count)]


def run(place: Place) -> Result:
    """Right answers with and without reasoning, the gain that decides, and the decision, for both sets."""
    reports = {name: _taught(place, name) for name in SETS}
    held = all(reports[name].metrics["reasoning_kept"] == right for name, (_, _, right) in SETS.items())
    shares = {
        f"{name}, {arm}": (Point.of(number, _share(report, arm)),)
        for name, report in reports.items()
        for number, arm in enumerate(("keep", "strip"))
    }
    gains = {name: (Point.of(0, _gain(report)),) for name, report in reports.items()}
    panels = (
        Panel("Right answers to held-out questions", "set, taught", "share", shares),
        Panel("What reasoning adds", "set", "paired difference of the shares", gains, 0.0),
    )
    figures = {f"{name}: decision": report.notes[-1] for name, report in reports.items()}
    return Result("reasoning: auto keeps reasoning that leads to the answer and strips noise", held, panels, figures)


def _row(reason: Reason, hops: int, draw: random.Random) -> Example:
    ring = draw.sample(NAMES, LISTED)
    takers = dict(zip(ring, [*ring[1:], ring[0]], strict=True))
    path = [draw.choice(ring)]
    for _ in range(hops):
        path.append(takers[path[-1]])
    told = " ".join(f"{giver} gives to {takers[giver]}." for giver in draw.sample(ring, LISTED))
    question, answer = _asked(path)
    return Example((Message("user", f"{told} {question}"), Message("assistant", answer, reasoning=reason(path, draw))))


def _asked(path: list[str]) -> tuple[str, str]:
    """The question, and an answer that begins with where a list of one step is looked up."""
    if len(path) == 2:
        return f"Who does {path[0]} give to?", f"{path[0]} gives to {path[1]}."
    return f"{path[0]} has the parcel. Who has it {len(path) - 1} hands on?", f"{path[-1]}."


def _taught(place: Place, name: str) -> TrainReport:
    reason, hops, _ = SETS[name]
    folder = place.work / name.replace(" ", "-")
    rows = planted(reason, hops, ROWS + HELD_OUT)
    return train_sft(place.model, rows, CONFIG, work=folder / "work", out=folder / "model")


def _share(report: TrainReport, arm: str) -> Interval:
    """Wilson's interval of the right answers of one run."""
    asked = round(report.metrics["reasoning_probes"])
    return wilson(round(report.metrics[f"reasoning_exact_{arm}"] * asked), asked)


def _gain(report: TrainReport) -> Interval:
    value, low, high = (report.metrics[f"reasoning_exact_gain{end}"] for end in ("", "_low", "_high"))
    return Interval(value, round(report.metrics["reasoning_probes"]), low, high)
