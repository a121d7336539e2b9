"""Where irreversible tools write down what they do: a store, or a rehearsal that changes nothing outside."""

from collections.abc import Mapping
from typing import Any, Protocol

REFUND = "refund"
"""The kind under which effects are kept in the store."""

Row = Mapping[str, Any]


class Effects(Protocol):
    """Where effects are written, each key once (``store.Store`` is one; ``Rehearsal`` another)."""

    def add(self, kind: str, id: str, row: Row) -> bool:
        """Durable when it returns; False where there is a row under that id already, which then stays."""

    def get(self, kind: str, id: str) -> dict[str, Any] | None: ...

    def list(self, kind: str) -> list[dict[str, Any]]: ...


class Rehearsal:
    """Effects kept in memory, for evaluation and tests: nothing happens outside."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}

    def add(self, kind: str, id: str, row: Row) -> bool:
        return self._rows.setdefault((kind, id), kept := dict(row)) is kept

    def get(self, kind: str, id: str) -> dict[str, Any] | None:
        return self._rows.get((kind, id))

    def list(self, kind: str) -> list[dict[str, Any]]:
        return [row for (of, _), row in self._rows.items() if of == kind]
