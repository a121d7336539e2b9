"""Train and sealed: a split by the hash of the question, so that rows that share one stay on one side."""

from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

from trimtab.curate.hashing import uniform
from trimtab.text import normalise

T = TypeVar("T")


def side_of(question: str, sealed_share: float, seed: int = 0) -> Literal["train", "sealed"]:
    """Which side a question is on, for ever: other rows, their order and their number do not matter."""
    return "sealed" if uniform("split", seed, normalise(question)) < sealed_share else "train"


def split(
    rows: Iterable[T], question: Callable[[T], str], sealed_share: float, seed: int = 0
) -> tuple[list[T], list[T]]:
    """``(train, sealed)``, each in the given order."""
    sides: dict[str, list[T]] = {"train": [], "sealed": []}
    for row in rows:
        sides[side_of(question(row), sealed_share, seed)].append(row)
    return sides["train"], sides["sealed"]
