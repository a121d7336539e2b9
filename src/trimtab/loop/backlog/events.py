"""Every needs-work event of a store: what people said, and guards' trips; none is left out because its text is gone."""

from dataclasses import dataclass, replace
from typing import Literal

from trimtab.observe import needs_work
from trimtab.records import Feedback, Trace
from trimtab.store import Store

Kind = Literal["thumb", "edit", "escalation", "incident", "guard trip"]
GUARD, LABEL = "guard", "label"
"""Before the trace's id in a trip's event id; before the event's in that of a person's correction at triage."""


@dataclass(frozen=True, slots=True)
class Event:
    """``annotator`` is a code, never a name. ``word`` and ``request`` are exact texts, None where none is held.

    ``gone`` says why a text is missing, or what replaced the event; it is empty where both are here.
    """

    id: str
    trace: str
    kind: Kind
    annotator: str
    tenant: str = ""
    word: Feedback | None = None
    request: Trace | None = None
    gone: str = ""


def events(store: Store) -> list[Event]:
    """Feedback in the order in which it came, then the trips; one entry an id."""
    said = [word for _, word in store.feedback.all() if needs_work(word)]
    tripped = {trace.id: trace for trace in store.traces.tripped()}
    requests = _requests(store, {*(word.trace for word in said), *tripped})
    exact = {word.id: word for trace in requests for word in store.capture.feedback(trace)}
    labels = [word for id, word in exact.items() if id.startswith(f"{LABEL}-")]
    found: dict[str, Event] = {}
    for word in (*said, *labels):
        found.setdefault(word.id, _spoken(store, word, exact.get(word.id), requests.get(word.trace)))
    spoken = {word.trace: word.id for word in said}
    held = {id: trace for id, trace in requests.items() if trace is not None and trace.tripped}
    for trace in (*tripped.values(), *(trace for id, trace in held.items() if id not in tripped)):
        event = _trip(trace, requests.get(trace.id), spoken.get(trace.id, ""))
        found.setdefault(event.id, event)
    corrected = {_origin(word.id): word.id for word in labels}
    return [_replaced(event, corrected.get(_origin(event.id), event.id)) for event in found.values()]


def kind_of(word: Feedback) -> Kind:
    """The strongest thing that the feedback says."""
    if word.edit is not None:
        return "edit"
    if word.severity is not None:
        return "incident"
    return "escalation" if word.escalated else "thumb"


def _origin(id: str) -> str:
    """The event itself, or the one that a correction at triage is of: ``label-EVENT-8 hex digits``."""
    return id[len(LABEL) + 1 : -9] if id.startswith(f"{LABEL}-") else id


def _replaced(event: Event, by: str) -> Event:
    """The last correction stands for the event and for earlier corrections of it."""
    return event if by == event.id or event.gone else replace(event, gone=f"corrected at triage: {by}")


def _requests(store: Store, named: set[str]) -> dict[str, Trace | None]:
    """The exact requests that events name or the capture keeps; None where there is none (any more)."""
    ids = [held.trace for held in store.capture.kept()]
    return {id: store.capture.get(id) for id in dict.fromkeys((*ids, *sorted(named)))}


def _spoken(store: Store, word: Feedback, exact: Feedback | None, request: Trace | None) -> Event:
    code = word.user if word.user.startswith("u-") or not word.user else store.capture.pseudonym(word.user)
    annotator = word.user if word.id.startswith(f"{LABEL}-") else code
    gone, tenant = "", request.tenant if request else ""
    if request is None:
        telemetry = store.traces.get(word.trace)
        tenant = telemetry.tenant if telemetry else ""
        gone = "its exact text is not held: never captured, or purged" if telemetry else "no such request is known"
    elif exact is None:
        gone = "the exact words are not held (any more)"
    return Event(word.id, word.trace, kind_of(word), annotator, tenant, exact, request, gone)


def _trip(trace: Trace, request: Trace | None, spoken: str) -> Event:
    """A trip counts as a thumb down where nobody spoke."""
    id, gone = f"{GUARD}-{trace.id}", ""
    if spoken:
        gone = f"what a person said of it counts instead: {spoken}"
    elif request is None:
        gone = "its exact text is not held: never captured, or purged"
    word = Feedback(id, trace.id, trace.time, thumb=False, comment="a guard tripped")
    return Event(id, trace.id, "guard trip", GUARD, trace.tenant, word, request, gone)
