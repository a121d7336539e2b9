"""The backlog's decisions: what became of each needs-work event, append-only; texts stay in the capture."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.store.database import Database, clean, pack


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on one event's row in one queue (sft, preference, unpaired; "" where the event gave no row).

    ``state``: waiting, accepted, refused, taken or forgotten. ``body`` is JSON without any text of the traffic.
    """

    event: str
    queue: str
    state: str
    reason: str
    who: str
    time: float
    body: Mapping[str, Any] = field(default_factory=dict)


class Backlog:
    """Decisions are only ever added; two writers serialise, and what one decided stands for the other."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, decide: Callable[[list[Decision]], Iterable[Decision]]) -> list[Decision]:
        """Append what ``decide`` makes of how things stand, in one transaction; returns what was appended."""
        with self._database.write() as connection:
            standing = [_decision(row) for row in connection.execute(_STANDING).fetchall()]
            made = list(decide(standing))
            connection.executemany(
                "INSERT INTO backlog (event, queue, state, reason, who, time, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (_values(one) for one in made),
            )
        return made

    def standing(self) -> list[Decision]:
        """The last decision on each row, in the order in which the rows first came."""
        return [_decision(row) for row in self._database.read(_STANDING)]

    def history(self, event: str | None = None) -> list[Decision]:
        """Every decision on one event, or on all, oldest first."""
        rows = self._database.read("SELECT * FROM backlog WHERE event = ? OR ? IS NULL ORDER BY rowid", event, event)
        return [_decision(row) for row in rows]


_STANDING = (
    "SELECT last.* FROM backlog AS last JOIN"
    " (SELECT MIN(rowid) AS first, MAX(rowid) AS newest FROM backlog GROUP BY event, queue) AS kept"
    " ON last.rowid = kept.newest ORDER BY kept.first"
)


def _values(one: Decision) -> tuple[str | float, ...]:
    return clean(one.event), one.queue, one.state, clean(one.reason), clean(one.who), one.time, pack(one.body)


def _decision(row: Any) -> Decision:
    body = json.loads(row["body"])
    return Decision(row["event"], row["queue"], row["state"], row["reason"], row["who"], row["time"], body)
