"""`data import|export|check|stats|restore|forget`: rows in and out, through the one door."""

from pathlib import Path
from typing import Any

import click

from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options
from trimtab.cli.main import EXIT_NO
from trimtab.cli.privacy import forget, restore

html_option = click.option(
    "--html", "page", type=click.Path(path_type=Path), help="Write the report as a page, with plots."
)


@click.group()
def data() -> None:
    """Import, export, check and count training data."""


data.add_command(restore)
data.add_command(forget)


@data.command("import")
@click.argument("source")
@click.option("--to", "target", type=click.Path(path_type=Path), required=True, help="Native JSON Lines to write.")
@click.option("--format", "form", default=None, help="Instead of guessing.")
@click.option("--skip-bad", is_flag=True, help="Report malformed rows instead of refusing the file.")
@click.option("--drops", "dropped", type=click.Path(path_type=Path), help="Write every dropped row's place and reason.")
@html_option
@json_option
def import_(
    source: str,
    target: Path,
    form: str | None,
    skip_bad: bool,
    dropped: Path | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """Read SOURCE and write native rows, a row at a time.

    SOURCE is a file, a folder, a glob or a data set of the hub (owner/name[@revision][:config/split]), in any known
    format. The target is replaced whole, or left as it was.
    """
    from trimtab.cli.dataset.importing import import_to

    with progress_display(quiet=as_json) as progress:
        report = import_to(source, target, form, skip_bad, dropped, progress)
    _write_page(page, report, f"Import of {source}")
    if as_json:
        emit(report)
        return
    for name, sentence in report["formats"].items():
        say(f"{name}: {sentence}")
    say(f"{report['rows']} rows written to {target}; {sum(report['drops']['by_reason'].values())} dropped")
    _say_drops(report, 10)
    if sum(count > 0 for count in report["kept"].values()) > 1:
        say(f"{target} holds rows of several kinds: name `format: native` where it is a source")


@data.command()
@click.argument("source")
@click.option("--to", "target", type=click.Path(path_type=Path), required=True, help="File; its ending says its kind.")
@click.option("--format", "form", default="native", show_default=True, help="The format to write.")
@click.option("--from-format", "given", default=None, help="The format to read, instead of guessing.")
@click.option("--lossy", is_flag=True, help="Write what the format can hold, and list what it cannot.")
@json_option
def export(source: str, target: Path, form: str, given: str | None, lossy: bool, as_json: bool) -> None:
    """Write the rows of SOURCE in another format: JSON Lines, JSON, CSV, TSV (.gz too) or Parquet.

    A row that the format cannot hold whole is refused with its file and line, or listed with --lossy.
    """
    from trimtab.curate import export_rows

    with progress_display(quiet=as_json) as progress:
        done = export_rows(source, target, form, lossy=lossy, source_format=given, progress=progress)
    if as_json:
        emit({**done.to_json(), "target": str(target), "format": form})
        return
    say(f"{done.written} of {done.read} rows written to {target} as {form}")
    for what, count in done.by_loss.items():
        say(f"  {count:>7}  lost: {what}")
    for loss in done.losses[:10]:
        say(f"  {loss.file}:{loss.line}: {'the whole row: ' if loss.whole else ''}{loss.what}")


@data.command()
@html_option
@workspace_options
@json_option
def check(page: Path | None, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Put the workspace's sources through the door, without training; exit 1 where a row met the quarantine."""
    report = _report(workspace, overrides, quiet=as_json)
    _write_page(page, report, "Data check")
    if as_json:
        emit(report)
    else:
        _print(report)
        _say_drops(report, 20)
        _remark(workspace, overrides)
    if report["drops"]["by_reason"].get("quarantine"):
        raise click.exceptions.Exit(EXIT_NO)


@data.command()
@html_option
@workspace_options
@json_option
def stats(page: Path | None, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Counts by source, domain, action and difficulty, the mix, and what the door found."""
    report = _report(workspace, overrides, quiet=as_json)
    _write_page(page, report, "Data")
    emit(report) if as_json else _print(report)


def _remark(workspace: Path, overrides: tuple[str, ...]) -> None:
    from trimtab.loop.shards import remarks

    for sentence in remarks(open_workspace(workspace, overrides)):
        say(f"note: {sentence}")


def _report(workspace: Path, overrides: tuple[str, ...], *, quiet: bool) -> dict[str, Any]:
    from trimtab.loop.steps.data import curated_now

    with progress_display(quiet) as progress:
        return curated_now(open_workspace(workspace, overrides), progress).report.to_json()


def _write_page(page: Path | None, report: dict[str, Any], title: str) -> None:
    if page is None:
        return
    from trimtab.cli.dataset.page import report_page
    from trimtab.records import write_bytes

    write_bytes(page, report_page(report, title).encode())


def _print(report: dict[str, Any]) -> None:
    say(f"read {report['read']}, kept {report['kept']}")
    for title in ("by_source", "by_domain", "by_action", "by_difficulty", "by_format"):
        if set(report[title]) <= {"none"}:
            continue
        say(title.replace("_", " "))
        for name, count in report[title].items():
            say(f"  {count:>7}  {name}")
    for title, counts in (("dropped", report["drops"]["by_reason"]), ("repaired", report["repairs"]["by_kind"])):
        for name, count in counts.items():
            say(f"  {count:>7}  {title}: {name}")


def _say_drops(report: dict[str, Any], most: int) -> None:
    for drop in report["drops"]["rows"][:most]:
        say(f"  {drop['file']}:{drop['line']}: {drop['reason']}: {drop['detail']}")
