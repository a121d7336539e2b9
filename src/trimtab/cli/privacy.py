"""`data restore` and `data forget`: what the vault holds, given back to who has the key, or gone."""

import time
from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options


@click.command()
@click.argument("rows", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where to write.")
@workspace_options
@json_option
def restore(rows: Path, target: Path, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Write ROWS (native JSON Lines that passed the door) with the personal data that placeholders stand for."""
    from trimtab.loop.vault import restored
    from trimtab.records import read_jsonl, row_from_json, write_jsonl

    done = restored(open_workspace(workspace, overrides), read_jsonl(rows, row_from_json), time.time())
    write_jsonl(target, (row.to_json() for row in done.rows))
    if as_json:
        emit({"rows": len(done.rows), "restored": done.turned, "missing": done.missing, "target": str(target)})
        return
    say(f"{len(done.rows)} rows written to {target}; {done.turned} of them restored")
    if done.missing:
        say(f"{done.missing} references are unknown to the vault: forgotten, expired, or of another workspace")


@click.command()
@click.option("--person", required=True, help="A datum of that person: an e-mail address, a telephone number, ...")
@workspace_options
@json_option
def forget(person: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Forget what placeholders stand for in every row with this datum, for good.

    Scrubbed rows stay. Sources, harvested rows and imported artefacts hold what they were given: the files in which
    the datum still stands are named.
    """
    from trimtab.loop.vault import forget as forgotten
    from trimtab.loop.vault import still_held

    found = open_workspace(workspace, overrides)
    count, files = forgotten(found, person), still_held(found, person)
    if as_json:
        emit({"rows": count, "still_in": files})
        return
    say(f"forgotten: what placeholders stand for in {count} rows; it will not be held again")
    for name, lines in files.items():
        say(f"  still in {name}: {lines} lines")
