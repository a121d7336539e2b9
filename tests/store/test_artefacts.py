"""Artefacts: the name is the content, a put is whole, what is removed is gone."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trimtab.records import UserError, folder_digest
from trimtab.store import artefacts as module
from trimtab.store.artefacts import Artefacts


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep" / "weights").write_bytes(os.urandom(3_000_000))
    return folder


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    return Artefacts(tmp_path / "artefacts")


def test_a_put_is_named_by_the_digest_that_records_computes(artefacts: Artefacts, model: Path) -> None:
    known = artefacts.put(model)
    assert known == folder_digest(model) == folder_digest(artefacts.path(known))
    assert artefacts.has(known)
    assert artefacts.digests() == [known]
    assert artefacts.verify(known)


def test_a_second_put_of_the_same_changes_nothing(artefacts: Artefacts, model: Path) -> None:
    assert artefacts.put(model) == artefacts.put(model)
    assert [entry.name for entry in artefacts.root.iterdir()] == artefacts.digests()


def test_a_changed_file_is_noticed(artefacts: Artefacts, model: Path) -> None:
    known = artefacts.put(model)
    (artefacts.path(known) / "config.json").write_text("{ }")
    assert not artefacts.verify(known)


def test_one_file_becomes_a_folder_with_that_file(artefacts: Artefacts, model: Path) -> None:
    known = artefacts.put(model / "config.json")
    assert [file.name for file in artefacts.path(known).iterdir()] == ["config.json"]
    assert artefacts.verify(known)


def test_links_are_followed_as_in_a_hub_cache(artefacts: Artefacts, model: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (snapshot / "config.json").symlink_to(model / "config.json")
    known = artefacts.put(snapshot)
    shutil.rmtree(model)
    assert artefacts.verify(known)


@pytest.mark.parametrize("linked", [False, True])
def test_adopting_moves(artefacts: Artefacts, model: Path, linked: bool) -> None:
    if linked:
        (model / "link").symlink_to(model / "config.json")
    expected = folder_digest(model)
    assert artefacts.adopt(model) == expected
    assert not model.exists()
    assert artefacts.verify(expected)


def test_adopting_what_is_there_already_leaves_nothing_behind(artefacts: Artefacts, model: Path) -> None:
    known = artefacts.put(model)
    assert artefacts.adopt(model) == known
    assert not model.exists()


def test_removing_is_complete_and_repeatable(artefacts: Artefacts, model: Path) -> None:
    known = artefacts.put(model)
    artefacts.remove(known)
    artefacts.remove(known)
    assert list(artefacts.root.iterdir()) == []
    with pytest.raises(UserError, match="no artefact"):
        artefacts.path(known)


def test_no_name_leads_out_of_the_folder(artefacts: Artefacts) -> None:
    for name in ("..", "../../etc", "", "abc", "A" * 64):
        assert not artefacts.has(name)


def test_nothing_cannot_be_stored(artefacts: Artefacts, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to store"):
        artefacts.put(tmp_path / "absent")


def test_many_put_the_same_at_once(artefacts: Artefacts, model: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        known = set(pool.map(lambda _: artefacts.put(model), range(8)))
    assert sorted(known) == artefacts.digests() == [entry.name for entry in artefacts.root.iterdir()]


def test_a_full_disk_leaves_nothing_and_says_so(
    artefacts: Artefacts, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        artefacts.put(model)
    assert list(artefacts.root.iterdir()) == []


def test_leftovers_of_the_dead_are_swept_and_work_of_the_living_is_not(
    artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SETTLED_SECONDS", -1.0)
    dead = artefacts.root / ".tmp-dead"
    dead.mkdir()
    (dead / "half").write_text("half")
    with artefacts._temporary() as living:
        Artefacts(artefacts.root)
        assert living.exists()
    assert not dead.exists()
