"""Texts that mean the same: embeddings compared block by block."""

from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab.curate.dedupe.join import Twins
from trimtab.curate.dedupe.sets import Keys
from trimtab.curate.vectors import Vectors, unit

_BLOCK = 512


def same_meaning(vectors: Vectors, threshold: float, classes: Keys) -> Twins:
    """Greedy in the order given, as ``near_duplicates``: by cosine, at or above ``threshold``.

    ``vectors`` float32 [texts, dimensions], of any length; a vector of zeros is like no other. Texts of unlike
    ``classes`` are never one. Time grows with texts × kept texts: a matrix product of 100,000 by 100,000 takes minutes.
    """
    units = unit(vectors)
    of, score = np.full(len(units), -1), np.zeros(len(units))
    kept = np.empty(len(units), np.int64)
    count = 0
    for first in range(0, len(units), _BLOCK):
        block = np.arange(first, min(first + _BLOCK, len(units)))
        _give_way(of, score, block, *_best(units, classes, block, kept[:count]), threshold)
        left = block[of[block] < 0]
        _within(of, score, left, units, classes, threshold)
        left = left[of[left] < 0]
        kept[count : count + len(left)] = left
        count += len(left)
    return Twins(of, score)


def _best(units: Vectors, classes: Keys, block: npt.NDArray[np.int64], kept: npt.NDArray[np.int64]) -> tuple[Any, Any]:
    """Of each text in the block the kept text most like it, the earliest of equals, and the cosine."""
    best, most = np.full(len(block), -1), np.full(len(block), -np.inf)
    for start in range(0, len(kept), 64 * _BLOCK):
        some = kept[start : start + 64 * _BLOCK]
        cosine = np.where(classes[block][:, None] == classes[some], units[block] @ units[some].T, -np.inf)
        place = cosine.argmax(axis=1)
        found = cosine[np.arange(len(block)), place]
        better = found > most
        best[better], most[better] = some[place[better]], found[better]
    return best, most


def _within(
    of: npt.NDArray[np.int64],
    score: npt.NDArray[np.float64],
    left: npt.NDArray[np.int64],
    units: Vectors,
    classes: Keys,
    threshold: float,
) -> None:
    cosine = np.where(classes[left][:, None] == classes[left], units[left] @ units[left].T, -np.inf)
    for i in range(1, len(left)):
        row = np.where(of[left[:i]] < 0, cosine[i, :i], -np.inf)
        place = int(row.argmax())
        _give_way(of, score, left[i : i + 1], left[place : place + 1], row[place : place + 1], threshold)


def _give_way(
    of: npt.NDArray[np.int64],
    score: npt.NDArray[np.float64],
    texts: npt.NDArray[np.int64],
    others: npt.NDArray[np.int64],
    cosine: Any,
    threshold: float,
) -> None:
    like = cosine >= threshold
    of[texts[like]], score[texts[like]] = others[like], cosine[like]
