"""`harvest` and `backlog`: judged traffic into rows for the next turn, and people's say on them."""

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options

if TYPE_CHECKING:
    from trimtab.loop.reap import Reaped


@click.command()
@workspace_options
@json_option
def harvest(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Turn judged traffic into rows: edits into SFT rows and pairs, thumbs into unpaired rows."""
    from trimtab.loop.reap import reap

    _print(reap(open_workspace(workspace, overrides), who=getpass.getuser(), now=time.time()), as_json)


@click.group()
def backlog() -> None:
    """What was harvested and waits, was accepted, refused or taken: list, show, decide."""


@backlog.command("list")
@click.option("--state", default=None, help="Only waiting, accepted, refused, taken or forgotten.")
@click.option("--limit", default=20, show_default=True, help="The newest that many (0: all).")
@workspace_options
@json_option
def list_(state: str | None, limit: int, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Every harvested row as it stands: queue, kind of event, trust, and why."""
    standing = [
        one for one in open_workspace(workspace, overrides).store.backlog.standing() if state in (None, one.state)
    ]
    shown = standing[-limit:] if limit else standing
    if as_json:
        emit([{name: getattr(one, name) for name in one.__slots__} for one in shown])
        return
    for one in shown:
        about = f"{one.body.get('kind', ''):<10} trust {one.body.get('trust', 0):.2f}"
        say(f"{one.state:<9} {one.queue or '-':<10} {about}  {one.event}: {one.reason}")
    say(f"{len(shown)} of {len(standing)} rows")


@backlog.command()
@click.argument("event")
@workspace_options
@json_option
def show(event: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """One event: the request in full, what was said of it, and every decision on it."""
    from trimtab.loop.backlog.desk import show as find

    found = open_workspace(workspace, overrides)
    seen, history = find(found, event), found.store.backlog.history(event)
    if as_json:
        row: dict[str, Any] = {"event": seen.id, "trace": seen.trace, "kind": seen.kind, "gone": seen.gone}
        row["word"] = seen.word and seen.word.to_json()
        row["request"] = seen.request and seen.request.to_json()
        emit(row | {"history": [{name: getattr(one, name) for name in one.__slots__} for one in history]})
        return
    _tell(seen)
    for one in history:
        say(f"{one.state:>9}  {one.queue or '-'}: {one.reason} ({one.who})")


@backlog.command()
@click.argument("event")
@workspace_options
@json_option
def accept(event: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Let EVENT's waiting rows teach; they pass the quarantine once more."""
    from trimtab.loop.backlog.desk import accept as decide

    _print(decide(open_workspace(workspace, overrides), event, who=getpass.getuser(), now=time.time()), as_json)


@backlog.command()
@click.argument("event")
@click.option("--reason", required=True, help="Why; it is kept, and counts against the annotator's trust.")
@workspace_options
@json_option
def refuse(event: str, reason: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Take EVENT's rows out of the queues."""
    from trimtab.loop.backlog.desk import refuse as decide

    _print(decide(open_workspace(workspace, overrides), event, reason, who=getpass.getuser(), now=time.time()), as_json)


@backlog.command()
@click.argument("event")
@click.option("--text", required=True, help="The answer as it should have been.")
@workspace_options
@json_option
def edit(event: str, text: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Put a corrected answer in place of EVENT's rows; it passes every check that a user's edit passes."""
    from trimtab.loop.backlog.desk import edit as correct

    _print(correct(open_workspace(workspace, overrides), event, text, who=getpass.getuser(), now=time.time()), as_json)


@backlog.command()
@workspace_options
def triage(workspace: Path, overrides: tuple[str, ...]) -> None:
    """Go through the waiting rows one by one: accept, refuse, correct or skip. Stop at any time; nothing is lost."""
    from trimtab.loop.backlog import desk

    found, who = open_workspace(workspace, overrides), getpass.getuser()
    waiting = dict.fromkeys(one.event for one in found.store.backlog.standing() if one.state == "waiting")
    for event in waiting:
        _tell(desk.show(found, event))
        choice = click.prompt("[a]ccept, [r]efuse, [e]dit, [s]kip, [q]uit", type=click.Choice(list("aresq")))
        if choice == "q":
            break
        if choice == "a":
            done = desk.accept(found, event, who=who, now=time.time())
        elif choice == "r":
            done = desk.refuse(found, event, click.prompt("Why"), who=who, now=time.time())
        elif choice == "e":
            done = desk.edit(found, event, click.prompt("The right answer"), who=who, now=time.time())
        else:
            continue
        for refused in (reason for id, reason in done.refused.items() if event in id and choice != "r"):
            say(f"  {refused}")
    say(f"{sum(one.state == 'waiting' for one in found.store.backlog.standing())} rows wait")


def _tell(event: Any) -> None:
    say(f"{event.id}  {event.kind} by {event.annotator or 'somebody'} on {event.trace}")
    if event.gone:
        say(f"     gone  {event.gone}")
    for message in (*event.request.prompt, *event.request.turns) if event.request else ():
        calls = " ".join(f"→ {call.name}({dict(call.arguments)})" for call in message.tool_calls)
        say(f"{message.role:>9}  {message.content}{calls}")
    if event.word is not None:
        said = {key: value for key, value in event.word.to_json().items() if value is not None and key in _SAID}
        say(f"     said  {said}")


def _print(done: "Reaped", as_json: bool) -> None:
    if as_json:
        emit(done.to_json())
        return
    say(f"{done.sft} SFT rows, {done.preference} pairs and {done.unpaired} thumbs queued; {done.waiting} of them wait")
    say(f"{len(done.queued)} events queued, {len(done.refused)} refused")
    for event, reason in list((done.refused | done.partly).items())[:10]:
        say(f"  left {event}: {reason}")
    if len(done.refused) > 10:
        say(f"  … and {len(done.refused) - 10} more (--json lists them)")


_SAID = ("thumb", "edit", "escalated", "severity", "comment")
