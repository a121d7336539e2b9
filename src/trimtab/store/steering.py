"""What steers a running gateway, and who has looked where: intents, canary state, the ledger of looks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.store.database import Database, pack
from trimtab.store.documents import Documents

_CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a command asks of the controller; ``outcome`` is None until it was carried out."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    time: float
    outcome: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody read a sealed shard: who, for what, against which suite or case digest."""

    shard: str
    suite: str
    who: str
    purpose: str
    time: float


class Canary:
    """The canary's state: one value, replaced whole; only the controller writes it."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def load(self) -> dict[str, Any] | None:
        return self._documents.get(_CANARY, _CANARY)

    def save(self, state: Mapping[str, Any]) -> None:
        self._documents.put(_CANARY, _CANARY, state)


class Intents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: str, payload: Mapping[str, Any], *, time: float = 0.0) -> int:
        """Ask for something; returns the id to follow it by."""
        with self._database.write() as connection:
            done = connection.execute(
                "INSERT INTO intents (kind, payload, time) VALUES (?, ?, ?)", (kind, pack(payload), time)
            )
            assert done.lastrowid is not None
            return done.lastrowid

    def pending(self) -> list[Intent]:
        """What was asked and not yet done, oldest first."""
        return [_intent(row) for row in self._database.read("SELECT * FROM intents WHERE outcome IS NULL ORDER BY id")]

    def get(self, id: int) -> Intent | None:
        rows = self._database.read("SELECT * FROM intents WHERE id = ?", id)
        return _intent(rows[0]) if rows else None

    def done(self, id: int, outcome: Mapping[str, Any] | None = None) -> bool:
        """Mark as carried out, once: False when it was already done or never asked."""
        with self._database.write() as connection:
            sql = "UPDATE intents SET outcome = ? WHERE id = ? AND outcome IS NULL"
            return connection.execute(sql, (pack(outcome or {}), id)).rowcount == 1


class Ledger:
    """Append-only: a look is never taken back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self, shard: str, suite: str, who: str, purpose: str, time: float) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO looks (shard, suite, who, purpose, time) VALUES (?, ?, ?, ?, ?)",
                (shard, suite, who, purpose, time),
            )

    def looks(self, shard: str | None = None) -> list[Look]:
        """Looks at one shard, or at all of them, oldest first."""
        rows = self._database.read("SELECT * FROM looks WHERE shard = ? OR ? IS NULL ORDER BY rowid", shard, shard)
        return [Look(row["shard"], row["suite"], row["who"], row["purpose"], row["time"]) for row in rows]


def _intent(row: Any) -> Intent:
    outcome = None if row["outcome"] is None else json.loads(row["outcome"])
    return Intent(row["id"], row["kind"], json.loads(row["payload"]), row["time"], outcome)
