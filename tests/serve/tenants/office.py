"""Tenants with keys in a store of their own, and a price that every request pays."""

from pathlib import Path
from typing import Any

from trimtab.serve import KeyedTenants
from trimtab.serve.tenants import Limits, Tenant, issue_key
from trimtab.store import Store


class Office:
    """Tenants in a store, their keys, and a clock that stands still until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.store, self.now = Store.open(folder), 1000.0
        self.store.database.read("PRAGMA synchronous = OFF")
        self.door = KeyedTenants(self.store.tenants, self.store.spending, lambda: self.now)

    def key(self, name: str, *, expires: float | None = None, models: Any = None, **limits: Any) -> dict[str, str]:
        """The headers of a new key; the tenant is written anew."""
        self.store.tenants.put(name, Tenant(name, models, Limits(**limits)).to_json(), time=self.now)
        key, record = issue_key(name, now=self.now, expires=expires)
        self.store.tenants.add_key(record)
        self.door.refresh()
        return {"authorization": f"Bearer {key}"}


class Price:
    """A meter by which every request costs the same."""

    def __init__(self, dollars: float) -> None:
        self.dollars = dollars

    def start(self) -> float:
        return 0.0

    def stop(self, mark: float) -> float:
        return self.dollars

    def most(self, seconds: float) -> float:
        return self.dollars
