"""Releases from the command line: list, card, diff, promote, rollback, export, gc."""

import time
from pathlib import Path
from typing import Any

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options


@click.command()
@click.argument("which", required=False)
@workspace_options
@json_option
def release(which: str | None, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the releases, or show the one named by digest, prefix or alias."""
    from trimtab.release import get, releases

    store = open_workspace(workspace, overrides).store
    if which is not None:
        found = get(store, which)
        emit({"digest": found.digest, **found.to_json()}) if as_json else _show(found)
        return
    rows = releases(store)
    aliases = store.aliases.all()
    if as_json:
        emit({"aliases": aliases, "releases": [row.digest for row in rows]})
        return
    for row in rows:
        names = ", ".join(sorted(name for name, digest in aliases.items() if digest == row.digest))
        say(f"{row.digest[:12]}  {row.gate.get('verdict', 'not gated'):<9}  {names}")


def _show(found: Any) -> None:
    say(f"release {found.digest}")
    for key, value in found.behaviour.to_json().items():
        text = value if isinstance(value, str) else str(value)
        say(f"  {key:<14} {text.splitlines()[0][:80] if text else '-'}")
    for name, metric in found.scorecard.get("metrics", {}).items():
        say(f"  {name:<28} {metric['value']:.3f} [{metric['ci_low']:.3f}, {metric['ci_high']:.3f}]  n={metric['n']}")
    for check in found.gate.get("checks", ()):
        say(f"  {'ok ' if check['passed'] else 'NO '} {check['name']}: {check['reason']}")


@click.command()
@click.argument("which", default="candidate")
@workspace_options
def card(which: str, workspace: Path, overrides: tuple[str, ...]) -> None:
    """Print the model card of WHICH."""
    from trimtab.release import get

    say(get(open_workspace(workspace, overrides).store, which).card)


@click.command()
@click.argument("before")
@click.argument("after")
@workspace_options
def diff(before: str, after: str, workspace: Path, overrides: tuple[str, ...]) -> None:
    """Say how behaviour moved from BEFORE to AFTER, with intervals."""
    from trimtab.release import changelog, get

    store = open_workspace(workspace, overrides).store
    say(changelog(get(store, before), get(store, after)))


@click.command()
@click.argument("which", default="candidate")
@click.option("--force", is_flag=True, help="Even where the gate blocked it.")
@workspace_options
def promote(which: str, force: bool, workspace: Path, overrides: tuple[str, ...]) -> None:
    """Make WHICH stable without a canary; the stable one becomes the rollback target."""
    from trimtab.loop.steer import steer

    steer(open_workspace(workspace, overrides), "promote", {"release": which, "force": "yes" if force else ""})
    say(f"{which} is stable; `trimtab rollback` goes back")


@click.command()
@click.argument("which", required=False)
@workspace_options
@json_option
def rollback(which: str | None, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Take a running canary out, or make the release before (or WHICH) stable again."""
    from trimtab.loop.steer import steer

    found = open_workspace(workspace, overrides)
    steer(found, "rollback", {"release": which or ""})
    stable = found.store.aliases.get("stable")
    if as_json:
        emit({"stable": stable, "time": time.time()})
    else:
        say(f"stable is {(stable or '-')[:12]}")


@click.command()
@click.argument("which", default="stable")
@click.option("--to", "target", type=click.Path(path_type=Path), required=True, help="Folder, or a .gguf file.")
@workspace_options
def export(which: str, target: Path, workspace: Path, overrides: tuple[str, ...]) -> None:
    """Write WHICH as a Hugging Face folder (same chat template, card inside), or as a GGUF file."""
    from trimtab.release import export_gguf, export_hf, get

    store = open_workspace(workspace, overrides).store
    found = get(store, which)
    if target.suffix == ".gguf":
        export_gguf(store, found, target)
    else:
        export_hf(store, found, target)
    say(f"{which} ({found.digest[:12]}) written to {target}")


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go.")
@workspace_options
@json_option
def gc(dry_run: bool, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Remove artefacts that no alias, rollback target or running canary needs."""
    from trimtab.release import collect

    found = open_workspace(workspace, overrides)
    report = collect(found.store, dry_run=dry_run)
    if as_json:
        emit(report)
        return
    say(f"{'would free' if dry_run else 'freed'} {report['bytes'] / 1e6:.0f} MB in {len(report['removed'])} artefacts")
