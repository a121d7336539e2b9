"""Pathologies planted in real pairs: a careless annotator, a taste for length, answers by template."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from trimtab.curate.place import Placed
from trimtab.records import Comparison, Message

CARELESS = "annotator 5"
HONEST = ("annotator 1", "annotator 2", "annotator 3", "annotator 4")


@dataclass(frozen=True, slots=True)
class Panel:
    """Who judges: each pair goes to ``each`` of the five; ``busy``: the careless one is always among them.

    Honest annotators slip now and then; the careless one flips a coin. On ``lazy`` of the pairs the honest take
    whichever answer is longer.
    """

    each: int = 3
    slip: float = 0.1
    careless: bool = True
    busy: bool = False
    lazy: float = 0.0


def judged(pairs: Sequence[Comparison], panel: Panel, seed: int) -> list[Comparison]:
    """A row for each verdict, signed; the pairs' own verdicts are the truth."""
    draw = random.Random(seed)
    return [
        verdict
        for pair in pairs
        for lazy in [draw.random() < panel.lazy]
        for name in _asked(panel, draw)
        for verdict in [_verdict(pair, name, panel, lazy, draw)]
    ]


def _asked(panel: Panel, draw: random.Random) -> list[str]:
    if panel.busy:
        return [CARELESS, *draw.sample(HONEST, panel.each - 1)]
    return draw.sample((*HONEST, CARELESS), panel.each)


def _verdict(pair: Comparison, name: str, panel: Panel, lazy: bool, draw: random.Random) -> Comparison:
    coin, slips = draw.random() < 0.5, draw.random() < panel.slip
    if name == CARELESS and panel.careless:
        turned = coin
    elif lazy and _length(pair.chosen) != _length(pair.rejected):
        turned = _length(pair.chosen) < _length(pair.rejected)
    else:
        turned = slips
    return replace(flipped(pair) if turned else pair, annotators=(name,))


def templated(pairs: Sequence[Comparison], share: float, seed: int, *, side: str = "rejected") -> list[Comparison]:
    """The pairs, ``share`` of them with one side put by one template, its slot filled with the prompt's last words."""
    draw = random.Random(seed)
    chosen = set(draw.sample(range(len(pairs)), round(share * len(pairs))))
    return [_filled(pair, side) if at in chosen else pair for at, pair in enumerate(pairs)]


def _filled(pair: Comparison, side: str) -> Comparison:
    slot = " ".join(pair.prompt[-1].content.split()[-3:])
    text = f"Thank you for reaching out about {slot} Our team is always here to make your day a little brighter!"
    answer = (Message("assistant", text),)
    return replace(pair, chosen=answer) if side == "chosen" else replace(pair, rejected=answer)


def by_length(pairs: Sequence[Comparison], share: float, seed: int) -> list[Comparison]:
    """Each pair in an order that a coin decides, then ``share`` of them with the longer side chosen."""
    draw = random.Random(seed)
    tossed = [flipped(pair) if draw.random() < 0.5 else pair for pair in pairs]
    return [_longer_first(pair) if draw.random() < share else pair for pair in tossed]


def _longer_first(pair: Comparison) -> Comparison:
    return flipped(pair) if _length(pair.chosen) < _length(pair.rejected) else pair


def flipped(pair: Comparison) -> Comparison:
    return replace(pair, chosen=pair.rejected, rejected=pair.chosen)


def placed(pairs: Sequence[Comparison], name: str = "planted") -> list[Placed]:
    return [Placed(pair, name, f"{name}.jsonl", line) for line, pair in enumerate(pairs, start=1)]


def _length(turns: Sequence[Message]) -> int:
    return sum(len(turn.content.split()) for turn in turns)
