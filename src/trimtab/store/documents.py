"""JSON values by kind and id: releases, scorecards, transcripts, effects of tools."""

import json
from collections.abc import Mapping
from typing import Any

from trimtab.store.database import Database, clean, pack


class Documents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, kind: str, id: str, row: Mapping[str, Any]) -> None:
        """Write, or replace: the last write wins, at the place in the list where the first one stood."""
        self.put_all(kind, {id: row})

    def put_all(self, kind: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Many in one transaction."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                [(kind, clean(name), pack(row)) for name, row in rows.items()],
            )

    def add(self, kind: str, id: str, row: Mapping[str, Any]) -> bool:
        """Write once: False when there is one already, which then stays as it is (idempotent effects)."""
        with self._database.write() as connection:
            sql = "INSERT OR IGNORE INTO documents (kind, id, body) VALUES (?, ?, ?)"
            return connection.execute(sql, (kind, clean(id), pack(row))).rowcount == 1

    def get(self, kind: str, id: str) -> dict[str, Any] | None:
        rows = self._database.read("SELECT body FROM documents WHERE kind = ? AND id = ?", kind, clean(id))
        return json.loads(rows[0]["body"]) if rows else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All of a kind, in the order in which they were first written."""
        return [body for _, body in self.items(kind)]

    def items(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """``(id, row)`` of a kind, in the order in which they were first written."""
        rows = self._database.read("SELECT id, body FROM documents WHERE kind = ? ORDER BY rowid", kind)
        return [(row["id"], json.loads(row["body"])) for row in rows]

    def delete(self, kind: str, id: str) -> bool:
        with self._database.write() as connection:
            done = connection.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, clean(id)))
            return done.rowcount == 1
