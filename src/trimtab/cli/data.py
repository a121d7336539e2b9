"""`data import|check|stats`: rows in, through the one door."""

from pathlib import Path
from typing import Any

import click

from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options
from trimtab.cli.main import EXIT_NO
from trimtab.cli.privacy import forget, restore


@click.group()
def data() -> None:
    """Import, check and count training data."""


data.add_command(restore)
data.add_command(forget)


@data.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Path(path_type=Path), required=True, help="Native JSON Lines to write.")
@click.option("--format", "form", default=None, help="Instead of guessing.")
@click.option("--skip-bad", is_flag=True, help="Report malformed rows instead of refusing the file.")
@json_option
def import_(source: Path, target: Path, form: str | None, skip_bad: bool, as_json: bool) -> None:
    """Read SOURCE (file or glob, any known format) and write native rows."""
    from trimtab.curate import import_rows
    from trimtab.records import write_jsonl

    found = import_rows(source, form, "skip" if skip_bad else "refuse")
    write_jsonl(target, (placed.row.to_json() for placed in found.rows))
    if as_json:
        emit({"rows": len(found.rows), "drops": [drop.to_json() for drop in found.drops], "target": str(target)})
        return
    for name, sentence in found.understood.items():
        say(f"{name}: {sentence}")
    say(f"{len(found.rows)} rows written to {target}; {len(found.drops)} dropped")
    for drop in found.drops[:10]:
        say(f"  {drop.file}:{drop.line}: {drop.reason}: {drop.detail}")


@data.command()
@workspace_options
@json_option
def check(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Put the workspace's sources through the door, without training; exit 1 where a row met the quarantine."""
    report = _report(workspace, overrides, quiet=as_json)
    if as_json:
        emit(report)
    else:
        _print(report)
        for drop in report["drops"]["rows"][:20]:
            say(f"  {drop['file']}:{drop['line']}: {drop['reason']}: {drop['detail']}")
        _remark(workspace, overrides)
    if report["drops"]["by_reason"].get("quarantine"):
        raise click.exceptions.Exit(EXIT_NO)


@data.command()
@workspace_options
@json_option
def stats(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Counts by source, domain and action, the mix, and shortcuts in the pairs."""
    report = _report(workspace, overrides, quiet=as_json)
    emit(report) if as_json else _print(report)


def _remark(workspace: Path, overrides: tuple[str, ...]) -> None:
    from trimtab.loop.shards import remarks

    for sentence in remarks(open_workspace(workspace, overrides)):
        say(f"note: {sentence}")


def _report(workspace: Path, overrides: tuple[str, ...], *, quiet: bool) -> dict[str, Any]:
    from trimtab.loop.steps.data import curated_now

    with progress_display(quiet) as progress:
        return curated_now(open_workspace(workspace, overrides), progress).report.to_json()


def _print(report: dict[str, Any]) -> None:
    say(f"read {report['read']}, kept {report['kept']}")
    for title in ("by_source", "by_domain", "by_action"):
        say(title.replace("_", " "))
        for name, count in report[title].items():
            say(f"  {count:>7}  {name}")
