"""`redteam`: corpora of attacks as versioned assets: import, list, show, split, diff, check."""

import getpass
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options
from trimtab.cli.main import EXIT_NO
from trimtab.records.errors import UserError

if TYPE_CHECKING:
    from trimtab.curate.config import OnError
    from trimtab.curate.redteam import Attack, Corpus, Wordings
    from trimtab.loop.workspace import Workspace


@click.group()
def redteam() -> None:
    """Red-team corpora: one part trains, another, disjoint, tests; every version stays as it is."""


@redteam.command("import")
@click.argument("sources", nargs=-1, required=True)
@click.option("--name", default="redteam", show_default=True, help="The corpus that grows by these attacks.")
@click.option("--set", "set_name", default=None, help="What the set is called; told from the rows otherwise.")
@click.option("--licence", default="", help="The set's licence, kept in every row's provenance.")
@click.option("--revision", default="", help="The set's version or commit.")
@click.option("--format", "form", default=None, help="Instead of telling it from the fields.")
@click.option("--rule", "rules", multiple=True, metavar="WHAT=RULE", help="The policy rule of a category, style or *.")
@click.option("--severity", "severities", multiple=True, metavar="WHAT=1|2|3", help="As --rule; 1 stops a release.")
@click.option("--sealed-share", default=0.5, show_default=True, help="Families that test; fixed by the first version.")
@click.option("--seed", default=0, help="Of the draw of families; fixed by the first version.")
@click.option(
    "--replace", "replace_sets", is_flag=True, help="Attacks of the same sets that are not given any more go."
)
@click.option("--benign", is_flag=True, help="Everything in SOURCES is harmless and must be answered.")
@click.option("--skip-bad", is_flag=True, help="Report malformed rows instead of refusing the file.")
@click.option("-w", "--workspace", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Workspace.")
@json_option
def import_(sources: tuple[str, ...], name: str, workspace: Path, as_json: bool, **options: Any) -> None:
    """Read SOURCES (files or globs, any published format) into the next version of a corpus."""
    from trimtab.curate.redteam import as_text, grow, load, read_attacks, save, versions

    store = open_workspace(workspace).store
    given = {"set": options["set_name"], "licence": options["licence"], "revision": options["revision"]}
    origin = {key: value for key, value in given.items() if value}
    on_error: OnError = "skip" if options["skip_bad"] else "refuse"
    how: dict[str, Any] = {"format": options["form"], "on_error": on_error, "benign": options["benign"]}
    read = [read_attacks(source, Path.cwd(), origin=origin, **how) for source in sources]
    attacks = _marked((attack for part in read for attack in part.attacks), options["rules"], options["severities"])
    parent = load(store, name) if versions(store, name) else None
    grown = grow(
        parent,
        attacks,
        name=name,
        share=options["sealed_share"],
        seed=options["seed"],
        replace_sets=options["replace_sets"],
    )
    manifest = save(store, grown, now=time.time())
    drops = [drop for part in read for drop in part.drops]
    unmapped = {key: count for part in read for key, count in part.unmapped.items()}
    if as_json:
        emit({**manifest, "drops": [drop.to_json() for drop in drops], "unmapped": unmapped})
        return
    for part in read:
        for file, sentence in part.understood.items():
            say(f"{file}: {sentence}")
    say(f"{name}@{grown.version}  {len(grown.entries)} attacks  digest {grown.digest[:12]}")
    say(as_text(grown))
    for drop in drops[:10]:
        say(f"  {drop.file}:{drop.line}: {drop.reason}: {drop.detail}")
    if len(drops) > 10:
        say(f"  … and {len(drops) - 10} more (--json lists them)")
    for label, count in list(unmapped.items())[:20]:
        say(f"  no hazard code for {label!r}: {count} rows")


@redteam.command("list")
@workspace_options
@json_option
def list_(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Every version of every corpus."""
    from trimtab.curate.redteam import versions

    rows = versions(open_workspace(workspace, overrides).store)
    if as_json:
        emit(rows)
        return
    for row in rows:
        sides = ", ".join(f"{count} {side}" for side, count in row["counts"]["rows"].items())
        say(f"{row['name']}@{row['version']:<8} {row['digest'][:12]}  {sides}")
    if not rows:
        say("none yet: `trimtab redteam import`")


@redteam.command()
@click.argument("corpus")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the table as a page, too.")
@workspace_options
@json_option
def show(corpus: str, html: Path | None, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Counts of CORPUS (name or name@version) by category, style and side; quotes no attack."""
    from trimtab.curate.redteam import as_html, as_text, counts, load
    from trimtab.records.files import write_bytes

    found = load(open_workspace(workspace, overrides).store, corpus)
    if html is not None:
        write_bytes(html, as_html(found).encode())
    if as_json:
        emit({"name": found.name, "version": found.version, "digest": found.digest, **counts(found).to_json()})
        return
    say(f"{found.name}@{found.version}  digest {found.digest}")
    say(as_text(found))


@redteam.command()
@click.argument("corpus")
@click.option("--train", type=click.Path(path_type=Path), help="SFT rows.  [default: redteam/NAME-train.jsonl]")
@click.option("--test", type=click.Path(path_type=Path), help="Sealed cases.  [default: redteam/NAME-test.jsonl]")
@click.option(
    "--answers", type=click.Path(path_type=Path), help="Chats (any known format) that answer benign contrasts."
)
@workspace_options
@json_option
def split(
    corpus: str,
    train: Path | None,
    test: Path | None,
    answers: Path | None,
    workspace: Path,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write CORPUS's train part as lessons with the policy's words, and its test part as sealed cases."""
    from trimtab.curate.redteam import load, parts
    from trimtab.records import write_jsonl

    found = open_workspace(workspace, overrides)
    version = load(found.store, corpus)
    if not version.on("train") or not version.on("test"):
        side = "test" if version.on("test") else "train"
        raise UserError(
            f"every family drew the {side} side", fix="Import more attacks, or start anew with another --seed"
        )
    made = parts(version, _wordings(found, answers))
    _look(found, version, "split")
    files = {
        "train": found.root / (train or Path(f"redteam/{version.name}-train.jsonl")),
        "test": found.root / (test or Path(f"redteam/{version.name}-test.jsonl")),
    }
    write_jsonl(files["test"], (case.to_json() for case in made.cases))
    write_jsonl(files["train"], (example.to_json() for example in made.examples))
    if as_json:
        shown = {side: str(path) for side, path in files.items()}
        emit({"examples": len(made.examples), "cases": len(made.cases), "left": dict(made.left), "files": shown})
        return
    say(f"{len(made.examples)} lessons in {files['train']}: name it under data.sources")
    say(f"{len(made.cases)} cases in {files['test']}: name it under cases.redteam")
    _tally(made.left.values())


@redteam.command()
@click.argument("old")
@click.argument("new")
@workspace_options
@json_option
def diff(old: str, new: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """What changed from OLD to NEW (name@version); exit 1 where an attack moved between train and test."""
    from trimtab.curate.redteam import compare, load

    store = open_workspace(workspace, overrides).store
    found = compare(load(store, old), load(store, new))
    if as_json:
        emit(found.to_json())
    else:
        for title in ("added", "removed", "relabelled", "reworded", "moved"):
            say(f"{len(getattr(found, title)):>6} {title}")
        for counts in (found.by_category, found.by_style):
            for name, (more, less) in counts.items():
                say(f"  {name:<20} +{more} -{less}")
        for id, move in found.moved.items():
            say(f"  {id[:12]} moved from {move}")
    if found.moved:
        raise click.exceptions.Exit(EXIT_NO)


@redteam.command()
@click.argument("corpus")
@workspace_options
@json_option
def check(corpus: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Whether CORPUS is as registered and its parts are disjoint; exit 1 where a train attack repeats a test one."""
    from trimtab.curate.redteam import contaminated, load

    found = open_workspace(workspace, overrides)
    version = load(found.store, corpus)
    _look(found, version, "check")
    hits = contaminated(version)
    if as_json:
        emit({"digest": version.digest, "hits": [{"train": entry.attack.id, "case": str(hit)} for entry, hit in hits]})
    else:
        train, test = len(version.on("train")), len(version.on("test"))
        say(f"{version.name}@{version.version}  digest {version.digest[:12]} as registered")
        say(f"{len(hits)} of {train} train attacks repeat one of {test} test attacks")
        for entry, hit in hits:
            say(f"  {entry.attack.id[:12]}: {hit}")
    if hits:
        raise click.exceptions.Exit(EXIT_NO)


def _marked(attacks: "Iterable[Attack]", rules: Sequence[str], severities: Sequence[str]) -> "list[Attack]":
    """Attacks with rule and severity of their category, their style, or of all (``*``), where they have none."""
    rule, severity = _table("--rule", rules), _table("--severity", severities)
    if bad := [value for value in severity.values() if value not in ("1", "2", "3")]:
        raise UserError(f"unknown severity {bad[0]!r}", field="--severity", expected="1 (worst), 2 or 3")
    return [
        replace(
            attack,
            rule=attack.rule or next((rule[kind] for kind in _kinds(attack) if kind in rule), ""),
            severity=attack.severity or next((int(severity[kind]) for kind in _kinds(attack) if kind in severity), 0),
        )
        for attack in attacks
    ]


def _table(option: str, pairs: Sequence[str]) -> dict[str, str]:
    table = dict(pair.partition("=")[::2] for pair in pairs)
    if bad := [what for what, value in table.items() if not value]:
        raise UserError(
            f"{bad[0]!r} has no value", field=option, expected="a category, style or *, then = and the value"
        )
    return table


def _kinds(attack: "Attack") -> tuple[str, ...]:
    return () if attack.expected == "comply" else (*attack.categories, attack.style, "*")


def _wordings(workspace: "Workspace", answers: Path | None) -> "Wordings":
    from trimtab.curate import import_rows
    from trimtab.curate.redteam import Wordings
    from trimtab.curate.units import first_question
    from trimtab.guard import load_policy
    from trimtab.loop.policy_texts import policy_texts
    from trimtab.records import Example
    from trimtab.text import normalise

    policy = load_policy(workspace.path(workspace.config.files.policy))
    said = {rule.id: text for rule in policy.rules if isinstance(text := rule.enforce.get("text"), str)}
    rows = [] if answers is None else [placed.row for placed in import_rows(answers).rows]
    known = {normalise(first_question(row)): row.messages[-1].content for row in rows if isinstance(row, Example)}
    return Wordings(workspace.config.data.texts.decline, policy_texts(policy, "defer"), said, known)


def _look(workspace: "Workspace", corpus: "Corpus", purpose: str) -> None:
    shard = f"redteam:{corpus.name}@{corpus.version}"
    workspace.store.ledger.look(shard, corpus.digest, getpass.getuser(), purpose, time.time())


def _tally(reasons: Iterable[str]) -> None:
    from collections import Counter

    for reason, count in Counter(reasons).most_common():
        say(f"  {count} left out: {reason}")
