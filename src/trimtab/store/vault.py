"""What the placeholders of scrubbed rows stand for: encrypted, found by keyed digests, kept for a set time.

The key lies beside the database (``vault.key``, readable by its owner only). To forget everything at once, delete it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.store.database import Database, pack
from trimtab.store.secret import Secret


@dataclass(frozen=True, slots=True)
class Held:
    """What is to be kept of one row: its key without the data, what stood where each placeholder stands, the data.

    ``data`` are normal forms, by which a person's rows can be found again.
    """

    row: str
    mapping: Mapping[str, Sequence[Any]]
    data: tuple[str, ...]


class Vault:
    def __init__(self, database: Database, key_file: Path) -> None:
        self._database = database
        self._secret = Secret(key_file, "vault")

    def keep(self, rows: Sequence[Held], expires: float) -> list[str]:
        """Hold all in one transaction until ``expires`` (seconds since the epoch); their references, in order.

        Equal rows get equal references. A row with a datum that was to be forgotten gets one under which nothing is.
        """
        references = [self._secret.digest(pack([held.row, dict(held.mapping)]))[:32] for held in rows]
        with self._database.write() as connection:
            forgotten = {row["datum"] for row in connection.execute("SELECT datum FROM vault_forgotten")}
            for reference, held in zip(references, rows, strict=True):
                data = [self._secret.digest(datum) for datum in held.data]
                if forgotten.isdisjoint(data):
                    connection.execute(
                        "INSERT INTO vault (row, expires, body) VALUES (?, ?, ?)"
                        " ON CONFLICT (row) DO UPDATE SET expires = MAX(expires, excluded.expires)",
                        (reference, expires, self._secret.lock(dict(held.mapping))),
                    )
                    connection.executemany(
                        "INSERT OR IGNORE INTO vault_data (datum, row) VALUES (?, ?)",
                        [(datum, reference) for datum in data],
                    )
        return references

    def get(self, reference: str, now: float) -> dict[str, list[Any]] | None:
        """One row's mapping; None when it is forgotten or ran out. Raises UserError under another key."""
        rows = self._database.read("SELECT body FROM vault WHERE row = ? AND expires > ?", reference, now)
        found: dict[str, list[Any]] | None = self._secret.unlock(rows[0]["body"]) if rows else None
        return found

    def forget(self, datum: str) -> int:
        """Forget all that is held of every row in which the datum (its normal form) stands, and never hold it again.

        Returns of how many rows.
        """
        code = self._secret.digest(datum)
        with self._database.write() as connection:
            connection.execute("INSERT OR IGNORE INTO vault_forgotten (datum) VALUES (?)", (code,))
            gone = "SELECT row FROM vault_data WHERE datum = ?"
            count = connection.execute(f"DELETE FROM vault WHERE row IN ({gone})", (code,)).rowcount
            connection.execute(f"DELETE FROM vault_data WHERE row IN ({gone})", (code,))
            return count

    def purge(self, now: float) -> int:
        """Forget what has expired; returns of how many rows."""
        with self._database.write() as connection:
            count = connection.execute("DELETE FROM vault WHERE expires <= ?", (now,)).rowcount
            connection.execute("DELETE FROM vault_data WHERE row NOT IN (SELECT row FROM vault)")
            return count

    def count(self) -> int:
        """Of how many rows something is held."""
        return int(self._database.read("SELECT COUNT(*) AS n FROM vault")[0]["n"])
