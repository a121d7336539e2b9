"""A sealed shard says on disk what it was made of: every print comes back, and no word does."""

from pathlib import Path

import numpy as np
import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.curate import Keyed, Quarantine, prints_path, read_header, write_shard
from trimtab.curate.quarantine.shard import read_shard
from trimtab.records import Case, Example, Expected, Message, UserError

TEXTS = st.lists(st.text(min_size=1, max_size=80).filter(str.strip), min_size=1, max_size=4)
KEYED = Keyed(bytes(range(32)))
RUNS = (13, 6)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXTS)
def test_what_was_sealed_comes_back_and_finds_what_it_found(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "cases.jsonl"
    plain = Quarantine(keyed=KEYED)
    for i, text in enumerate(texts):
        plain.add(Case((Message("user", text),), Expected("answer")), "cases.jsonl", i)
    made = plain.prints()
    header = write_shard(path, "\n".join(texts).encode(), made, KEYED, Fernet.generate_key(), RUNS)
    again, read = read_shard(path, KEYED)
    assert again == header == read_header(path)
    assert read.cases == made.cases
    for name in ("exact", "runs", "parts"):
        assert np.array_equal(getattr(read, name).values, getattr(made, name).values)
    assert np.array_equal(read.near, made.near)
    assert np.array_equal(read.pairs.values, made.pairs.values)
    sealed = Quarantine(keyed=KEYED)
    sealed.add_shard(path, "cases.jsonl")
    rows = [Example((Message("user", text), Message("assistant", "No."))) for text in (*texts, "quite something else")]
    assert sealed.check_all(rows) == plain.check_all(rows)
    assert sealed.digest == plain.digest


def test_a_shard_sealed_for_other_runs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    write_shard(path, b"x", Quarantine(keyed=KEYED).prints(), KEYED, Fernet.generate_key(), (8, 4))
    with pytest.raises(UserError, match="runs of 8 words"):
        Quarantine(keyed=KEYED).add_shard(path, "cases.jsonl")


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"format": 2}', b"\xff"])
def test_an_index_that_is_none_is_refused_by_name(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "cases.jsonl"
    prints_path(path).write_bytes(line + b"\nrest")
    with pytest.raises(UserError, match=r"cases\.jsonl\.prints"):
        read_header(path)
