"""Which steps are done, with what outputs: a turn that is killed goes on where it was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.store.database import Database, pack


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One finished step; ``key`` is the digest of its inputs and code version."""

    step: str
    key: str
    outputs: Mapping[str, Any]
    seconds: float
    peak_rss_mb: float
    time: float


class Journal:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, step: str, key: str) -> dict[str, Any] | None:
        """The outputs of the last time this step finished on these inputs; None when it has not."""
        rows = self._database.read(
            "SELECT outputs FROM steps WHERE step = ? AND key = ? ORDER BY rowid DESC LIMIT 1", step, key
        )
        return json.loads(rows[0]["outputs"]) if rows else None

    def finish(
        self,
        step: str,
        key: str,
        outputs: Mapping[str, Any],
        seconds: float,
        peak_rss_mb: float,
        *,
        time: float = 0.0,
    ) -> None:
        """Record a finished step; ``time`` is when, in seconds since the epoch (0: not told)."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO steps (step, key, outputs, seconds, peak_rss_mb, time) VALUES (?, ?, ?, ?, ?, ?)",
                (step, key, pack(outputs), seconds, peak_rss_mb, time),
            )

    def history(self) -> list[StepRecord]:
        """Every finished step, oldest first; a step that ran twice is there twice."""
        rows = self._database.read("SELECT * FROM steps ORDER BY rowid")
        return [
            StepRecord(
                row["step"], row["key"], json.loads(row["outputs"]), row["seconds"], row["peak_rss_mb"], row["time"]
            )
            for row in rows
        ]
