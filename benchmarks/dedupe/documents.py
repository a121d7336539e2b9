"""Short documents made by seed: Zipf's words, and copies of some with words changed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

THRESHOLD = 0.8
_LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
_VOCABULARY = 50_000
_COPIES = 0.2
_WORDS = (20, 60)


@dataclass(frozen=True, slots=True)
class Planted:
    """Document ``copy`` is document ``of`` with words changed; ``similarity``: Jaccard of their word 3-grams."""

    of: int
    copy: int
    similarity: float


def make(count: int, seed: int, path: Path) -> list[Planted]:
    """Write ``count`` documents, a line each, in random order; a fifth are copies with up to five words changed."""
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    words = [_word(i) for i in range(_VOCABULARY)]
    share = 1 / np.arange(1, _VOCABULARY + 1)
    bound = np.cumsum(share / share.sum())
    base = int(count * (1 - _COPIES))
    lengths = rng.integers(*_WORDS, base)
    drawn = np.minimum(np.searchsorted(bound, rng.random(int(lengths.sum()))), _VOCABULARY - 1)
    documents, first = [], 0
    for length in lengths.tolist():
        documents.append([words[i] for i in drawn[first : first + length].tolist()])
        first += length
    origins = [draw.randrange(base) for _ in range(count - base)]
    for origin in origins:
        documents.append(_changed(documents[origin], draw, words))
    order = list(range(count))
    draw.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    path.write_text("".join(" ".join(documents[old]) + "\n" for old in order), encoding="utf-8")
    return [
        Planted(place[origin], place[base + i], similarity(documents[origin], documents[base + i]))
        for i, origin in enumerate(origins)
    ]


def similarity(a: Sequence[str], b: Sequence[str]) -> float:
    """Jaccard of the sets of word 3-grams."""
    left, right = ({*zip(words, words[1:], words[2:], strict=False)} for words in (a, b))
    return len(left & right) / len(left | right)


def recall(planted: Sequence[Planted], kept: set[int]) -> tuple[int, int]:
    """How many planted copies at or above the threshold are not kept beside their origin, and how many there are."""
    alike = [pair for pair in planted if pair.similarity >= THRESHOLD]
    return sum(not (pair.of in kept and pair.copy in kept) for pair in alike), len(alike)


def wrongly_dropped(planted: Sequence[Planted], kept: set[int], count: int) -> int:
    """Documents dropped though no copy of theirs, nor they of it, is at or above the threshold."""
    related = {i for pair in planted if pair.similarity >= THRESHOLD for i in (pair.of, pair.copy)}
    siblings = {pair.copy for pair in planted}  # two copies of one origin may be alike
    return sum(i not in kept and i not in related and i not in siblings for i in range(count))


def _changed(words: Sequence[str], draw: random.Random, vocabulary: Sequence[str]) -> list[str]:
    copy = [*words]
    for _ in range(draw.choice((0, 1, 1, 2, 3, 5))):
        copy[draw.randrange(len(copy))] = draw.choice(vocabulary)
    return copy


def _word(number: int) -> str:
    """A word of its own for each number, shorter where it is commoner."""
    letters = random.Random(number)
    stem = "".join(letters.choices(_LETTERS, k=1 + number.bit_length() // 4))
    return stem + _LETTERS[number % 26] + _LETTERS[number // 26 % 26] + _LETTERS[number // 676 % 26]
