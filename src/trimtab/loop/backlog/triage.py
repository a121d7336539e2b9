"""Triage: for each event and row, whether it waits, is accepted, or is refused, and why; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from trimtab.curate import CurateConfig
from trimtab.loop.backlog.events import LABEL, Event
from trimtab.loop.backlog.trust import AUTO, Trust
from trimtab.loop.harvest import Lesson
from trimtab.records import Row
from trimtab.store import Decision

LIVE = frozenset({"waiting", "accepted", "taken"})
"""States of rows that may (yet) teach."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An event, what it teaches, and the sealed case that its rows repeat (empty: none)."""

    event: Event
    lesson: Lesson = field(default_factory=Lesson)
    sealed: str = ""

    def rows(self) -> dict[str, Row]:
        """By queue; each queue gets at most one row of an event."""
        return dict(self.lesson.rows)


def triage(
    judged: Sequence[Judged], standing: Iterable[Decision], trust: Trust, config: CurateConfig, now: float
) -> list[Decision]:
    """The decisions to append: one or more on each new event, and what changed for the rows that stood.

    Run twice on the same events, the second run decides nothing. ``now`` in Unix seconds.
    """
    by_event: dict[str, dict[str, Decision]] = {}
    held: dict[tuple[str, str], str] = {}
    for one in standing:
        by_event.setdefault(one.event, {})[one.queue] = one
        if one.state in LIVE:
            held[one.queue, str(one.body["row"])] = one.event
    made: list[Decision] = []
    for item in judged:
        if (known := by_event.pop(item.event.id, None)) is not None:
            made += _again(item, known, config, now)
        else:
            made += _first(item, trust, held, config, now)
    gone = "neither its words nor its request are held any more"
    made += [_moved(one, "forgotten", gone, now) for rows in by_event.values() for one in rows.values() if _live(one)]
    return made


def _first(
    item: Judged, trust: Trust, held: dict[tuple[str, str], str], config: CurateConfig, now: float
) -> list[Decision]:
    event, made = item.event, list[Decision]()
    believed = _believed(event, trust)
    body: dict[str, Any] = {"trace": event.trace, "kind": event.kind, "annotator": event.annotator}
    body |= {"tenant": event.tenant, "trust": round(believed, 3), "consent": _consent(event, config)}
    if reason := _objection(item, config):
        return [Decision(event.id, "", "refused", reason, AUTO, now, body)]
    if item.lesson.refused:
        made.append(Decision(event.id, "", "refused", item.lesson.refused, AUTO, now, _faulty(body, item)))
        if item.lesson.fault:
            trust.fault(event.annotator)
    for queue, row in item.rows().items():
        about = {**body, "row": row.id}
        first = held.setdefault((queue, row.id), event.id)
        if first != event.id:
            made.append(Decision(event.id, queue, "refused", f"the same row waits already: {first}", AUTO, now, about))
        else:
            state, reason = _entry(event, believed, config)
            made.append(Decision(event.id, queue, state, reason, AUTO, now, about))
    return made


def _again(item: Judged, known: Mapping[str, Decision], config: CurateConfig, now: float) -> list[Decision]:
    """What stands, looked at again: a text may be gone, consent withdrawn, or a case newly sealed."""
    live = [one for one in known.values() if _live(one)]
    if item.event.gone:
        state = "forgotten" if item.event.request is None else "refused"
        return [_moved(one, state, item.event.gone, now) for one in live]
    if reason := _objection(item, config):
        return [_moved(one, "refused", reason, now) for one in live]
    rows = item.rows()
    stale = [one for one in live if one.queue not in rows or rows[one.queue].id != one.body["row"]]
    return [_moved(one, "forgotten", "the event gives another row now", now) for one in stale]


def _objection(item: Judged, config: CurateConfig) -> str:
    if item.event.gone:
        return item.event.gone
    if item.event.tenant in config.backlog.withheld_tenants:
        return f"tenant {item.event.tenant!r} did not consent"
    return f"quarantine: {item.sealed}" if item.sealed else ""


def _entry(event: Event, trust: float, config: CurateConfig) -> tuple[str, str]:
    if event.id.startswith(f"{LABEL}-"):
        return "accepted", f"written at triage by {event.annotator}"
    if config.backlog.accept == "manual":
        return "waiting", "data.backlog.accept is manual"
    if trust >= config.backlog.trust:
        return "accepted", f"trust {trust:.2f} is at least {config.backlog.trust:.2f}"
    return "waiting", f"trust {trust:.2f} is below {config.backlog.trust:.2f}"


def _believed(event: Event, trust: Trust) -> float:
    return 1.0 if event.id.startswith(f"{LABEL}-") else trust.of(event.annotator)


def _consent(event: Event, config: CurateConfig) -> str:
    return "withheld" if event.tenant in config.backlog.withheld_tenants else "capture policy"


def _faulty(body: Mapping[str, Any], item: Judged) -> dict[str, Any]:
    return {**body, "fault": True} if item.lesson.fault else dict(body)


def _live(one: Decision) -> bool:
    return one.state in LIVE


def _moved(one: Decision, state: str, reason: str, now: float) -> Decision:
    body = {key: value for key, value in one.body.items() if key != "fault"}
    return replace(one, state=state, reason=reason, who=AUTO, time=now, body=body)
