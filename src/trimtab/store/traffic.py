"""Served requests and what people said of them, as redacted telemetry."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trimtab.records import Arm, Feedback, Trace, trace_from_json
from trimtab.store.database import Database, clean, pack


@dataclass(frozen=True, slots=True)
class TraceCount:
    """Requests of one release on one arm: all, those that failed, those on which a guard tripped."""

    release: str
    arm: str
    requests: int
    failed: int
    tripped: int


class Traces:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, trace: Trace) -> bool:
        """Keep a trace as it is (redact before). False when its id is known: the first one stays."""
        return self.add_all([trace]) == 1

    def add_all(self, traces: Iterable[Trace]) -> int:
        """Keep many in one transaction; returns how many were new."""
        with self._database.write() as connection:
            return sum(
                connection.execute(
                    "INSERT OR IGNORE INTO traces (id, time, arm, release, failed, tripped, body)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        clean(trace.id),
                        trace.time,
                        trace.arm,
                        trace.release,
                        trace.failed,
                        trace.tripped,
                        pack(trace.to_json()),
                    ),
                ).rowcount
                for trace in traces
            )

    def get(self, id: str) -> Trace | None:
        rows = self._database.read("SELECT body FROM traces WHERE id = ?", clean(id))
        return trace_from_json(json.loads(rows[0]["body"])) if rows else None

    def tripped(self) -> list[Trace]:
        """Every request that a user saw on which a guard tripped, oldest first."""
        rows = self._database.read("SELECT body FROM traces WHERE tripped = 1 AND arm != 'shadow' ORDER BY rowid")
        return [trace_from_json(json.loads(row["body"])) for row in rows]

    def query(
        self,
        release: str | None = None,
        arm: Arm | None = None,
        since: float | None = None,
        limit: int | None = None,
    ) -> list[Trace]:
        """Traces from time ``since`` on, oldest first; with a ``limit``, the newest that many."""
        where, values = _where(("release = ?", release), ("arm = ?", arm), ("time >= ?", since))
        rows = self._database.read(
            f"SELECT body FROM traces{where} ORDER BY rowid DESC LIMIT ?", *values, -1 if limit is None else limit
        )
        return [trace_from_json(json.loads(row["body"])) for row in reversed(rows)]

    def all(self, since_rowid: int = 0, limit: int | None = None) -> list[tuple[int, Trace]]:
        """``(rowid, trace)`` after a row, oldest first: follow the stream by passing the last rowid back."""
        rows = self._database.read(
            "SELECT rowid, body FROM traces WHERE rowid > ? ORDER BY rowid LIMIT ?",
            since_rowid,
            -1 if limit is None else limit,
        )
        return [(row["rowid"], trace_from_json(json.loads(row["body"]))) for row in rows]

    def last(self) -> int:
        """The newest rowid, 0 when there is none: where a reader that only wants what comes next begins."""
        return int(self._database.read("SELECT COALESCE(MAX(rowid), 0) AS last FROM traces")[0]["last"])

    def counts(self, since: float | None = None) -> list[TraceCount]:
        """By release and arm, without reading bodies."""
        where, values = _where(("time >= ?", since))
        rows = self._database.read(
            "SELECT release, arm, COUNT(*) AS requests, SUM(failed) AS failed, SUM(tripped) AS tripped"
            f" FROM traces{where} GROUP BY release, arm ORDER BY MIN(rowid)",
            *values,
        )
        return [TraceCount(row["release"], row["arm"], row["requests"], row["failed"], row["tripped"]) for row in rows]

    def purge(self, before: float) -> int:
        """Forget traces older than ``before``; returns how many."""
        with self._database.write() as connection:
            return connection.execute("DELETE FROM traces WHERE time < ?", (before,)).rowcount


class Feedbacks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, feedback: Feedback) -> bool:
        """Keep what was said; False when its id is known, and then nothing changes."""
        with self._database.write() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO feedback (id, trace, body) VALUES (?, ?, ?)",
                (clean(feedback.id), clean(feedback.trace), pack(feedback.to_json())),
            )
            return done.rowcount == 1

    def all(self, since_rowid: int = 0) -> list[tuple[int, Feedback]]:
        """``(rowid, feedback)`` after a row, oldest first."""
        rows = self._database.read("SELECT rowid, body FROM feedback WHERE rowid > ? ORDER BY rowid", since_rowid)
        return [(row["rowid"], Feedback(**json.loads(row["body"]))) for row in rows]

    def for_trace(self, id: str) -> list[Feedback]:
        rows = self._database.read("SELECT body FROM feedback WHERE trace = ? ORDER BY rowid", clean(id))
        return [Feedback(**json.loads(row["body"])) for row in rows]


def _where(*conditions: tuple[str, Any]) -> tuple[str, list[Any]]:
    given = [(sql, value) for sql, value in conditions if value is not None]
    return (" WHERE " + " AND ".join(sql for sql, _ in given) if given else "", [value for _, value in given])
