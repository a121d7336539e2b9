"""`chat A [B]`: talk to a release, or to two side by side."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trimtab.cli.common import open_workspace, say, workspace_options

if TYPE_CHECKING:
    from trimtab.loop.behaviour import Arm
    from trimtab.records import Message


@click.command()
@click.argument("first", default="stable")
@click.argument("second", required=False)
@workspace_options
def chat(first: str, second: str | None, workspace: Path, overrides: tuple[str, ...]) -> None:
    """Talk to FIRST, or to FIRST and SECOND side by side (digest, prefix or alias). Tools run; refunds are rehearsed.

    One line is one message; /new starts over; /quit or end of input leaves.
    """
    from trimtab.loop.verified import open_verified
    from trimtab.records import Message
    from trimtab.tools import Rehearsal

    found = open_workspace(workspace, overrides)
    names = [first] + ([second] if second else [])
    arms = [open_verified(found.store, name, found.config.serving, Rehearsal()) for name in names]
    talks: list[list[Message]] = [[] for _ in arms]
    try:
        while (line := _line()) is not None:
            if line in ("/quit", "/exit"):
                return
            if line == "/new":
                talks = [[] for _ in arms]
            elif line:
                for name, arm, talk in zip(names, arms, talks, strict=True):
                    _answer(name if second else "", arm, talk, line)
    finally:
        for arm in arms:
            arm.close()


def _answer(name: str, arm: "Arm", talk: "list[Message]", line: str) -> None:
    from trimtab.records import Message
    from trimtab.tools import run_plan

    talk.append(Message("user", line))
    outcome = asyncio.run(run_plan(arm.assistant, talk, user="chat", now=time.time()))
    if name:
        say(f"── {name} " + "─" * 40)
    for turn in outcome.turns[:-1]:
        for call in turn.tool_calls:
            say(f"   → {call.name}({dict(call.arguments)})")
        if turn.role == "tool":
            say(f"   ← {turn.content[:200]}")
    say(outcome.answer)
    for verdict in outcome.verdicts:
        if verdict.ruling != "allow":
            say(f"   [{verdict.guard} {verdict.rule}: {verdict.ruling}] {verdict.reason}")
    talk.extend(outcome.turns)


def _line() -> str | None:
    if sys.stdin.isatty():
        click.echo("you> ", nl=False)
    text = sys.stdin.readline()
    return text.strip() if text else None
