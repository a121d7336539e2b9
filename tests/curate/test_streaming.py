"""Reading holds a bounded part of a file, whatever its size; what is written is there whole or not at all."""

import csv
import gzip
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.cli.dataset.importing import import_to
from trimtab.curate import import_rows
from trimtab.curate.reading import LARGEST_ROW, document, lines, local_files, read_raw, table
from trimtab.curate.reading.document import json_document
from trimtab.records import Silent, UserError

TEXT = "All work and no play makes Jack a dull boy. " * 45
MIB = 1 << 20


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows that bring their action: telling it costs more than all the rest of an import."""
    return ({"prompt": f"{i}?", "completion": f"{i} {TEXT}", "labels": {"action": "answer"}} for i in range(count))


def write(path: Path, count: int) -> None:
    with gzip.open(path, "wt", 1) if path.suffix == ".gz" else path.open("w", newline="") as file:
        if ".csv" in path.name:
            csv.writer(file).writerow(["prompt", "completion", "labels"])
            csv.writer(file).writerows([*list(row.values())[:2], json.dumps(row["labels"])] for row in rows(count))
        elif ".jsonl" in path.name:
            file.writelines(json.dumps(row) + "\n" for row in rows(count))
        else:
            file.write("[")
            file.writelines((", " if i else "") + json.dumps(row) for i, row in enumerate(rows(count)))
            file.write("]")


@pytest.mark.parametrize(
    ("name", "count"), [("a.jsonl", 3000), ("a.json", 2000), ("a.csv", 2000), ("a.jsonl.gz", 2000)]
)
def test_an_import_holds_no_more_of_a_large_file_than_of_a_small_one(name: str, count: int, tmp_path: Path) -> None:
    write(tmp_path / name, count)
    tracemalloc.start()
    report = import_to(str(tmp_path / name), tmp_path / "out.jsonl", None, False, None, Silent())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report["rows"] == count
    assert (tmp_path / "out.jsonl").stat().st_size > 3.5 * MIB
    assert peak < 1.75 * MIB


def test_parquet_is_read_a_batch_at_a_time(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(list(rows(4000))), tmp_path / "a.parquet", row_group_size=500)
    tracemalloc.start()
    assert sum(1 for _ in read_raw(tmp_path / "a.parquet")) == 4000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * MIB


class Counting(Silent):
    def __init__(self) -> None:
        self.total, self.done = 0, 0

    def start(self, name: str, total: int | None = None) -> None:
        self.total = total or 0

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.done += amount


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.jsonl.gz"])
def test_the_progress_is_of_the_bytes_on_disk(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, 700)
    counting = Counting()
    for _ in read_raw(tmp_path / name, None, counting):
        pass
    assert counting.done == counting.total == (tmp_path / name).stat().st_size >> 10


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4) | st.sampled_from(['"', "\\", "]", "},{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.lists(JSON, max_size=6), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_a_list_cut_into_chunks_of_any_size_gives_what_json_gives(
    values: list[Any], chunk: int, indent: int | None, plain: bool
) -> None:
    data = json.dumps(values, indent=indent, ensure_ascii=plain).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_CHUNK", chunk)
        found = list(json_document(BytesIO(data), "a"))
    assert [raw.value for raw in found] == values
    assert [raw.line for raw in found] == list(range(1, len(values) + 1))
    assert not any(raw.error for raw in found)


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.lists(JSON, min_size=1, max_size=4), st.data())
def test_a_list_cut_anywhere_gives_its_whole_rows_and_says_that_it_was_cut(values: list[Any], data: Any) -> None:
    text = json.dumps(values).encode()
    cut = data.draw(st.integers(1, len(text) - 1))
    found = list(json_document(BytesIO(text[:cut]), "a"))
    whole = [raw for raw in found if raw.error is None]
    assert [raw.value for raw in whole] == values[: len(whole)]
    assert found[-1].error is not None


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=2, max_size=2)
    )
)
def test_records_and_their_lines_are_those_that_a_plain_count_gives(cells: list[list[str]]) -> None:
    text, starts = "a,b\n", []
    for record in cells:
        starts.append(text.count("\n") + 1)
        text += ",".join('"' + cell.replace('"', '""') + '"' for cell in record) + "\n"
    found = list(table.table_rows(BytesIO(text.encode()), "a", ","))
    assert [(raw.line, raw.value) for raw in found] == [
        (line, dict(zip("ab", record, strict=True))) for line, record in zip(starts, cells, strict=True)
    ]


def test_one_element_that_is_no_json_does_not_hide_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"a": 1}, {bad}, {"a": NaN}, , {"a": 2}] trailing')
    found = list(read_raw(tmp_path / "a.json"))
    assert [raw.value for raw in found if raw.error is None] == [{"a": 1}, {"a": 2}]
    assert [raw.line for raw in found if raw.error] == [2, 3, 4, 6]
    assert "something follows the end" in str(found[-1].error)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_line_beyond_the_largest_is_named_and_the_next_is_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LARGEST_ROW", 100)
    long = '{"p": "' + "x" * 200 + '"}' if name == "a.jsonl" else "x" * 200
    head, last = ("", '{"p": 1}') if name == "a.jsonl" else ("p\n", "1")
    (tmp_path / name).write_text(f"{head}{long}\n{last}\n")
    first, second = read_raw(tmp_path / name)
    assert f"more than {LARGEST_ROW >> 20} MiB" in str(first.error)
    assert second.error is None


def test_a_folder_gives_its_known_files_each_told_apart(tmp_path: Path) -> None:
    (tmp_path / "d/deep").mkdir(parents=True)
    (tmp_path / "d/.hidden").mkdir()
    (tmp_path / "d/b.jsonl").write_text('{"prompt": "q", "completion": "a"}\n')
    (tmp_path / "d/deep/a.json").write_text('[{"prompt": "q", "chosen": "a", "rejected": "b"}]')
    (tmp_path / "d/deep/c.csv").write_text("instruction,output\nq,a\n")
    for other in ("d/notes.txt", "d/.hidden/x.jsonl", "d/.y.jsonl"):
        (tmp_path / other).write_text("no rows")
    found = import_rows(tmp_path / "d")
    assert [name.rpartition("/d/")[2] for name in found.understood] == ["b.jsonl", "deep/a.json", "deep/c.csv"]
    assert [text.split(":")[0] for text in found.understood.values()] == ["prompt_completion", "preference", "alpaca"]
    assert len(found.rows) == 3


def test_no_file_is_told_from_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(UserError, match="holds no file of rows"):
        import_rows(tmp_path / "d")
    with pytest.raises(UserError, match="no such file"):
        import_rows(tmp_path / "e.jsonl")
    assert local_files("nothing/here", tmp_path) == []


KILL = """
import os, signal, sys
from pathlib import Path
from trimtab.cli.dataset.importing import import_to
import trimtab.records.files as files
folder = Path(sys.argv[1])

