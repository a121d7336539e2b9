"""`curate`: the data door alone, as a turn goes through it: journaled, so that it goes on where it was."""

from pathlib import Path
from typing import Any

import click

from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options
from trimtab.cli.data import _print, _say_drops, _write_page, html_option


@click.command()
@click.option("--to", "target", type=click.Path(path_type=Path), help="Folder for the rows and the report as well.")
@html_option
@workspace_options
@json_option
def curate(target: Path | None, page: Path | None, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Put the workspace's sources through the door and keep what may be learnt, as `run` does.

    Writes examples, comparisons and unpaired rows as JSON Lines, with report.json, into the store and, with --to, into
    a folder. Killed, the same command goes on; run again on the same data, it has nothing to do.
    """
    from trimtab.cli.dataset.curating import copy_out, curated

    found = open_workspace(workspace, overrides)
    with progress_display(quiet=as_json) as progress:
        rows, report = curated(found, progress)
    if target is not None:
        copy_out(found, rows, target)
    _write_page(page, report, f"Curation of {found.config.name}")
    if as_json:
        emit(_document(rows, report, target))
        return
    _print(report)
    _say_drops(report, 20)
    say(f"rows kept in the store as {rows[:12]}" + (f" and written to {target}" if target else ""))


def _document(rows: str, report: dict[str, Any], target: Path | None) -> dict[str, Any]:
    return {**report, "rows": rows, "target": None if target is None else str(target)}
