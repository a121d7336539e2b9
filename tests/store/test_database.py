"""The database: migrations run once and in order, a transaction lasts whole or not at all."""

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trimtab.records import UserError
from trimtab.store import Store, database
from trimtab.store.database import Database, migrations


def test_an_old_workspace_gets_the_migrations_it_lacks_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = migrations()
    Store.open(tmp_path).close()
    extra = "CREATE TABLE later (x INTEGER);\nINSERT INTO later VALUES (1);\n"
    monkeypatch.setattr(database, "migrations", lambda: [*old, extra])
    for _ in range(2):
        with Store.open(tmp_path) as store:
            assert [row["x"] for row in store.database.read("SELECT x FROM later")] == [1]


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = migrations()
    monkeypatch.setattr(database, "migrations", lambda: [*old, "CREATE TABLE half (x INTEGER);\nBAD;\n"])
    with pytest.raises(sqlite3.OperationalError):
        Store.open(tmp_path)
    monkeypatch.setattr(database, "migrations", lambda: old)
    with Store.open(tmp_path) as store:
        assert store.database.read("SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_a_workspace_from_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = migrations()
    monkeypatch.setattr(database, "migrations", lambda: [*old, "CREATE TABLE later (x INTEGER);\n"])
    Store.open(tmp_path).close()
    monkeypatch.setattr(database, "migrations", lambda: old)
    with pytest.raises(UserError, match="workspace from a newer version"):
        Store.open(tmp_path)


def test_a_file_that_is_no_database_is_a_users_matter(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"these are notes, and rather more of them than a header holds" * 40)
    with pytest.raises(UserError, match="not a database"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_users_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be opened"):
        Store.open(tmp_path / "file")


def test_a_transaction_that_raises_changes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        with contextlib.suppress(RuntimeError), store.database.write() as connection:
            connection.execute("INSERT INTO aliases (name, digest) VALUES ('stable', 'x')")
            raise RuntimeError
        assert store.aliases.all() == {}
        store.aliases.set({"stable": "y"}, "the store still works")


def test_what_is_committed_is_durable_by_setting(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        settings = [store.database.read(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


def test_threads_share_one_store(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.put("n", str(i), {"i": i}), range(100)))
        assert sorted(row["i"] for row in store.list("n")) == list(range(100))


def test_two_connections_open_a_new_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for opened in pool.map(lambda _: Database(tmp_path / "store.sqlite"), range(8)):
            assert opened.read("SELECT COUNT(*) FROM aliases")[0][0] == 0
            opened.close()
