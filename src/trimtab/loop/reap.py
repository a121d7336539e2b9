"""Harvest from the store into the workspace: judged traffic, through the quarantine and triage, into the queues."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab.curate import Quarantine
from trimtab.loop.backlog.events import Event, events
from trimtab.loop.backlog.fates import QUEUES, fates
from trimtab.loop.backlog.triage import Judged, triage
from trimtab.loop.backlog.trust import Trust
from trimtab.loop.harvest import Lesson, lesson
from trimtab.loop.steps.data import HARVEST, sealed_set
from trimtab.loop.workspace import Workspace
from trimtab.records import write_jsonl


@dataclass(frozen=True, slots=True)
class Reaped:
    """Rows in the queues, how many of them wait for a person, and the events that gave none, each with its reason.

    Each event is in ``queued`` (with its queues) or in ``refused``; ``partly``: queued, but something of it refused.
    """

    sft: int
    preference: int
    unpaired: int
    refused: dict[str, str]
    waiting: int = 0
    queued: dict[str, list[str]] = field(default_factory=dict)
    partly: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def reap(workspace: Workspace, *, who: str, now: float, purpose: str = "harvest") -> Reaped:
    """Decide on every needs-work event, once, and write ``data/harvest/*.jsonl`` anew from the rows accepted.

    Every row passes the quarantine each time; a hit is refused with the case that it repeats. ``now`` in Unix seconds.
    """
    store = workspace.store
    quarantine = sealed_set(workspace)
    quarantine.record_look(store.ledger, who=who, purpose=purpose, time=now)
    judged = [_judged(event, quarantine) for event in events(store)]
    trust = Trust(store.backlog.history(), [word for _, word in store.feedback.all()])
    store.backlog.add(lambda standing: triage(judged, standing, trust, workspace.config.data, now))
    _write(workspace, judged)
    found = fates(store.backlog.standing())
    store.put("backlog", "counts", found.counts)
    queued = {event: list(queues) for event, queues in found.queued.items()}
    return Reaped(**found.counts, refused=dict(found.refused), queued=queued, partly=dict(found.partly))


def _judged(event: Event, quarantine: Quarantine) -> Judged:
    if event.gone or event.request is None or event.word is None:
        return Judged(event)
    found: Lesson = lesson(event.request, event.word)
    hits = (quarantine.check(row) for _, row in found.rows)
    return Judged(event, found, next((str(hit) for hit in hits if hit is not None), ""))


def _write(workspace: Workspace, judged: Sequence[Judged]) -> None:
    """Rows that are accepted or already taken: a turn begins at its start and learns both."""
    rows = {item.event.id: item.rows() for item in judged}
    learnt = [one for one in workspace.store.backlog.standing() if one.state in ("accepted", "taken")]
    for queue in QUEUES:
        found = (rows.get(one.event, {}).get(queue) for one in learnt if one.queue == queue)
        path = workspace.root / HARVEST / f"{queue}.jsonl"
        write_jsonl(path, (row.to_json() for row in found if row is not None))
