"""Deficit round robin: nobody is lost or served twice, turns are fair in tokens, and it equals its slow twin."""

from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trimtab.serve.admission import FairQueue

_WEIGHTS = {"a": 1.0, "b": 2.0, "c": 0.5, "d": 1.0}
_COSTS = st.one_of(st.integers(1, 40), st.integers(1, 3000))


@dataclass
class Twin:
    """The paper's algorithm word for word, a turn at a time, however many turns that takes."""

    quantum: int
    lines: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    deficit: dict[str, float] = field(default_factory=dict)
    turns: deque[str] = field(default_factory=deque)
    in_turn: bool = False

    def add(self, tenant: str, item: int, tokens: int) -> None:
        if tenant not in self.lines:
            self.lines[tenant], self.deficit[tenant] = deque(), 0.0
            self.turns.append(tenant)
        self.lines[tenant].append((item, tokens))

    def remove(self, tenant: str, item: int) -> None:
        self.lines[tenant] = deque(row for row in self.lines[tenant] if row[0] != item)
        self._leave(tenant)

    def look(self) -> int | None:
        while self.turns:
            tenant = self.turns[0]
            if not self.in_turn:
                self.deficit[tenant] += self.quantum * _WEIGHTS[tenant]
                self.in_turn = True
            item, tokens = self.lines[tenant][0]
            if tokens <= self.deficit[tenant]:
                return item
            self.turns.rotate(-1)
            self.in_turn = False
        return None

    def take(self) -> int | None:
        if self.look() is None:
            return None
        tenant = self.turns[0]
        item, tokens = self.lines[tenant].popleft()
        self.deficit[tenant] -= tokens
        self._leave(tenant)
        return item

    def _leave(self, tenant: str) -> None:
        if not self.lines[tenant]:
            if self.turns[0] == tenant:
                self.in_turn = False
            del self.lines[tenant], self.deficit[tenant]
            self.turns.remove(tenant)


class Queues(RuleBasedStateMachine):
    """Any interleaving of arrivals, cancellations, looks and services, on the queue and on its twin."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue(64, _WEIGHTS.__getitem__)
        self.twin = Twin(64)
        self.waiting: dict[int, tuple[str, int]] = {}
        self.gone: set[int] = set()
        self.count = 0

    @rule(tenant=st.sampled_from(sorted(_WEIGHTS)), tokens=_COSTS)
    def arrive(self, tenant: str, tokens: int) -> None:
        self.count += 1
        self.queue.add(tenant, self.count, tokens)
        self.twin.add(tenant, self.count, tokens)
        self.waiting[self.count] = (tenant, tokens)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.waiting)))
        tenant, _ = self.waiting.pop(item)
        self.gone.add(item)
        assert self.queue.remove(tenant, item)
        assert not self.queue.remove(tenant, item), "it left once"
        self.twin.remove(tenant, item)

    @rule()
    def look(self) -> None:
        seen = self.queue.next()
        assert seen == self.twin.look()
        assert seen == self.queue.next(), "who was named stays next"

    @rule()
    def serve(self) -> None:
        item = self.queue.take()
        assert (item is None) == (not self.waiting), "whoever waits is served: it never idles"
        assert item == self.twin.take()
        if item is not None:
            assert item not in self.gone, "nobody is served twice, or after leaving"
            tenant, _ = self.waiting.pop(item)
            self.gone.add(item)
            assert all(item < other for other, (whose, _) in self.waiting.items() if whose == tenant), (
                "first come first"
            )

    @invariant()
    def nobody_is_lost(self) -> None:
        assert len(self.queue) == len(self.waiting)
        assert self.queue.tokens == sum(tokens for _, tokens in self.waiting.values())
        by_tenant = Counter(tenant for tenant, _ in self.waiting.values())
        assert self.queue.tenants == len(by_tenant)
        assert self.queue.weights == pytest.approx(sum(_WEIGHTS[tenant] for tenant in by_tenant))
        for tenant in _WEIGHTS:
            assert self.queue.length(tenant) == by_tenant[tenant]
            own = sum(tokens for whose, tokens in self.waiting.values() if whose == tenant)
            assert own <= self.queue.ahead(tenant) <= self.queue.tokens


Queues.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueues = Queues.TestCase


@settings(max_examples=60, deadline=None)
@given(
    costs=st.lists(st.lists(st.integers(1, 100), min_size=60, max_size=60), min_size=2, max_size=4),
    quantum=st.integers(1, 150),
    served=st.integers(1, 50),
)
def test_backlogged_tenants_differ_by_a_quantum_and_the_largest_request_at_most(
    costs: list[list[int]], quantum: int, served: int
) -> None:
    queue: FairQueue[tuple[int, int]] = FairQueue(quantum)
    for place, row in enumerate(costs):
        for number, tokens in enumerate(row):
            queue.add(str(place), (place, number), tokens)
    shares = [0] * len(costs)
    for _ in range(served):
        item = queue.take()
        assert item is not None, "it never idles"
        shares[item[0]] += costs[item[0]][item[1]]
        assert max(shares) - min(shares) <= quantum + 100


def test_weights_share_tokens_and_not_requests() -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue(100, {"big": 3.0, "small": 1.0}.__getitem__)
    costs = {"big": 50, "small": 10}
    for number in range(1000):
        for tenant, tokens in costs.items():
            queue.add(tenant, (tenant, number), tokens)
    served: Counter[str] = Counter()
    for _ in range(400):
        item = queue.take()
        assert item is not None
        served[item[0]] += costs[item[0]]
    assert served["big"] / served["small"] == pytest.approx(3.0, rel=0.05)


def test_what_a_tenant_did_not_use_is_not_saved_up() -> None:
    queue: FairQueue[str] = FairQueue(100)
    queue.add("idle", "first", 1)
    assert queue.take() == "first"
    for number in range(3):
        queue.add("idle", f"late {number}", 100)
        queue.add("busy", f"busy {number}", 100)
    assert [queue.take() for _ in range(4)] == ["late 0", "busy 0", "late 1", "busy 1"]


def test_a_request_far_larger_than_its_turn_is_reached_without_walking_every_round() -> None:
    queue: FairQueue[str] = FairQueue(1)
    queue.add("a", "huge", 10**12)
    queue.add("b", "huge too", 10**12 + 1)
    assert [queue.take(), queue.take()] == ["huge", "huge too"]
