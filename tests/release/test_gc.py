"""Garbage collection removes what nobody needs and nothing that anybody does."""

from collections.abc import Callable
from pathlib import Path

from trimtab.records import Release
from trimtab.release import collect, get, nominate, promote, register, rollback
from trimtab.store import Store

MakeRelease = Callable[..., Release]


def orphan(store: Store, tmp_path: Path, text: str = "orphan") -> str:
    file = tmp_path / text
    file.write_text(text)
    return store.artefacts.put(file)


def test_stable_rollback_candidate_and_their_parents_stay_and_the_rest_goes(
    store: Store, make_release: MakeRelease, tmp_path: Path
) -> None:
    base = make_release("base")
    parent = make_release("parent", parents=(base.digest,))
    named = {
        name: make_release(name, parents=(parent.digest,) if name == "candidate" else ())
        for name in ("rollback", "stable", "candidate", "forgotten")
    }
    for release in (base, parent, *named.values()):
        register(store, release)
    promote(store, named["rollback"].digest, "first")
    promote(store, named["stable"].digest, "second")
    nominate(store, named["candidate"].digest, "gated")
    gone = {orphan(store, tmp_path), named["forgotten"].behaviour.model}

    tried = collect(store, dry_run=True)
    assert set(tried["removed"]) == gone
    assert all(store.artefacts.has(digest) for digest in gone)
    done = collect(store)
    assert done["removed"] == tried["removed"]
    assert done["bytes"] == tried["bytes"] == len("orphan") + len("forgotten")
    needed = {release.behaviour.model for release in (base, parent, *list(named.values())[:3])}
    assert set(store.artefacts.digests()) == needed
    assert done["kept"][named["stable"].behaviour.model] == "stable"
    assert done["kept"][base.behaviour.model] == "a parent of candidate"


def test_rolling_back_still_works_after_it(store: Store, make_release: MakeRelease) -> None:
    one, two = (register(store, make_release(name)) for name in ("one", "two"))
    promote(store, one, "up")
    promote(store, two, "up")
    collect(store)
    assert rollback(store) == one


def test_a_running_canary_and_a_waiting_command_keep_their_release(store: Store, make_release: MakeRelease) -> None:
    releases = [make_release(name) for name in ("canary", "asked", "neither")]
    digests = [register(store, release) for release in releases]
    store.canary.save({"state": {"release": digests[0], "ramp": 1}})
    intent = store.intents.add("promote", {"release": digests[1][:10]})
    assert collect(store, dry_run=True)["removed"] == [releases[2].behaviour.model]
    store.intents.done(intent)
    assert set(collect(store, dry_run=True)["removed"]) == {release.behaviour.model for release in releases[1:]}


def test_the_turn_in_hand_keeps_what_its_steps_gave_last(store: Store, tmp_path: Path) -> None:
    before, after = orphan(store, tmp_path, "before"), orphan(store, tmp_path, "after")
    store.journal.finish("sft", "k1", {"model": before}, 1.0, 1.0)
    store.journal.finish("sft", "k2", {"model": after}, 1.0, 1.0)
    assert collect(store)["removed"] == [before]
    assert store.artefacts.has(after)


def test_all_that_a_release_names_stays_and_what_is_protected_too(
    store: Store, make_release: MakeRelease, tmp_path: Path
) -> None:
    data, other = orphan(store, tmp_path, "data"), orphan(store, tmp_path, "other")
    release = make_release("one", steps=({"name": "curate", "outputs": {"rows": data}},))
    promote(store, register(store, release), "up")
    assert collect(store, dry_run=True)["removed"] == [other]
    assert collect(store, dry_run=True, protect=[other])["removed"] == []
    assert get(store, "stable").steps
