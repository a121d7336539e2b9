"""Harvest from the store into the workspace: judged traffic, through the quarantine, into the waiting files."""

from dataclasses import dataclass
from typing import Any

from trimtab.loop.harvest import harvest
from trimtab.loop.steps.data import HARVEST, sealed_set
from trimtab.loop.workspace import Workspace
from trimtab.records import Feedback, Row, Trace, write_jsonl


@dataclass(frozen=True, slots=True)
class Reaped:
    """Rows now waiting, by queue, and the traces that gave none, each with its reason."""

    sft: int
    preference: int
    unpaired: int
    refused: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in ("sft", "preference", "unpaired")}
        return {**counts, "refused": self.refused}


def reap(workspace: Workspace, *, who: str, now: float) -> Reaped:
    """Write ``data/harvest/*.jsonl`` anew from all captured traffic that somebody judged, or a guard tripped on.

    Every row passes the quarantine first; a hit is refused with the case that it repeats. ``now`` in Unix seconds.
    """
    found = harvest(_judged(workspace))
    refused = dict(found.refused)
    quarantine = sealed_set(workspace)
    quarantine.record_look(workspace.store.ledger, who=who, purpose="harvest", time=now)

    def clean(rows: tuple[Any, ...]) -> list[Any]:
        kept = []
        for row in rows:
            if (hit := quarantine.check(row)) is None:
                kept.append(row)
            else:
                refused[str(row.provenance["parents"][0])] = f"quarantine: {hit}"
        return kept

    rows = {"sft": clean(found.sft), "preference": clean(found.preference), "unpaired": clean(found.unpaired)}
    _write(workspace, rows)
    counts = {name: len(queue) for name, queue in rows.items()}
    workspace.store.put("backlog", "counts", counts)
    return Reaped(**counts, refused=refused)


def _judged(workspace: Workspace) -> list[tuple[Trace, Feedback]]:
    """Exact traces with exact feedback; where a guard tripped and nobody spoke, the trip counts as a thumb down."""
    capture, pairs = workspace.store.capture, []
    for held in capture.kept():
        trace = capture.get(held.trace)
        if trace is None:
            continue
        words = capture.feedback(held.trace)
        if not words and trace.tripped:
            words = [Feedback(f"guard-{trace.id}", trace.id, trace.time, thumb=False, comment="a guard tripped")]
        pairs += [(trace, word) for word in words]
    return pairs


def _write(workspace: Workspace, rows: dict[str, list[Row]]) -> None:
    for name, queue in rows.items():
        write_jsonl(workspace.root / HARVEST / f"{name}.jsonl", (row.to_json() for row in queue))
