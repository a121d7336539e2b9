"""Every kind of file gives the same rows, each with its place."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.curate.reading import find_files, read_raw
from trimtab.records import UserError

ROWS = [{"prompt": "Hi, there", "completion": "Hello\nyou"}, {"prompt": "Ünïcode", "completion": "ok"}]


def values(path: Path) -> list[Any]:
    return [raw.value for raw in read_raw(path)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.json.gz", "a.ndjson"])
def test_json_in_every_wrapping_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    text = json.dumps(ROWS) if ".json" in name and "jsonl" not in name else "\n".join(map(json.dumps, ROWS))
    data = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert values(tmp_path / name) == ROWS


def test_json_lines_under_the_ending_of_json_are_read_as_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("\n".join(map(json.dumps, ROWS)))
    assert values(tmp_path / "a.json") == ROWS


def test_a_csv_cell_may_span_lines_and_the_row_is_where_it_begins(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('prompt,completion\n"Hi, there","Hello\nyou"\nÜnïcode,ok\n')
    raws = list(read_raw(tmp_path / "a.csv"))
    assert [raw.value for raw in raws] == ROWS
    assert [raw.line for raw in raws] == [2, 4]


@pytest.mark.parametrize(("row", "message"), [("a,b,c", "more cells"), ("a", "fewer cells")])
def test_a_csv_row_of_the_wrong_width_is_an_error_of_that_row(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(f"prompt,completion\nx,y\n{row}\n")
    first, second = read_raw(tmp_path / "a.csv")
    assert first.error is None
    assert second.error is not None
    assert message in second.error.message
    assert second.error.line == 3


def test_parquet_gives_rows_without_the_nulls_of_its_columns(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"m": [{"role": "user", "content": "a"}]}, {"m": [{"role": "tool", "content": "b", "name": "t"}]}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert values(tmp_path / "a.parquet") == rows


@pytest.mark.parametrize("bad", [b"{not json}", b'{"a": "\xff"}', b"[" * 20_000])
def test_a_bad_line_is_an_error_of_that_line_and_the_next_is_still_read(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n\n' + bad + b'\n{"a": 2}\n')
    raws = list(read_raw(tmp_path / "a.jsonl"))
    assert [raw.line for raw in raws] == [1, 3, 4]
    assert [raw.error is None for raw in raws] == [True, False, True]
    assert raws[1].error is not None
    assert raws[1].error.line == 3


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\n')
    assert values(tmp_path / "a.jsonl") == [{"a": 1}]


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
def test_an_unknown_kind_of_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(UserError, match="unknown kind of file"):
        read_raw(tmp_path / name)


def test_a_truncated_gzip_is_a_persons_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n')[:-6])
    with pytest.raises(UserError, match="could not be read"):
        list(read_raw(tmp_path / "a.jsonl.gz"))


def test_a_glob_names_its_files_in_order_and_no_file_is_an_error(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "c.txt"):
        (tmp_path / name).write_text("")
    assert [path.name for path in find_files("*.jsonl", tmp_path)] == ["a.jsonl", "b.jsonl"]
    with pytest.raises(UserError, match="no such file"):
        find_files("*.csv", tmp_path)
