"""Sources become labelled rows; a bad line stops the import with its place, or is listed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimtab.curate import CurateConfig, Imported, SourceConfig, describe, import_cases, import_rows, import_sources
from trimtab.curate.config import OnError
from trimtab.records import Example, UserError

Write = Callable[[str, list[Any]], Path]


def chat(i: int, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": f"Question {i}?"}, {"role": "assistant", "content": f"It is {i}."}]
    return {"messages": turns, **more}


def read(root: Path, on_error: OnError = "refuse", **source: Any) -> Imported:
    return import_sources(CurateConfig(sources=(SourceConfig(**source),), on_error=on_error), root)


def test_rows_carry_their_place_their_labels_and_their_source(tmp_path: Path, write: Write) -> None:
    write("data/a.jsonl", [chat(1), "", chat(2, meta={"domain": "math", "id": "set:2"})])
    found = read(tmp_path, path="data/*.jsonl", domain="shop", weight=2)
    first, second = found.rows
    assert [(row.file, row.line, row.weight, row.source) for row in found.rows] == [
        ("data/a.jsonl", 1, 2, "*.jsonl"),
        ("data/a.jsonl", 3, 2, "*.jsonl"),
    ]
    assert (first.row.labels, first.place) == ({"domain": "shop", "action": "answer"}, "data/a.jsonl:1")
    assert second.row.provenance["origin"] == "set:2"
    assert "chats" in found.understood["data/a.jsonl"]


def test_labels_that_a_row_brings_are_kept(tmp_path: Path, write: Write) -> None:
    write("a.jsonl", [chat(1, labels={"domain": "law", "action": "defer"})])
    (placed,) = read(tmp_path, path="a.jsonl", domain="shop").rows
    assert placed.row.labels == {"domain": "law", "action": "defer"}
    assert "action" not in placed.row.provenance


BAD = [
    ({"messages": [{"role": "martian"}]}, "messages[0].role"),
    ({"prompt": "x", "chosen": "a", "rejected": "b"}, None),
    ("{broken", None),
    ([1, 2], None),
]


@pytest.mark.parametrize(("bad", "field"), BAD)
def test_a_bad_line_stops_the_import_with_file_line_and_field(
    tmp_path: Path, write: Write, bad: Any, field: str | None
) -> None:
    write("a.jsonl", [*(chat(i) for i in range(25)), bad])
    with pytest.raises(UserError) as caught:
        read(tmp_path, path="a.jsonl")
    assert (caught.value.file, caught.value.line) == ("a.jsonl", 26)
    assert field is None or caught.value.field == field


@pytest.mark.parametrize(("bad", "field"), BAD)
def test_under_skip_a_bad_line_is_listed_and_the_rest_is_read(
    tmp_path: Path, write: Write, bad: Any, field: str | None
) -> None:
    write("a.jsonl", [*(chat(i) for i in range(25)), bad, chat(99)])
    found = read(tmp_path, "skip", path="a.jsonl")
    assert len(found.rows) == 26
    (drop,) = found.drops
    assert (drop.reason, drop.file, drop.line) == ("malformed", "a.jsonl", 26)
    assert field is None or field in drop.detail


def test_a_row_that_an_adapter_cannot_use_is_listed_with_the_reason(tmp_path: Path, write: Write) -> None:
    write("a.jsonl", [{"prompt": "Hi?", "expected": "comply"}, {"prompt": "Harm?", "expected": "refuse"}])
    found = read(tmp_path, path="a.jsonl")
    assert [row.line for row in found.rows] == [2]
    assert [(drop.reason, drop.line) for drop in found.drops] == [("nothing to learn", 1)]


def test_train_and_sealed_sides_of_a_source_part_its_rows(tmp_path: Path, write: Write) -> None:
    write("a.jsonl", [{"prompt": f"Harm number {i}?", "expected": "refuse"} for i in range(60)])
    source = SourceConfig(path="a.jsonl", split="train")
    config = CurateConfig(sources=(source,))
    rows, cases = import_sources(config, tmp_path).rows, import_cases(config, tmp_path)
    learnt = {placed.row.messages[0].content for placed in rows if isinstance(placed.row, Example)}
    tested = {case.messages[0].content for case in cases}
    assert len(learnt) + len(tested) == 60
    assert tested
    assert not learnt & tested


def test_a_source_that_is_all_for_training_gives_no_cases_and_a_sealed_one_no_rows(
    tmp_path: Path, write: Write
) -> None:
    write("a.jsonl", [{"prompt": f"Harm number {i}?", "expected": "refuse"} for i in range(60)])
    learnt = CurateConfig(sources=(SourceConfig(path="a.jsonl"),))
    kept = CurateConfig(sources=(SourceConfig(path="a.jsonl", split="sealed"),))
    assert import_cases(learnt, tmp_path) == ()
    assert import_sources(kept, tmp_path).rows == ()
    assert import_cases(kept, tmp_path)


def test_a_bad_row_of_a_source_that_is_sealed_whole_is_never_skipped(tmp_path: Path, write: Write) -> None:
    write("a.jsonl", [{"prompt": f"Harm number {i}?", "expected": "refuse"} for i in range(30)] + ["{broken"])
    config = CurateConfig(sources=(SourceConfig(path="a.jsonl", split="sealed"),), on_error="skip")
    with pytest.raises(UserError, match="A sealed row cannot be skipped") as caught:
        import_cases(config, tmp_path)
    assert caught.value.line == 31


def test_a_larger_limit_keeps_the_rows_of_a_smaller_one(tmp_path: Path, write: Write) -> None:
    write("a.jsonl", [chat(i) for i in range(50)])
    lines = [{row.line for row in read(tmp_path, path="a.jsonl", limit=n).rows} for n in (5, 20, 90)]
    assert [len(found) for found in lines] == [5, 20, 50]
    assert lines[0] < lines[1] < lines[2]


def test_a_format_that_is_named_is_used_and_a_row_of_another_is_refused(tmp_path: Path, write: Write) -> None:
    write("a.jsonl", [{"question": "q", "answer": "a"}])
    assert len(read(tmp_path, path="a.jsonl", format="prompt_completion").rows) == 1
    with pytest.raises(UserError, match="not a row of alpaca"):
        read(tmp_path, path="a.jsonl", format="alpaca")


def test_one_file_can_be_read_and_described_by_itself(write: Write) -> None:
    path = write("a.jsonl", [chat(1)])
    assert len(import_rows(path).rows) == 1
    form, sentence = describe(path)
    assert form.name == "messages"
    assert sentence.startswith("messages: chats")


def test_a_file_without_rows_is_a_persons_mistake(tmp_path: Path, write: Write) -> None:
    write("a.jsonl", [])
    with pytest.raises(UserError, match="no rows"):
        read(tmp_path, path="a.jsonl")


def test_a_source_says_the_licence_and_the_consent_of_rows_that_do_not(tmp_path: Path, write: Write) -> None:
    own = {"provenance": {"licence": "MIT", "consent": False}}
    write("a.jsonl", [chat(1), chat(2, **own)])
    first, second = read(tmp_path, path="a.jsonl", license="CC-BY-4.0", consent=True).rows
    assert (first.row.provenance["license"], first.row.provenance["consent"]) == ("CC-BY-4.0", True)
    assert (second.row.provenance["licence"], second.row.provenance["consent"]) == ("MIT", False)
    assert "license" not in second.row.provenance
