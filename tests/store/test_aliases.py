"""Aliases: several names move together, every move is kept, and a stale mover is stopped."""

from pathlib import Path

import pytest

from trimtab.records import UserError
from trimtab.store import Store


def test_names_move_together_and_every_move_is_kept(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.aliases.set({"stable": "d0"}, "first", time=1.0)
        store.aliases.set({"stable": "d1", "rollback": "d0", "candidate": None}, "promoted", time=2.0)
        assert store.aliases.all() == {"stable": "d1", "rollback": "d0"}
        assert store.aliases.get("candidate") is None
        first, second = store.aliases.history()
        assert (first.reason, first.before, first.after) == ("first", {"stable": None}, {"stable": "d0"})
        assert second.before == {"stable": "d0", "rollback": None, "candidate": None}
        assert second.time == 2.0


def test_a_swap_that_fails_half_way_moves_no_name(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.aliases.set({"stable": "d0"}, "first")
        for targets, reason in (({"stable": "d1", "rollback": object()}, "broken"), ({"stable": "d1"}, object())):
            with pytest.raises(Exception, match="not supported"):
                store.aliases.set(targets, reason)  # type: ignore[arg-type]
        assert store.aliases.all() == {"stable": "d0"}
        assert len(store.aliases.history()) == 1


def test_who_saw_an_older_state_is_stopped(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.aliases.set({"stable": "d1"}, "by somebody else")
        with pytest.raises(UserError, match="stable points at d1 now"):
            store.aliases.set({"stable": "d2"}, "by me", expect={"stable": "d0"})
        assert store.aliases.get("stable") == "d1"
        store.aliases.set({"stable": "d2"}, "by me", expect={"stable": "d1", "rollback": None})
