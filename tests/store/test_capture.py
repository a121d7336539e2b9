"""The capture: unreadable without its key, gone when its time is over, one code a user."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from trimtab.records import Feedback, Message, Trace, UserError
from trimtab.store import Store
from trimtab.store.secret import make_secret

_SECRET = "my card is 4111 1111 1111 1111"


def _trace(id: str = "a") -> Trace:
    return Trace(
        id=id, time=0.0, tenant="", user="bob", arm="stable", release="r", prompt=(Message("user", _SECRET),),
        turns=(Message("assistant", "noted"),), finish="stop", token_ids=(7, 8),
    )  # fmt: skip


def _files_hold(folder: Path, text: str) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_the_exact_trace_comes_back_and_the_file_does_not_tell_it(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.capture.put("a", _trace(), expires=10.0)
        assert store.capture.get("a") == _trace()
        assert store.capture.get("b") is None
        assert not _files_hold(tmp_path, "4111")
        store.traces.add(_trace())  # the same words in the plain table are found: the check above can fail
        assert _files_hold(tmp_path, "4111")


def test_what_expires_is_purged_and_what_is_kept_stays_longer(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for name in "abc":
            store.capture.put(name, _trace(name), expires=10.0)
        assert store.capture.keep("b", expires=100.0)
        assert store.capture.keep("b", expires=50.0)  # never shortens
        assert not store.capture.keep("z", expires=100.0)
        assert [held.trace for held in store.capture.kept()] == ["b"]
        assert store.capture.purge(now=9.0) == 0
        assert store.capture.purge(now=10.0) == 2
        assert [(held.trace, held.expires) for held in store.capture.held()] == [("b", 100.0)]
        assert store.capture.purge(now=100.0) == 1


def test_exact_feedback_is_held_with_its_trace_and_forgotten_with_it(tmp_path: Path) -> None:
    edit = Feedback(id="f", trace="a", time=1.0, edit=_SECRET)
    with Store.open(tmp_path) as store:
        store.capture.put("a", _trace(), expires=10.0)
        store.capture.put_feedback(edit, expires=10.0)
        assert store.capture.feedback("a") == [edit]
        assert not _files_hold(tmp_path, "4111")
        assert store.capture.forget("a") == 2
        assert store.capture.feedback("a") == []


def test_the_key_is_its_owners_alone_and_made_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: make_secret(tmp_path / "capture.key", "capture key"), range(16)))
    assert len(keys) == 1
    assert stat.S_IMODE((tmp_path / "capture.key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["capture.key"]


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.capture.put("a", _trace(), expires=10.0)
    (tmp_path / "capture.key").write_bytes(Fernet.generate_key())
    with Store.open(tmp_path) as store, pytest.raises(UserError, match="another key"):
        store.capture.get("a")
    (tmp_path / "capture.key").write_bytes(b"")
    with Store.open(tmp_path) as store, pytest.raises(UserError, match="no capture key"):
        store.capture.get("a")


def test_a_user_has_one_code_here_and_another_elsewhere(tmp_path: Path) -> None:
    with Store.open(tmp_path / "x") as here, Store.open(tmp_path / "y") as elsewhere:
        assert here.capture.pseudonym("bob") == here.capture.pseudonym("bob") != here.capture.pseudonym("eve")
        assert here.capture.pseudonym("bob") != elsewhere.capture.pseudonym("bob")
        assert here.capture.pseudonym("") == ""
