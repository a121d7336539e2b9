"""Names that point at releases: several move in one transaction, and every move is kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.records import UserError
from trimtab.store.database import Database, pack


@dataclass(frozen=True, slots=True)
class AliasChange:
    """One move: the names that were set, with what they pointed at before and after (None: nothing)."""

    time: float
    reason: str
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]


class Aliases:
    def __init__(self, database: Database) -> None:
        self._database = database

    def set(
        self,
        targets: Mapping[str, str | None],
        reason: str,
        *,
        time: float = 0.0,
        expect: Mapping[str, str | None] | None = None,
    ) -> None:
        """Point every name at its digest (None removes the name), all at once or not at all.

        ``expect``: what names must point at now; raises UserError when somebody moved them in between.
        """
        with self._database.write() as connection:
            known = {row["name"]: row["digest"] for row in connection.execute("SELECT name, digest FROM aliases")}
            _check(known, expect or {})
            for name, digest in targets.items():
                if digest is None:
                    connection.execute("DELETE FROM aliases WHERE name = ?", (name,))
                else:
                    connection.execute("INSERT OR REPLACE INTO aliases (name, digest) VALUES (?, ?)", (name, digest))
            before = {name: known.get(name) for name in targets}
            connection.execute(
                "INSERT INTO alias_changes (time, reason, before, after) VALUES (?, ?, ?, ?)",
                (time, reason, pack(before), pack(targets)),
            )

    def get(self, name: str) -> str | None:
        return self.all().get(name)

    def all(self) -> dict[str, str]:
        """Name → digest, read at one instant."""
        return {row["name"]: row["digest"] for row in self._database.read("SELECT name, digest FROM aliases")}

    def history(self) -> list[AliasChange]:
        """Every move, oldest first."""
        rows = self._database.read("SELECT * FROM alias_changes ORDER BY rowid")
        return [
            AliasChange(row["time"], row["reason"], json.loads(row["before"]), json.loads(row["after"])) for row in rows
        ]


def _check(known: Mapping[str, str], expect: Mapping[str, str | None]) -> None:
    for name, digest in expect.items():
        if known.get(name) != digest:
            raise UserError(
                f"{name} points at {(known.get(name) or 'nothing')[:12]} now",
                expected=(digest or "nothing")[:12],
                fix="Somebody moved it in the meantime: look again with `trimtab status`",
            )
