"""Choices that look random and are not: a hash of the seed and the thing itself."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def uniform(*parts: object) -> float:
    """A number in (0, 1) that depends on nothing but ``parts``: the same on every machine, and in any order of rows."""
    sha = hashlib.sha256("\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass"))
    return (int.from_bytes(sha.digest()[:8]) + 0.5) / 2**64


def pick(choices: Sequence[T], *parts: object) -> T:
    """One of ``choices``, by the hash of ``parts``."""
    return choices[int(uniform(*parts) * len(choices))]


def shuffled(items: Sequence[T], *parts: object) -> list[T]:
    """``items`` in an order that depends on ``parts`` and on how many there are."""
    order = sorted(range(len(items)), key=lambda i: uniform(*parts, i))
    return [items[i] for i in order]
