"""The command: a workspace, the acts of the play in order, the closing table."""

import tempfile
from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, progress_display, say


@click.command()
@click.option(
    "-w",
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Keep the workspace here; a demo that was stopped goes on.  [default: a temporary folder]",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one setting.")
@json_option
def demo(workspace: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """The whole loop once: curate, teach, align, evaluate, gate, release, canary, sabotage, roll back, harvest."""
    from trimtab.cli.demo.play import play
    from trimtab.cli.demo.report import closing_table

    folder = workspace or Path(tempfile.mkdtemp(prefix="trimtab-demo-")) / "support"
    with progress_display(quiet=as_json) as progress:
        result = play(folder, overrides, progress, say=lambda text: None if as_json else say(text))
    if as_json:
        emit(result.to_json())
        return
    say(closing_table(result))
    say(f"\nthe workspace is {folder.resolve()}\nlook next:")
    for line in ("trimtab status", "trimtab card stable", "trimtab dashboard", "trimtab chat rollback stable"):
        say(f"  {line.replace('trimtab ', 'trimtab ')} -w {folder}")
