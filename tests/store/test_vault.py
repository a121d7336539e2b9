"""The vault: encrypted, found by keyed digests, gone when it is to be gone."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from trimtab.records import UserError
from trimtab.store import Held, Store

ANN = Held("row-1", {"<EMAIL_1>": ["ann@x.org"], "<PHONE_1>": ["555-123-4567", 5551234567]}, ("ann@xorg", "5551234567"))
BOB = Held("row-1", {"<EMAIL_1>": ["bob@x.org"]}, ("bob@xorg",))


def test_what_is_kept_comes_back_until_it_runs_out(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        (one, other) = store.vault.keep([ANN, BOB], expires=10.0)
        assert one != other
        assert store.vault.get(one, now=9.0) == ANN.mapping
        assert store.vault.get(one, now=10.0) is None
        assert store.vault.get("unknown", now=0.0) is None
        assert store.vault.keep([ANN], expires=20.0) == [one]
        assert (store.vault.purge(15.0), store.vault.count()) == (1, 1)
        assert store.vault.get(one, now=19.0) == ANN.mapping


def test_no_datum_can_be_read_from_the_files(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.vault.keep([ANN, BOB], expires=10.0)
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert not [datum for datum in (b"ann@x", b"bob@x", b"123-4567", b"5551234567") if datum in held]
    assert (tmp_path / "vault.key").stat().st_mode & 0o077 == 0


def test_a_person_is_forgotten_with_all_of_their_rows_and_never_held_again(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        one, other = store.vault.keep([ANN, BOB], expires=10.0)
        assert store.vault.forget("ann@xorg") == 1
        assert store.vault.get(one, now=0.0) is None
        assert store.vault.get(other, now=0.0) == BOB.mapping
        assert store.vault.forget("ann@xorg") == 0
        assert store.vault.keep([ANN], expires=10.0) == [one]
        assert store.vault.get(one, now=0.0) is None


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        (one,) = store.vault.keep([ANN], expires=10.0)
    (tmp_path / "vault.key").write_bytes(Fernet.generate_key())
    with Store.open(tmp_path) as store, pytest.raises(UserError, match="vault was written with another key"):
        store.vault.get(one, now=0.0)
