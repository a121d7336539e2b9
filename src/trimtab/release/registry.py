"""The registry: releases by digest, the aliases that point at them, and every move for ever."""

import re
from dataclasses import replace

from trimtab.records import Release, UserError, release_from_json
from trimtab.store import AliasChange, Store

STABLE, CANDIDATE, ROLLBACK = "stable", "candidate", "rollback"
_KIND = "release"
_PREFIX = re.compile(r"[0-9a-f]{4,64}")


def register(store: Store, release: Release) -> str:
    """Keep the release under its digest, which is returned. The same behaviour again brings its newer evidence.

    Raises UserError where its model is no artefact: a release that cannot be served is none.
    """
    store.artefacts.path(release.behaviour.model)
    known = store.get(_KIND, release.digest)
    store.put(_KIND, release.digest, _merged(known, release).to_json())
    return release.digest


def releases(store: Store) -> list[Release]:
    """All, in the order in which they were first registered."""
    return [release_from_json(row) for row in store.list(_KIND)]


def get(store: Store, ref: str) -> Release:
    """A release by alias, digest, or a digest's first characters (4 at least). Raises UserError."""
    digest = store.aliases.get(ref) or ref
    if (row := store.get(_KIND, digest)) is not None:
        return release_from_json(row)
    found = [one for one in releases(store) if one.digest.startswith(digest)] if _PREFIX.fullmatch(digest) else []
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(store.aliases.all())) or "none yet"
    if found:
        raise UserError(f"{ref!r} fits {len(found)} releases", fix="Give more characters of the digest")
    raise UserError(f"no release {ref!r}", expected=f"a digest, its first characters, or an alias ({known})")


def nominate(store: Store, ref: str, reason: str, *, time: float = 0.0) -> str:
    """Point ``candidate`` at a release; returns its digest."""
    digest = get(store, ref).digest
    store.aliases.set({CANDIDATE: digest}, reason, time=time)
    return digest


def promote(store: Store, ref: str, reason: str, *, force: bool = False, time: float = 0.0) -> str:
    """Make a release stable and the stable one the rollback target, in one transaction; returns its digest.

    Nothing happens when it is stable already. Raises UserError where the gate did not let it pass (unless ``force``),
    where its model is gone, or where somebody moved ``stable`` in the meantime.
    """
    release = get(store, ref)
    aliases = store.aliases.all()
    stable = aliases.get(STABLE)
    if release.digest == stable:
        return release.digest
    if stable is not None and not force and release.gate.get("verdict") != "passed":
        raise UserError(
            f"the gate did not let {release.digest[:12]} pass ({release.gate.get('verdict', 'not gated')})",
            fix="See its checks with `trimtab gate`, or force it and answer for it",
        )
    store.artefacts.path(release.behaviour.model)
    targets: dict[str, str | None] = {STABLE: release.digest, ROLLBACK: stable}
    if aliases.get(CANDIDATE) == release.digest:
        targets[CANDIDATE] = None
    store.aliases.set(targets, reason, time=time, expect={STABLE: stable})
    return release.digest


def rollback(store: Store, to: str | None = None, reason: str = "", *, time: float = 0.0) -> str:
    """Make the rollback target (or ``to``) stable again, in one transaction; returns its digest.

    The new rollback target is what was stable before that release was, so that rolling back twice goes back twice and
    never forward to what was left. Raises UserError where there is nothing to go back to.
    """
    aliases = store.aliases.all()
    stable, target = aliases.get(STABLE), to or aliases.get(ROLLBACK)
    if target is None:
        raise UserError("there is nothing to go back to", fix="Name a release: `trimtab rollback DIGEST`")
    release = get(store, target)
    if release.digest == stable:
        raise UserError(f"{release.digest[:12]} is stable already", fix="Name another release")
    store.artefacts.path(release.behaviour.model)
    before = _stable_before(store.aliases.history(), release.digest, stable)
    targets = {STABLE: release.digest, ROLLBACK: before}
    store.aliases.set(targets, reason or "rollback", time=time, expect={STABLE: stable})
    return release.digest


def history(store: Store) -> list[AliasChange]:
    """Every move of every alias, oldest first."""
    return store.aliases.history()


def _stable_before(changes: list[AliasChange], digest: str, left: str | None) -> str | None:
    """What was stable when ``digest`` first took over; None where nothing was, or only what is being left."""
    for change in changes:
        if change.after.get(STABLE) == digest:
            before = change.before.get(STABLE)
            return None if before in (left, digest) else before
    return None


def _merged(known: dict[str, object] | None, release: Release) -> Release:
    """Evidence once gathered is not lost when the behaviour is registered again without it."""
    if known is None:
        return release
    old = release_from_json(known)
    kept = {
        name: getattr(release, name) or getattr(old, name)
        for name in (
            "parents",
            "steps",
            "scorecard",
            "gate",
            "card",
            "changelog",
            "base_model",
            "license",
            "logprob_record",
        )
    }
    return replace(release, **kept)
