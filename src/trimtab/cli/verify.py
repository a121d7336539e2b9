"""`verify`: whether what would be served is what was trained and released."""

from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options
from trimtab.cli.main import EXIT_NO


@click.command()
@click.argument("which", default="stable")
@workspace_options
@json_option
def verify(which: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Hold WHICH against its record and the trainer, on an engine of its own; exit 1 where something differs.

    Checked: the manifest, the bytes of every artefact, the chat template, the weights and the precision, the recorded
    log-probs (bit for bit on the engine and machine that recorded them), and the trainer's log-probs.
    """
    from trimtab.loop.verified import verify as verified
    from trimtab.tools import Rehearsal

    found = open_workspace(workspace, overrides)
    verdict = verified(found.store, which, found.config.serving, Rehearsal())
    if as_json:
        emit(verdict.to_json())
    else:
        for finding in verdict.findings:
            say(f"{'ok ' if finding.passed else 'NO '} {finding.check:<20} {finding.found}")
            if not finding.passed:
                say(f"    expected {finding.expected}")
        word = "is what was released" if verdict.passed else "is NOT what was released"
        say(f"{verdict.release[:12]} {word} (checked in {verdict.seconds:.1f} s)")
    if not verdict.passed:
        raise click.exceptions.Exit(EXIT_NO)
