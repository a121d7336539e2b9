"""What tenants need of a store: keys and settings to read, budgets to divide. A shared database may serve it too."""

from collections.abc import Iterable
from typing import Protocol

from trimtab.store import Draw, Drawn, TenantSnapshot, Written


class KeyState(Protocol):
    def snapshot(self) -> TenantSnapshot:
        """Every key and every tenant's settings."""


class SpendState(Protocol):
    """``store.Spending`` says what each must hold to."""

    def draw(self, wish: Draw, *, time: float) -> Drawn: ...

    def write(self, owner: str, rows: Iterable[Written], *, time: float) -> None: ...

    def absorb(self, before: float) -> int: ...