class Killer:
    def __init__(self, after): self.left = after
    def start(self, name, total=None): pass
    def advance(self, amount=1, note=""):
        self.left -= 1
        if self.left <= 0: os.kill(os.getpid(), signal.SIGKILL)

def dies(*_): os.kill(os.getpid(), signal.SIGKILL)
def none(): pass
def at_fsync(): files.os.fsync = dies
def at_replace(): Path.replace = dies
for progress, before in ((Killer(1), none), (Killer(3), none), (Killer(10**9), at_fsync), (Killer(10**9), at_replace)):
    child = os.fork()
    if child == 0:
        before()
        import_to(str(folder / "in.jsonl"), folder / "out.jsonl", None, False, None, progress)
        os._exit(7)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert (folder / "out.jsonl").read_text() == "old"
report = import_to(str(folder / "in.jsonl"), folder / "out.jsonl", None, False, None, Killer(10**9))
print(report["rows"], len((folder / "out.jsonl").read_text().splitlines()))
"""


def test_killed_at_any_instant_the_target_is_as_it_was_and_the_same_command_then_ends(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", 600)
    (tmp_path / "out.jsonl").write_text("old")
    done = subprocess.run([sys.executable, "-c", KILL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["600", "600"]


def test_a_bad_row_late_in_a_file_leaves_the_target_as_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    write(tmp_path / "in.jsonl", 100)
    with (tmp_path / "in.jsonl").open("a") as file:
        file.write("{broken\n")
    (tmp_path / "out.jsonl").write_text("old")
    run: Callable[[bool], Any] = lambda skip: import_to(  # noqa: E731
        str(tmp_path / "in.jsonl"), tmp_path / "out.jsonl", None, skip, tmp_path / "drops.jsonl", Silent()
    )
    with pytest.raises(UserError) as caught:
        run(False)
    assert caught.value.line == 101
    assert (tmp_path / "out.jsonl").read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    report = run(True)
    assert (report["read"], report["rows"], report["drops"]["by_reason"]) == (101, 100, {"malformed": 1})
    assert json.loads((tmp_path / "drops.jsonl").read_text())["line"] == 101
