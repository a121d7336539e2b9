"""`data import|export|check|stats` and `quarantine`: rows in and out, through the one door."""

import getpass
import time
from pathlib import Path
from typing import Any

import click

from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options
from trimtab.cli.main import EXIT_NO

html_option = click.option(
    "--html", "page", type=click.Path(path_type=Path), help="Write the report as a page, with plots."
)


@click.group()
def data() -> None:
    """Import, export, check and count training data."""


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


@click.command()
@click.argument("rows", type=click.Path(path_type=Path, dir_okay=False), required=False)
@workspace_options
@json_option
def quarantine(rows: Path | None, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check ROWS against the sealed set (exit 1 on a hit); without ROWS, show who looked at it."""
    from trimtab.loop.steps.data import sealed_set
    from trimtab.records import read_jsonl, row_from_json

    found = open_workspace(workspace, overrides)
    if rows is None:
        looks = [{key: getattr(look, key) for key in look.__slots__} for look in found.store.ledger.looks()]
        if as_json:
            emit(looks)
        for look in [] if as_json else looks:
            when = time.strftime("%F %T", time.localtime(look["time"]))
            say(f"{when}  {look['who']:<12} {look['purpose']:<10} {look['shard']}")
        return
    sealed = sealed_set(found)
    sealed.record_look(found.store.ledger, who=getpass.getuser(), purpose="check", time=time.time())
    hits = [(line, hit) for line, row in enumerate(read_jsonl(rows, row_from_json), 1) if (hit := sealed.check(row))]
    if as_json:
        emit({"cases": len(sealed), "hits": [{"line": line, "case": str(hit)} for line, hit in hits]})
    else:
        say(f"{len(hits)} rows of {rows} repeat one of {len(sealed)} sealed cases")
        for line, hit in hits:
            say(f"  {rows}:{line}: {hit}")
    if hits:
        raise click.exceptions.Exit(EXIT_NO)
