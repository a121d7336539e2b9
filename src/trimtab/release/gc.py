"""Garbage: artefacts that no release in reach needs; the releases themselves stay in the registry for ever."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.records import Release
from trimtab.release.registry import releases
from trimtab.store import Store

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Garbage:
    """``kept``: artefact → why. ``removed``: what went, or would go; ``bytes`` on disk of it."""

    kept: Mapping[str, str]
    removed: tuple[str, ...]
    bytes: int
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "removed": list(self.removed),
            "bytes": self.bytes,
            "kept": dict(self.kept),
            "dry_run": self.dry_run,
        }


def collect(store: Store, *, dry_run: bool = False, protect: Iterable[str] = ()) -> dict[str, Any]:
    """Remove what is not in reach and say what went. ``protect``: further artefacts, such as a running turn's.

    In reach: everything named by a release that an alias (stable, candidate, rollback, any other), the canary's state
    or a waiting command names; the models of all its parents; and what each step of a turn last gave.
    """
    return sweep(store, dry_run=dry_run, protect=protect).to_json()


def sweep(store: Store, *, dry_run: bool = False, protect: Iterable[str] = ()) -> Garbage:
    """``collect``, as a value."""
    kept = reachable(store) | dict.fromkeys(protect, "protected")
    removed = tuple(digest for digest in store.artefacts.digests() if digest not in kept)
    size = sum(_size(store, digest) for digest in removed)
    if not dry_run:
        for digest in removed:
            if digest not in reachable(store):  # a promotion in the meantime may need it
                store.artefacts.remove(digest)
    present = {digest: why for digest, why in kept.items() if store.artefacts.has(digest)}
    return Garbage(present, removed, size, dry_run)


def reachable(store: Store) -> dict[str, str]:
    """Artefact → why it is needed. Reads every alias at one instant."""
    known = {release.digest: release for release in releases(store)}
    kept: dict[str, str] = {}
    for digest, why in _roots(store, known):
        release = known[digest]
        for name in _digests(release.to_json()):
            kept.setdefault(name, why)
        for parent in _ancestors(release, known):
            kept.setdefault(known[parent].behaviour.model, f"a parent of {why}")
    for step, outputs in _turn_in_hand(store).items():
        for name in _digests(outputs):
            kept.setdefault(name, f"the latest {step} step")
    for corpus in store.list("redteam"):
        kept.setdefault(corpus["artefact"], f"red-team corpus {corpus['name']}@{corpus['version']}")
    return kept


def _turn_in_hand(store: Store) -> dict[str, Any]:
    """What each step gave when it last finished: a turn that was stopped goes on from there."""
    return {record.step: dict(record.outputs) for record in store.journal.history()}


def _digests(value: Any) -> Iterator[str]:
    return (text for text in _strings(value) if _DIGEST.fullmatch(text))


def _roots(store: Store, known: Mapping[str, Release]) -> Iterator[tuple[str, str]]:
    for alias, digest in sorted(store.aliases.all().items()):
        if digest in known:
            yield digest, alias
    steering = {
        "the canary": store.canary.load(),
        "a waiting command": [dict(i.payload) for i in store.intents.pending()],
    }
    for why, value in steering.items():
        for name in _strings(value):
            yield from ((digest, why) for digest in known if _names(name, digest))


def _names(text: str, digest: str) -> bool:
    """A command may name a release by its first characters."""
    return len(text) >= 4 and digest.startswith(text)


def _ancestors(release: Release, known: Mapping[str, Release]) -> Iterator[str]:
    waiting, seen = list(release.parents), set[str]()
    while waiting:
        digest = waiting.pop()
        if digest in known and digest not in seen:
            seen.add(digest)
            waiting += known[digest].parents
            yield digest


def _strings(value: Any) -> Iterator[str]:
    """Every text anywhere in a JSON value: an artefact is needed by whatever field names it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _size(store: Store, digest: str) -> int:
    return sum(file.stat().st_size for file in store.artefacts.path(digest).rglob("*") if file.is_file())
