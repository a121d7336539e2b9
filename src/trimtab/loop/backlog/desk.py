"""The labelling desk: a person accepts, refuses or corrects an event's rows; the quarantine is asked each time."""

from dataclasses import replace

from trimtab.loop.backlog.events import LABEL, Event, events
from trimtab.loop.backlog.triage import LIVE
from trimtab.loop.reap import Reaped, reap
from trimtab.loop.workspace import Workspace
from trimtab.records import Feedback, UserError, digest
from trimtab.store import Decision


def accept(workspace: Workspace, event: str, *, who: str, now: float) -> Reaped:
    """The event's waiting rows may teach, unless the quarantine objects. Raises UserError where none waits."""
    return _decide(workspace, event, frozenset({"waiting"}), "accepted", "accepted at triage", who, now)


def refuse(workspace: Workspace, event: str, reason: str, *, who: str, now: float) -> Reaped:
    """The event's rows leave the queues, also where they were accepted. Raises UserError where none is there."""
    if not reason.strip():
        raise UserError("a refusal needs its reason", field="reason")
    return _decide(workspace, event, LIVE, "refused", reason.strip(), who, now)


def edit(workspace: Workspace, event: str, text: str, *, who: str, now: float) -> Reaped:
    """The answer as it should have been, in place of the event's rows, through the same checks as a user's edit.

    Raises UserError where the request's text is gone: then nothing is written. One write: killed, all or none of it is.
    """
    found = show(workspace, event)
    capture = workspace.store.capture
    until = next((held.expires for held in capture.kept() if held.trace == found.trace), None)
    if found.request is None or until is None:
        raise UserError(f"the request behind {event!r} is not held any more", fix="Its text cannot be learnt from")
    if not text.strip():
        raise UserError("the corrected answer is empty", field="text")
    id = f"{LABEL}-{event}-{digest({'text': text})[:8]}"
    capture.put_feedback(Feedback(id, found.trace, now, user=who, edit=text), until)
    return reap(workspace, who=who, now=now, purpose="label")


def show(workspace: Workspace, event: str) -> Event:
    """The event with its exact texts, where they are held. Raises UserError where there is no such event."""
    for found in events(workspace.store):
        if found.id == event:
            return found
    raise UserError(f"no event {event!r}", fix="`trimtab backlog list` names them; run `trimtab harvest` first")


def _decide(
    workspace: Workspace, event: str, states: frozenset[str], state: str, reason: str, who: str, now: float
) -> Reaped:
    made = workspace.store.backlog.add(lambda standing: _moves(standing, event, states, state, reason, who, now))
    if not made:
        wanted = "waits" if "accepted" not in states else "is queued"
        raise UserError(f"no row of {event!r} {wanted}", fix="See `trimtab backlog list --all`")
    return reap(workspace, who=who, now=now, purpose="label")


def _moves(
    standing: list[Decision], event: str, states: frozenset[str], state: str, reason: str, who: str, now: float
) -> list[Decision]:
    found = [one for one in standing if one.event == event and one.state in states]
    return [replace(one, state=state, reason=reason, who=who, time=now) for one in found]
