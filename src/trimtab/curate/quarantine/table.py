"""A set of 64-bit hashes that is asked about millions of others: a bitmap says no at once, sorted order says where."""

import numpy as np
import numpy.typing as npt

from trimtab.curate.quarantine.keyed import Hashes, Places

_BITS = 21


class Table:
    """``values`` may repeat; entries are their places as given."""

    def __init__(self, values: Hashes) -> None:
        self._order = np.argsort(values, kind="stable")
        self._sorted = values[self._order]
        self._seen: npt.NDArray[np.bool_] = np.zeros(1 << _BITS, dtype=np.bool_)
        self._seen[_slot(values)] = True

    def find(self, asked: Hashes) -> tuple[Places, Places]:
        """``(places in asked, an entry with that value)`` of those that are known: the first entry."""
        at, low, _ = self._ranges(asked)
        return at, self._order[low].astype(np.int64)

    def find_all(self, asked: Hashes) -> tuple[Places, Places]:
        """As ``find``, with every entry of each value."""
        at, low, high = self._ranges(asked)
        counts = high - low
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(at, counts), self._order[np.repeat(low, counts) + within].astype(np.int64)

    def _ranges(self, asked: Hashes) -> tuple[Places, Places, Places]:
        maybe = np.flatnonzero(self._seen[_slot(asked)])
        low = np.searchsorted(self._sorted, asked[maybe], side="left")
        known = low < len(self._sorted)
        maybe, low = maybe[known], low[known]
        known = self._sorted[low] == asked[maybe]
        maybe, low = maybe[known], low[known]
        return maybe, low, np.searchsorted(self._sorted, asked[maybe], side="right")


def _slot(values: Hashes) -> Places:
    return (values >> np.uint64(64 - _BITS)).astype(np.int64)
