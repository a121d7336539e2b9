"""Fair shares between tenants: deficit round robin over first-come queues, its cost unit a token.

M. Shreedhar and G. Varghese, "Efficient Fair Queueing using Deficit Round Robin", SIGCOMM 1995: tenants take turns; a
turn adds ``quantum`` × weight to the tenant's deficit and serves its oldest requests while the deficit covers them;
what is left is kept while the tenant has more to ask, and forgotten when it has not.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class _Line(Generic[Item]):
    """One tenant's waiting requests, oldest first, and what it may still start in its turn."""

    __slots__ = ("deficit", "items", "tokens", "weight")

    def __init__(self, weight: float) -> None:
        self.items: OrderedDict[Item, int] = OrderedDict()
        self.tokens, self.weight, self.deficit = 0, weight, 0.0

    @property
    def first(self) -> int:
        """Tokens of the oldest request."""
        return self.items[next(iter(self.items))]


class FairQueue(Generic[Item]):
    """Who is next. Adding, removing and taking are O(1) where no request costs more than its tenant's turn brings.

    A larger one costs one walk over the waiting tenants, whatever its size: rounds that serve nobody are added up at
    once. ``weight``: a tenant's share relative to the others', above 0.
    """

    def __init__(self, quantum: int, weight: Callable[[str], float] = lambda tenant: 1.0) -> None:
        assert quantum >= 1, "a turn must bring something"
        self._quantum, self._weight = quantum, weight
        self._lines: OrderedDict[str, _Line[Item]] = OrderedDict()  # in the order of their turns
        self._granted = False  # whether the first line has had this turn's quantum
        self._count, self.tokens, self.weights = 0, 0, 0.0

    def __len__(self) -> int:
        return self._count

    @property
    def tenants(self) -> int:
        """How many tenants wait."""
        return len(self._lines)

    def length(self, tenant: str) -> int:
        """Requests of one tenant that wait."""
        line = self._lines.get(tenant)
        return 0 if line is None else len(line.items)

    def tokens_of(self, tenant: str) -> int:
        line = self._lines.get(tenant)
        return 0 if line is None else line.tokens

    def add(self, tenant: str, item: Item, tokens: int) -> None:
        """Put ``item`` behind the tenant's others; ``tokens`` is at least 1."""
        assert tokens >= 1, "what costs nothing would be served for ever"
        line = self._lines.get(tenant)
        if line is None:
            line = self._lines[tenant] = _Line(self._weight(tenant))
            self.weights += line.weight
        assert item not in line.items, "an item waits once"
        line.items[item] = tokens
        line.tokens += tokens
        self._count += 1
        self.tokens += tokens

    def remove(self, tenant: str, item: Item) -> bool:
        """Take out what no longer wants to be served; whether it waited."""
        line = self._lines.get(tenant)
        if line is None or item not in line.items:
            return False
        self._drop(tenant, line, item)
        return True

    def next(self) -> Item | None:
        """Whose turn it is, without taking it: the same until it is taken or removed. None when nobody waits."""
        if not self._lines:
            return None
        unserved = 0
        while True:
            line = next(iter(self._lines.values()))
            if not self._granted:
                line.deficit += self._quantum * line.weight
                self._granted = True
            if line.first <= line.deficit:
                return next(iter(line.items))
            self._pass_on(line)
            unserved += 1
            if unserved == len(self._lines):
                self._skip_rounds()

    def take(self) -> Item | None:
        """Serve whose turn it is."""
        item = self.next()
        if item is None:
            return None
        tenant, line = next(iter(self._lines.items()))
        line.deficit -= line.items[item]
        self._drop(tenant, line, item)
        return item

    def ahead(self, tenant: str) -> float:
        """Tokens that would start before a new request of ``tenant``, by the ideal fluid share that DRR follows.

        All of the tenant's own, and of the others what their weights are worth meanwhile, at most all they have. DRR
        itself may start one quantum and one request more of each other tenant (Shreedhar & Varghese, lemma 2).
        """
        line = self._lines.get(tenant)
        own, others = (0, self.tokens) if line is None else (line.tokens, self.tokens - line.tokens)
        weight = self._weight(tenant) if line is None else line.weight
        rivals = self.weights if line is None else self.weights - line.weight
        return own + min(others, max(own, self._quantum * weight) / weight * rivals)

    def _pass_on(self, line: _Line[Item]) -> None:
        self._lines.move_to_end(next(iter(self._lines)))
        self._granted = False

    def _skip_rounds(self) -> None:
        """Add up the rounds in which no deficit suffices, all but the last of them."""
        rounds = min(
            math.ceil((line.first - line.deficit) / (self._quantum * line.weight)) for line in self._lines.values()
        )
        for line in self._lines.values():
            line.deficit += (rounds - 1) * self._quantum * line.weight

    def _drop(self, tenant: str, line: _Line[Item], item: Item) -> None:
        tokens = line.items.pop(item)
        line.tokens -= tokens
        self._count -= 1
        self.tokens -= tokens
        if not line.items:
            if next(iter(self._lines)) == tenant:
                self._granted = False
            del self._lines[tenant]
            self.weights = self.weights - line.weight if self._lines else 0.0
