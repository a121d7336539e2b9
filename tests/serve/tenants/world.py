"""Gateways on one store, what is under way at each, and what was truly spent."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from trimtab.serve import ApiError
from trimtab.serve.tenants import Bound, Grant, KeyedTenants, Limits, Tenant, issue_key
from trimtab.store import Store

MOST = 1.0
NOON = 1798718400.0  # 2026-12-31T12:00:00Z: a day and a month end soon


@dataclass
class World:
    """Gateways on one store, requests under way, and what was truly spent."""

    store: Store
    tenants: dict[str, Tenant]
    now: float = NOON
    doors: list[KeyedTenants] = field(default_factory=list)
    under_way: list[tuple[KeyedTenants, Grant]] = field(default_factory=list)
    spent: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    refused: list[str | None] = field(default_factory=list)

    def open(self) -> KeyedTenants:
        door = KeyedTenants(self.store.tenants, self.store.spending, lambda: self.now)
        self.doors.append(door)
        return door

    async def begin(self, door: KeyedTenants, name: str) -> Grant | None:
        try:
            grant = await door.reserve(self.tenants[name], Bound(1, MOST))
        except ApiError as error:
            self.refused.append(error.code)
            return None
        self.under_way.append((door, grant))
        return grant

    def end(self, index: int, cost: float, *, settled: bool = True) -> None:
        door, grant = self.under_way.pop(index)
        for days in (grant.day, grant.day[:7]):
            self.spent[grant.tenant.name, days] += cost
        if settled:
            door.settle(grant, 1, cost)
            door.settle(grant, 1, cost)  # the second time counts for nothing
        self.check()

    def kill(self, door: KeyedTenants, cost: float) -> None:
        """What was under way there was paid for, and nobody has settled it."""
        self.doors.remove(door)
        for index in reversed([i for i, (owner, _) in enumerate(self.under_way) if owner is door]):
            self.end(index, cost, settled=False)

    def check(self) -> None:
        for (name, days), spent in self.spent.items():
            limits = self.tenants[name].limits
            budget = limits.monthly_dollars if len(days) == 7 else limits.daily_dollars
            assert budget is None or spent <= budget + MOST + 1e-9, f"{name} spent {spent} of {budget} in {days}"


def make_world(folder: Path, **tenants: Limits) -> World:
    store = Store.open(folder)
    store.database.read("PRAGMA synchronous = OFF")
    for name, limits in tenants.items():
        tenant = Tenant(name, limits=limits)
        store.tenants.put(name, tenant.to_json(), time=0.0)
        store.tenants.add_key(issue_key(name, now=0.0)[1])
    return World(store, {name: Tenant(name, limits=limits) for name, limits in tenants.items()})
