"""Prompts' keys and values, kept so that the next prompt computes only what it does not share with one of them."""

from collections import OrderedDict
from collections.abc import Sequence

from trimtab.engine.kv import Row

Ids = tuple[int, ...]
Key = tuple[str, Ids]


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """How many first items two sequences share."""
    shortest = min(len(left), len(right))
    return next((i for i in range(shortest) if left[i] != right[i]), shortest)


class Prefixes:
    """The most recently used rows within a budget of bytes. Exact: a causal prefix has one state whatever follows.

    Rows of one ``scope`` are never found from another; the budget is everybody's.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._rows: OrderedDict[Key, Row] = OrderedDict()

    def find(self, ids: Sequence[int], scope: str = "") -> Row | None:
        """The longest kept beginning of ``ids``, always short of their last (whose row gives the first logits)."""
        best, length = None, 0
        for kept in self._rows:
            common = min(common_length(kept[1], ids), len(ids) - 1) if kept[0] == scope else 0
            if common > length:
                best, length = kept, common
        if best is None:
            return None
        self._rows.move_to_end(best)
        return self._rows[best].first(length)

    def keep(self, ids: Sequence[int], row: Row, scope: str = "") -> None:
        """Keep the row of ``ids``; those it contains, and the longest unused ones beyond the budget, go."""
        key = tuple(ids[: row.length])
        for kept in [kept for kept in self._rows if kept[0] == scope and key[: len(kept[1])] == kept[1]]:
            del self._rows[kept]
        self._rows[scope, key] = row
        while self._rows and self.bytes > self._budget:
            self._rows.popitem(last=False)

    def clear(self) -> None:
        self._rows.clear()

    @property
    def bytes(self) -> int:
        return sum(row.bytes for row in self._rows.values())
