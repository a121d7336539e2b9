"""Tenants and their keys: settings by name, keys by their hash alone, and one snapshot of both."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.store.database import Database, pack


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key: never the key. Times are seconds since the epoch; None: never."""

    hash: str
    prefix: str
    tenant: str
    created: float
    expires: float | None = None
    revoked: float | None = None

    def is_valid(self, now: float) -> bool:
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class TenantSnapshot:
    """Every key, revoked ones too (oldest first), and every tenant's settings."""

    keys: tuple[KeyRecord, ...] = ()
    tenants: Mapping[str, Mapping[str, Any]] | None = None


class Tenants:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, settings: Mapping[str, Any], *, time: float) -> None:
        """Write a tenant's settings; the last write wins, ``time`` stays that of the first."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO tenants (name, settings, created) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET settings = excluded.settings",
                (name, pack(settings), time),
            )

    def get(self, name: str) -> dict[str, Any] | None:
        rows = self._database.read("SELECT settings FROM tenants WHERE name = ?", name)
        return json.loads(rows[0]["settings"]) if rows else None

    def add_key(self, key: KeyRecord) -> None:
        """Keep a new key of a tenant that is known."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO keys (hash, prefix, tenant, created, expires, revoked) VALUES (?, ?, ?, ?, ?, ?)",
                (key.hash, key.prefix, key.tenant, key.created, key.expires, key.revoked),
            )

    def list_keys(self, tenant: str | None = None) -> list[KeyRecord]:
        """A tenant's keys, or every key; oldest first."""
        rows = self._database.read("SELECT * FROM keys WHERE tenant = ? OR ? IS NULL ORDER BY rowid", tenant, tenant)
        return [KeyRecord(*(row[name] for name in KeyRecord.__slots__)) for row in rows]

    def revoke(self, hashes: Sequence[str], *, time: float) -> int:
        """End these keys for good; returns how many were not ended before."""
        with self._database.write() as connection:
            sql = "UPDATE keys SET revoked = ? WHERE hash = ? AND revoked IS NULL"
            return sum(connection.execute(sql, (time, hash)).rowcount for hash in hashes)

    def snapshot(self) -> TenantSnapshot:
        """All of it. Keys are read first: a tenant is written before its first key, and none is ever removed."""
        keys = tuple(self.list_keys())
        rows = self._database.read("SELECT name, settings FROM tenants")
        return TenantSnapshot(keys, {row["name"]: json.loads(row["settings"]) for row in rows})
