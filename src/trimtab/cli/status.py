"""`status` and `trace`: where the loop stands, and one request in full."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options
from trimtab.records.errors import UserError

if TYPE_CHECKING:
    from trimtab.loop.status import CanaryStatus


@click.command()
@workspace_options
@json_option
def status(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Where the loop stands: releases, canary, backlog."""
    from trimtab.loop.status import status as read

    found = open_workspace(workspace, overrides)
    seen = read(found.store, found.config.canary)
    if as_json:
        emit(seen.to_json())
        return
    say(f"workspace  {found.root}")
    for name in ("stable", "candidate", "rollback"):
        say(f"{name:<10} {seen.aliases.get(name, '-')[:12]}")
    say(f"releases   {len(seen.releases)}")
    say(f"requests   {seen.requests}")
    backlog = ", ".join(f"{count} {name}" for name, count in seen.backlog.items()) or "empty"
    say(f"backlog    {backlog}")
    print_canary(seen.canary)
    from trimtab.loop.shards import remarks

    for sentence in remarks(found):
        say(f"note       {sentence}")


def print_canary(canary: "CanaryStatus | None") -> None:
    """The canary's verdict, what drives it, and both arms' signals."""
    if canary is None:
        say("canary     none yet")
        return
    verdict = canary.decision.action.replace("_", " ") if canary.verdict == "running" else canary.verdict
    say(f"canary     {canary.release[:12]}: {verdict.replace('_', ' ')} at {canary.share:.0%}")
    for driver in canary.decision.drivers:
        say(f"           · {driver}")
    if (seen := canary.shadow) is not None:
        say(f"shadow     {seen.copies} copies of {seen.share:.0%}: {seen.failed} failed, {seen.compared} compared")
        say(f"           same calls {seen.same_calls}, same action {seen.same_action}, same answer {seen.same_answer}")
        if seen.fates:
            say("           " + ", ".join(f"{count} {fate}" for fate, count in seen.fates.items()) + " by the gateway")
    for row in canary.signals:
        rate = f"{row.rate:6.1%} [{row.low:.1%}, {row.high:.1%}]" if row.requests else "no requests"
        say(f"  {row.signal.replace('_', ' '):<12} {row.arm:<7} {rate}  {row.events}/{row.requests}")


@click.command()
@click.argument("id", default="latest")
@workspace_options
@json_option
def trace(id: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the request ID (as redacted telemetry), or the latest one."""
    store = open_workspace(workspace, overrides).store
    found = next(iter(store.traces.query(limit=1)), None) if id == "latest" else store.traces.get(id)
    if found is None:
        raise UserError(f"no trace {id!r}", fix="`trimtab serve` writes them")
    if as_json:
        emit({**found.to_json(), "feedback": [word.to_json() for word in store.feedback.for_trace(found.id)]})
        return
    say(f"{found.id}  {found.arm} {found.release[:12]}  {found.timing.total:.2f} s  {found.finish}{found.error}")
    for message in (*found.prompt, *found.turns):
        calls = " ".join(f"→ {call.name}({dict(call.arguments)})" for call in message.tool_calls)
        say(f"{message.role:>9}  {message.content}{calls}")
    for verdict in found.verdicts:
        say(f"    guard  {verdict.guard}: {verdict.ruling} {verdict.rule} {verdict.reason}")
    for word in store.feedback.for_trace(found.id):
        parts = {key: value for key, value in word.to_json().items() if value and key in _SAID}
        say(f" feedback  {parts}")


_SAID = ("thumb", "edit", "escalated", "severity", "comment")
