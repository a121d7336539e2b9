"""`harvest`: judged traffic into rows for the next turn."""

import getpass
import time
from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options


@click.command()
@workspace_options
@json_option
def harvest(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Turn judged traffic into rows: edits into SFT rows and pairs, thumbs into unpaired rows."""
    from trimtab.loop.reap import reap

    done = reap(open_workspace(workspace, overrides), who=getpass.getuser(), now=time.time())
    if as_json:
        emit(done.to_json())
        return
    say(f"{done.sft} SFT rows, {done.preference} pairs and {done.unpaired} thumbs wait in data/harvest/")
    for trace, reason in list(done.refused.items())[:10]:
        say(f"  left {trace}: {reason}")
    if len(done.refused) > 10:
        say(f"  … and {len(done.refused) - 10} more (--json lists them)")
