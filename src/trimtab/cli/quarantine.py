"""`quarantine seal|check|looks|status|rotate|membership`: the sealed set, kept sealed."""

import time
from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options
from trimtab.cli.main import EXIT_NO


class _Group(click.Group):
    """``quarantine ROWS`` still checks ROWS, and ``quarantine`` alone still shows the looks."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not {"-h", "--help"} & set(args) and not set(self.commands) & set(args):
            rows = [word for i, word in enumerate(args) if _is_file(word, args[i - 1] if i else "")]
            args = ["check" if rows else "looks", *args]
        return super().parse_args(ctx, args)


def _is_file(word: str, before: str) -> bool:
    return not word.startswith("-") and before not in ("-w", "--workspace", "--set")


@click.group(cls=_Group)
def quarantine() -> None:
    """Seal cases, check rows against them, rotate shards, show who looked."""


@quarantine.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@workspace_options
@json_option
def seal(files: tuple[Path, ...], workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Lock FILES of cases (without FILES: every shard that lies open). The plain files go; the key is in .trimtab."""
    from trimtab.loop.sealing import seal_files

    found = open_workspace(workspace, overrides)
    sealed = [path.as_posix() for path in seal_files(found, files)]
    if as_json:
        emit({"sealed": sealed, "keys": str(found.state)})
        return
    for name in sealed:
        say(f"sealed {name}: only `trimtab evaluate` and `run` read it now, and each look is written down")
    say(
        f"the keys are {found.state}/quarantine.key and prints.key: keep a copy, without them nothing opens"
        if sealed
        else "everything is sealed already"
    )


@quarantine.command()
@click.argument("rows", type=click.Path(path_type=Path, dir_okay=False))
@workspace_options
@json_option
def check(rows: Path, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check ROWS against the sealed set; exit 1 on a hit."""
    from trimtab.loop.shards import current_user
    from trimtab.loop.steps.data import sealed_set
    from trimtab.records import iter_jsonl, read_jsonl, row_from_json

    found = open_workspace(workspace, overrides)
    sealed = sealed_set(found)
    lines = [line for line, _ in iter_jsonl(rows)]
    checked = sealed.check_all(read_jsonl(rows, row_from_json))
    sealed.record_look(found.store.ledger, who=current_user(), purpose="check", time=time.time())
    hits = [(line, hit) for line, hit in zip(lines, checked, strict=True) if hit is not None]
    if as_json:
        emit({"cases": len(sealed), "hits": [{"line": line, "case": str(hit)} for line, hit in hits]})
    else:
        say(f"{len(hits)} rows of {rows} repeat one of {len(sealed)} sealed cases")
        for line, hit in hits:
            say(f"  {rows}:{line}: {hit}")
    if hits:
        raise click.exceptions.Exit(EXIT_NO)


@quarantine.command()
@workspace_options
@json_option
def looks(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Every use of every shard, oldest first: when, who, what for."""
    found = open_workspace(workspace, overrides).store.ledger.looks()
    if as_json:
        emit([{key: getattr(look, key) for key in look.__slots__} for look in found])
        return
    for look in found:
        when = time.strftime("%F %T", time.localtime(look.time))
        say(f"{when}  {look.who:<12} {look.purpose:<10} {look.shard}")


@quarantine.command()
@workspace_options
@json_option
def status(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Each shard: what it does, whether it is sealed, how often its text was looked at."""
    from trimtab.loop.shards import remarks, shards

    found = open_workspace(workspace, overrides)
    known = shards(found)
    if as_json:
        emit([shard.to_json() for shard in known])
        return
    for shard in known:
        state = "sealed" if shard.sealed else "OPEN"
        say(f"{shard.role:<9} {state:<7} {shard.cases:>6} cases  {shard.looks:>3} looks  {shard.path}")
    for sentence in remarks(found):
        say(f"note: {sentence}")


@quarantine.command()
@workspace_options
@json_option
def rotate(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Retire the active shards and judge by the first reserved one; what retires stays sealed and guarded."""
    from trimtab.loop.shards import current_user
    from trimtab.loop.shards import rotate as turn

    retired, promoted = turn(open_workspace(workspace, overrides), who=current_user(), now=time.time())
    names = [[path.as_posix() for path in part] for part in (retired, promoted)]
    if as_json:
        emit({"retired": names[0], "active": names[1]})
    else:
        say(f"{', '.join(names[1])} judges from now on; {', '.join(names[0])} is retired, and no row may repeat it")


@quarantine.command()
@click.argument("release", default="stable")
@workspace_options
@json_option
def membership(release: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Whether RELEASE seems to have seen the sealed cases: Min-K%++ and perplexity. Shown, never gated."""
    from trimtab.loop.membership import release_membership

    with progress_display(as_json) as progress:
        found = release_membership(open_workspace(workspace, overrides), release, progress)
    if as_json:
        emit(found.to_json())
        return
    for sentence in found.sentences():
        say(sentence)
