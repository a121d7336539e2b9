"""A data set of the hub is read like a file: its revision and licence travel with each row, its files load once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.curate.hub_server import commit_of, hub

from trimtab.curate import CurateConfig, SourceConfig, import_sources
from trimtab.curate.reading.hub import HubRef, chosen, parse_hub
from trimtab.records import UserError

NAME = "someone/chats"


def lines(*questions: str) -> bytes:
    return b"".join(json.dumps({"prompt": q, "completion": "yes"}).encode() + b"\n" for q in questions)


FILES = {
    "README.md": b"---\nlicense: cc-by-4.0\n---\n# Chats\n",
    "data/train.jsonl": lines("one?", "two?"),
    "data/test.jsonl": lines("sealed?"),
    "extra/train.jsonl": lines("three?"),
}


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    with hub(FILES, NAME, {"license": "cc-by-4.0"}) as (endpoint, seen):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        yield seen


def questions(path: str, root: Path) -> list[str]:
    found = import_sources(CurateConfig(sources=(SourceConfig(path=path),)), root)
    return [placed.row.messages[0].content for placed in found.rows]  # type: ignore[union-attr]


def test_rows_carry_the_commit_and_the_licence_of_the_card(tmp_path: Path, fetched: list[str]) -> None:
    found = import_sources(CurateConfig(sources=(SourceConfig(path=f"{NAME}:data/train"),)), tmp_path)
    about = found.rows[0].row.provenance
    commit = commit_of(FILES)
    assert (about["hub"], about["revision"], about["license"]) == (NAME, commit, "cc-by-4.0")
    assert found.rows[1].place == f"{NAME}@{commit[:8]}/data/train.jsonl:2"


def test_a_split_is_taken_and_the_test_split_is_never_learnt_unasked(tmp_path: Path, fetched: list[str]) -> None:
    assert questions(NAME, tmp_path) == ["one?", "two?", "three?"]
    assert questions(f"{NAME}@main:data", tmp_path) == ["one?", "two?"]
    assert questions(f"{NAME}@{commit_of(FILES)}:extra/train", tmp_path) == ["three?"]
    assert questions(f"hub:{NAME}:data/test", tmp_path) == ["sealed?"]


def test_what_was_loaded_is_not_loaded_again_and_serves_offline(
    tmp_path: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = questions(f"{NAME}:data", tmp_path)
    assert sorted(fetched) == ["README.md", "data/train.jsonl"]
    assert questions(f"{NAME}:data", tmp_path) == first
    assert len(fetched) == 2
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    found = import_sources(CurateConfig(sources=(SourceConfig(path=f"{NAME}:data"),)), tmp_path)
    assert [placed.row.provenance["license"] for placed in found.rows] == ["cc-by-4.0"] * 2
    assert found.rows[0].row.provenance["revision"] == commit_of(FILES)


@pytest.mark.parametrize("path", ["someone/nothing", f"{NAME}@v9", f"{NAME}:data/validation"])
def test_what_the_hub_has_not_is_one_clear_message(path: str, tmp_path: Path, fetched: list[str]) -> None:
    with pytest.raises(UserError, match=r"could not get|no such files"):
        questions(path, tmp_path)


def test_what_lies_on_disk_or_looks_like_a_file_is_no_hub_id(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for path in ("data/rows", "some/rows.jsonl", "*/x", "rows", "a/b/c", "/abs/olute"):
        assert parse_hub(path, tmp_path) is None
    assert parse_hub("hub:data/rows", tmp_path) == HubRef("data/rows")
    assert parse_hub("a/b@refs/convert/parquet:c/train", tmp_path) == HubRef(
        "a/b", "refs/convert/parquet", "c", "train"
    )


def test_the_cards_configurations_decide_where_it_has_any() -> None:
    names = ["a/0.parquet", "a/1.parquet", "b/0.parquet", "held.jsonl"]
    configs = [
        {
            "config_name": "first",
            "data_files": [{"split": "train", "path": "a/*"}, {"split": "test", "path": "held.*"}],
        },
        {"config_name": "second", "data_files": "b/*"},
    ]
    assert chosen(names, HubRef("x/y"), configs) == names[:2]
    assert chosen(names, HubRef("x/y", config="first", split="test"), configs) == ["held.jsonl"]
    assert chosen(names, HubRef("x/y", config="second"), configs) == ["b/0.parquet"]
    with pytest.raises(UserError, match="no such files"):
        chosen(names, HubRef("x/y", config="third"), configs)
