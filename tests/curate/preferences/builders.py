"""Pairs to clean, and a panel of annotators with known habits."""

import random
from collections.abc import Sequence
from typing import Any

from trimtab.curate.place import Placed
from trimtab.records import Comparison, Message


def pair(chosen: str, rejected: str, prompt: str = "q", who: Sequence[str] = (), **more: Any) -> Comparison:
    return Comparison(
        (Message("user", prompt),),
        (Message("assistant", chosen),),
        (Message("assistant", rejected),),
        annotators=tuple(who),
        **more,
    )


def placed(*pairs: Comparison) -> list[Placed]:
    return [Placed(row, "s", "f.jsonl", line) for line, row in enumerate(pairs, start=1)]


def panel(
    items: int, seed: int, *, accuracy: Sequence[float] = (0.9, 0.9, 0.9, 0.9, 0.5), each: int = 3
) -> list[Comparison]:
    """``items`` pairs ("good 7" is better than "bad 7"), each judged by some of the annotators a, b, c, …"""
    draw = random.Random(seed)
    names = "abcdefgh"[: len(accuracy)]
    rows = []
    for item in range(items):
        for name in draw.sample(names, each):
            right = draw.random() < accuracy[names.index(name)]
            sides = (f"good {item}", f"bad {item}") if right else (f"bad {item}", f"good {item}")
            rows.append(pair(*sides, prompt=f"question {item}", who=[name]))
    return rows
