"""Sets side by side: each text's runs as sorted unique keys, the rarest first, and how alike two sets are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab.text import Shingles

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)
_THREADS = 2
_CELLS = 1 << 20
"""Keys held in one table at a time."""
_MOST = 0xFFFF


@dataclass(frozen=True, slots=True)
class Sets:
    """Set i is ``keys[starts[i] : starts[i] + sizes[i]]``: no repeats, the rarest key of the whole collection first."""

    keys: Keys
    starts: Places
    sizes: Places

    def __len__(self) -> int:
        return len(self.sizes)


def rarest_first(shingles: Shingles) -> Sets:
    """The sets of ``shingles``. A key ranks by how often its bucket of keys occurs, then by 48 of its bits."""
    bits = min(max(len(shingles.keys).bit_length(), 8), 25)
    bucket = (shingles.keys >> np.uint64(64 - bits)).view(np.int64)
    often = np.minimum(np.bincount(bucket, minlength=1 << bits), _MOST).astype(np.uint64)
    keys = (often[bucket] << np.uint64(48)) | (shingles.keys & np.uint64((1 << 48) - 1))
    lengths = np.diff(shingles.starts)
    sizes = lengths.copy()

    def sort(texts: Places) -> None:
        length = int(lengths[texts[0]])
        where = shingles.starts[texts][:, None] + np.arange(length)
        table = keys[where]
        table.sort(axis=1)
        again = table[:, 1:] == table[:, :-1]
        repeats = np.flatnonzero(again.any(axis=1))
        if len(repeats):
            table[:, 1:][again] = _NONE
            table[repeats] = np.sort(table[repeats], axis=1)
            sizes[texts] -= again.sum(axis=1)
        keys[where] = table

    with ThreadPoolExecutor(_THREADS) as pool:  # numpy lets go of Python's lock; no two tables share a text
        list(pool.map(sort, _tables(lengths)))
    return Sets(keys, shingles.starts[:-1], sizes)


def _tables(lengths: Places) -> Iterator[Places]:
    """Texts of one length, so many that their keys fit a table."""
    by_length = np.argsort(lengths, kind="stable")
    ends = np.flatnonzero(np.diff(lengths[by_length], append=-1)) + 1
    for same in np.split(by_length, ends[:-1]):
        if len(same):
            yield from np.array_split(same, max(1, len(same) * int(lengths[same[0]]) // _CELLS))


def jaccard(sets: Sets, a: Places, b: Places) -> Scores:
    """The Jaccard similarity of each pair ``(a[i], b[i])``, exact up to equal 48-bit keys."""
    total = sets.sizes[a] + sets.sizes[b]
    order = np.argsort(total, kind="stable")
    shared = np.empty(len(a), np.int64)
    first = 0
    while first < len(order):
        room = max(1, _CELLS // max(1, int(total[order[min(first + _CELLS // 64, len(order) - 1)]])))
        some = order[first : first + room]
        shared[some] = _shared(sets, a[some], b[some], int(total[some].max()))
        first += len(some)
    return shared / (total - shared)


def _shared(sets: Sets, a: Places, b: Places, width: int) -> Places:
    """How many keys each pair has in common: in the sorted union of both, a common key stands twice."""
    sizes_a, total = sets.sizes[a][:, None], (sets.sizes[a] + sets.sizes[b])[:, None]
    column = np.arange(width)
    where = np.where(column < sizes_a, sets.starts[a][:, None] + column, sets.starts[b][:, None] + column - sizes_a)
    table = np.where(column < total, sets.keys[np.minimum(where, len(sets.keys) - 1)], _NONE)
    table.sort(axis=1)
    found: Places = ((table[:, 1:] == table[:, :-1]) & (table[:, 1:] != _NONE)).sum(axis=1)
    return found
