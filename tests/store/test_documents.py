"""Documents and the journal: last write wins, a write once stays, a step is found by its key."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.store import Store

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_the_last_write_wins_and_keeps_its_place(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for name, value in (("a", 1), ("b", 2), ("a", 3)):
            store.put("release", name, {"value": value})
        store.put("scorecard", "a", {"value": 9})
        assert store.list("release") == [{"value": 3}, {"value": 2}]
        assert store.get("release", "a") == {"value": 3}
        assert store.get("release", "c") is None


def test_what_is_added_once_stays(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert store.add("refund", "key", {"amount": 5})
        assert not store.add("refund", "key", {"amount": 50})
        assert store.list("refund") == [{"amount": 5}]
        assert store.documents.delete("refund", "key")
        assert not store.documents.delete("refund", "key")


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=8), _JSON, max_size=4), st.text(st.characters(), max_size=8))
def test_any_json_comes_back_as_it_went(row: dict[str, object], id: str) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        store.put("any", id, row)
        assert store.get("any", id) == row


def test_a_finished_step_is_found_by_its_key_even_after_reopening(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert store.journal.find("curate", "k1") is None
        store.journal.finish("curate", "k1", {"out": "d1"}, 1.5, 200.0, time=7.0)
        store.journal.finish("curate", "k1", {"out": "d2"}, 1.0, 210.0, time=8.0)
    with Store.open(tmp_path) as store:
        assert store.journal.find("curate", "k1") == {"out": "d2"}
        assert store.journal.find("curate", "k2") is None
        assert [(step.time, step.outputs["out"]) for step in store.journal.history()] == [(7.0, "d1"), (8.0, "d2")]
