"""Which accepted rows a turn has learnt from: noted when they have passed the door."""

from collections.abc import Iterable
from dataclasses import replace

from trimtab.loop.backlog.trust import AUTO
from trimtab.records import Comparison, Example, Row
from trimtab.store import Decision, Store


def note_taken(store: Store, rows: Iterable[Row]) -> int:
    """Accepted rows among ``rows`` become taken by the turn under way (the first is 1); returns how many.

    A row is known by the event in its provenance; noting twice changes nothing.
    """
    passed = {(str(event), _queue(row)) for row in rows if (event := row.provenance.get("event"))}
    turn = 1 + sum(step.step == "curate" for step in store.journal.history())

    def decide(standing: list[Decision]) -> list[Decision]:
        found = [one for one in standing if one.state == "accepted" and (one.event, one.queue) in passed]
        reason = f"taken into turn {turn}"
        return [replace(one, state="taken", reason=reason, who=AUTO, body={**one.body, "turn": turn}) for one in found]

    return len(store.backlog.add(decide)) if passed else 0


def _queue(row: Row) -> str:
    return "sft" if isinstance(row, Example) else "preference" if isinstance(row, Comparison) else "unpaired"
