"""A thousand malformed lines of each of many kinds: every one gives its message, file and line; none is lost."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curate.malformed import CHATS, OTHERS, RECORDS, chat

from trimtab.cli import main
from trimtab.curate import FORMATS, import_rows
from trimtab.curate.formats import format_named
from trimtab.curate.telling import FIRST, How, parse_row
from trimtab.records import UserError

MANY = 1000


def written(path: Path, good: Callable[[int], bytes], bad: Callable[[Any], bytes], head: bytes = b"") -> set[int]:
    """A file that begins well and in which then every fourth line is good; the lines of the bad ones, by number."""
    draw, lines, wrong = random.Random(20), [*([head] if head else []), *map(good, range(FIRST))], set[int]()
    for i in range(MANY):
        if i % 3 == 0:
            lines.append(good(i))
        lines.append(bad(draw))
        wrong.add(len(lines))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return wrong


def holds(path: Path, wrong: set[int], message: str) -> None:
    """Read = kept + dropped, and every drop says its message at its line."""
    found = import_rows(path, None, "skip")
    assert {drop.line for drop in found.drops} == wrong
    assert len(found.drops) == MANY
    assert {drop.file for drop in found.drops} == {str(path)}
    assert all(message in drop.detail for drop in found.drops), found.drops[0].detail
    assert len(found.rows) == FIRST + (MANY + 2) // 3
    assert not {row.line for row in found.rows} & wrong


def refused(path: Path, wrong: set[int], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 with the first bad line, and no target."""
    target = path.with_suffix(".out.jsonl")
    with pytest.raises(SystemExit) as stop:
        main(["data", "import", str(path), "--to", str(target)])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert f"{path}:{min(wrong)}" in said
    assert "Traceback" not in said
    assert not target.exists()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", CHATS)
def test_bad_lines_among_chats(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, message = CHATS[kind]
    draw = random.Random(3)
    wrong = written(tmp_path / "a.jsonl", lambda i: json.dumps(chat(draw)).encode(), bad)
    holds(tmp_path / "a.jsonl", wrong, message)
    refused(tmp_path / "a.jsonl", wrong, capsys)


@pytest.mark.parametrize("kind", OTHERS)
def test_bad_lines_of_other_formats(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, message = OTHERS[kind]
    wrong = written(tmp_path / "a.jsonl", lambda i: good, bad)
    holds(tmp_path / "a.jsonl", wrong, message)
    refused(tmp_path / "a.jsonl", wrong, capsys)


@pytest.mark.parametrize("kind", RECORDS)
def test_bad_records_of_a_table(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, message = RECORDS[kind]
    wrong = written(tmp_path / "a.csv", lambda i: b"q%d,a" % i, bad, head=b"prompt,completion")
    holds(tmp_path / "a.csv", wrong, message)
    refused(tmp_path / "a.csv", wrong, capsys)


def test_a_parquet_row_with_null_turns_is_named_by_its_number(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    rows = [{"messages": turns}, {"messages": None}, {"messages": [None]}, {"messages": turns}] * MANY
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = import_rows(tmp_path / "a.parquet", None, "skip")
    assert len(found.rows) == len(found.drops) == 2 * MANY
    assert [drop.line for drop in found.drops[:4]] == [2, 3, 6, 7]
    assert "not a row of messages" in found.drops[0].detail
    assert "a message must be an object" in found.drops[1].detail


def test_a_quote_that_never_closes_says_where_it_opened(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'prompt,completion\nq,a\nq,"never closed\nq,a\nq,a\n')
    found = import_rows(tmp_path / "a.csv", None, "skip")
    assert [(drop.line, "never closes; nothing after it was read" in drop.detail) for drop in found.drops] == [
        (3, True)
    ]
    assert len(found.rows) == 1


def test_a_list_that_is_cut_says_so_after_the_rows_that_are_whole(tmp_path: Path) -> None:
    rows = [chat(random.Random(i)) for i in range(30)]
    (tmp_path / "a.json").write_text(json.dumps(rows)[:-40])
    found = import_rows(tmp_path / "a.json", None, "skip")
    assert len(found.rows) == 29
    assert [(drop.line, "the file ends inside row 30" in drop.detail) for drop in found.drops] == [(30, True)]


def test_a_file_of_nothing_but_bad_lines_is_listed_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": 1}\n' * 50)
    found = import_rows(tmp_path / "a.jsonl", None, "skip")
    assert [drop.line for drop in found.drops] == list(range(1, 51))
    assert "unknown kind of row, with the fields text" in found.drops[0].detail


WHOLE: dict[str, dict[str, Any]] = {
    "messages": {**chat(random.Random(1)), "tools": [], "rejected": [], "labels": {}, "provenance": {}},
    "sharegpt": {"conversations": [{"from": "human", "value": "q"}], "system": "s"},
    "sharegpt_preference": {"conversations": [{"from": "human", "value": "q"}], "chosen": {}, "rejected": {}},
    "openai_preference": {"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []},
    "preference": {"prompt": "q", "chosen": "a", "rejected": "b", "margin": 1, "annotators": [], "reason": "r"},
    "k_wise": {"prompt": "q", "completions": ["a", "b"], "scores": [1, 2]},
    "unpaired": {"prompt": "q", "completion": "a", "label": True},
    "thumbed_chat": {**chat(random.Random(1)), "label": True},
    "alpaca": {"instruction": "q", "input": "", "output": "a", "system": "s", "history": [["q", "a"]]},
    "prompt_completion": {"prompt": "q", "completion": "a"},
    "native": {"messages": []},
}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "function", "name", "messages"]), inner)
    ),
    max_leaves=6,
)


def test_every_format_that_parses_is_tried_with_junk() -> None:
    assert set(WHOLE) == {form.name for form in FORMATS if form.parse is not None}


@pytest.mark.parametrize("name", WHOLE)
def test_whatever_stands_in_a_field_a_row_is_read_or_refused_in_words(name: str) -> None:
    how = How(format_named(name), None, "", True)

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(st.sampled_from(sorted(WHOLE[name])), JUNK)
    def check(field: str, junk: Any) -> None:
        with suppress(UserError):
            parse_row({**WHOLE[name], field: junk}, how)

    check()
