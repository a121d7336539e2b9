"""The store's red-team versions: each one artefact and one manifest, written once, never changed."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trimtab.curate.redteam.attack import SIDES, attack_from_json
from trimtab.curate.redteam.corpus import Corpus, Entry, contaminated
from trimtab.curate.redteam.diff import compare
from trimtab.curate.redteam.table import counts
from trimtab.records import UserError, iter_jsonl, write_json, write_jsonl
from trimtab.store import Store

KIND = "redteam"


def save(store: Store, corpus: Corpus, *, now: float) -> dict[str, Any]:
    """Register the version, checked: no train attack repeats a test one, no attack moved sides. Returns its manifest.

    Saving the same version twice gives the first manifest. Raises UserError where the checks fail, or where another
    corpus has the name and version.
    """
    if hits := contaminated(corpus):
        raise UserError(f"{len(hits)} train attacks repeat test attacks, such as {hits[0][1]}", field="side")
    if corpus.parents and (moved := compare(load(store, corpus.parents[0]), corpus).moved):
        raise UserError(f"{len(moved)} attacks would move sides, such as {next(iter(moved.items()))}", field="side")
    with TemporaryDirectory(dir=store.folder) as folder:
        write_jsonl(Path(folder) / "corpus.jsonl", (_entry_json(entry) for entry in corpus.entries))
        write_json(Path(folder) / "past.json", dict(sorted(corpus.past.items())))
        artefact = store.artefacts.put(Path(folder))
    manifest = {
        "name": corpus.name,
        "version": corpus.version,
        "digest": corpus.digest,
        "artefact": artefact,
        "parents": list(corpus.parents),
        "share": corpus.share,
        "seed": corpus.seed,
        "sets": _sets(corpus),
        "counts": counts(corpus).to_json(),
        "time": now,
    }
    store.add(KIND, f"{corpus.name}@{corpus.version}", manifest)
    found = _manifest(store, f"{corpus.name}@{corpus.version}")
    if found["digest"] != corpus.digest:
        raise UserError(
            f"{corpus.name}@{corpus.version} is another corpus already", fix="Import again: it grows from it"
        )
    return found


def load(store: Store, reference: str) -> Corpus:
    """``name`` (its latest version) or ``name@version``. Raises UserError where there is none, or it was altered."""
    manifest = _manifest(store, reference)
    folder = store.artefacts.path(manifest["artefact"])
    entries = tuple(_entry(value) for _, value in iter_jsonl(folder / "corpus.jsonl"))
    past = _past(folder)
    share, seed = manifest["share"], manifest["seed"]
    corpus = Corpus(manifest["name"], manifest["version"], entries, share, seed, tuple(manifest["parents"]), past)
    if corpus.digest != manifest["digest"]:
        raise UserError(
            f"{reference} is not what was registered", file=folder, fix="Restore the artefact from a backup"
        )
    return corpus


def versions(store: Store, name: str | None = None) -> list[dict[str, Any]]:
    """Manifests, oldest first."""
    return [row for row in store.list(KIND) if name in (None, row["name"])]


def _manifest(store: Store, reference: str) -> dict[str, Any]:
    name, _, version = reference.partition("@")
    found = [row for row in versions(store, name) if version in ("", row["version"])]
    if not found:
        known = ", ".join(f"{row['name']}@{row['version']}" for row in versions(store)) or "none yet"
        raise UserError(f"no red-team corpus {reference!r}", expected=known, fix="`trimtab redteam import` makes one")
    return found[-1]


def _sets(corpus: Corpus) -> list[dict[str, Any]]:
    """Each set with its licence and revision, as the rows' provenance says."""
    found: dict[str, Mapping[str, Any]] = {}
    for entry in corpus.entries:
        origin = entry.attack.origin
        found.setdefault(str(origin.get("set", "")), origin)
    return [
        {"set": name, "licence": found[name].get("licence", ""), "revision": found[name].get("revision", "")}
        for name in sorted(found)
    ]


def _entry_json(entry: Entry) -> dict[str, Any]:
    why = {"why": entry.why} if entry.why else {}
    return {"family": entry.family, "side": entry.side, **why, "attack": entry.attack.to_json()}


def _entry(row: Mapping[str, Any]) -> Entry:
    assert row["side"] in SIDES
    return Entry(attack_from_json(row["attack"]), row["family"], row["side"], row.get("why", ""))


def _past(folder: Path) -> dict[str, Any]:
    past: dict[str, Any] = json.loads((folder / "past.json").read_text("utf-8"))
    return past
