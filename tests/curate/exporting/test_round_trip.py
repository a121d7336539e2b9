"""What a format can hold comes back unchanged, through every kind of file; what it cannot hold is named."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.curate.exporting.rows import COMPARISONS, EXAMPLES, RANKED, UNPAIRED, pairs_of, without

from trimtab.curate.exporting import WRITERS, write_row
from trimtab.curate.exporting.containers import container_for
from trimtab.curate.formats import format_named
from trimtab.curate.reading import read_raw
from trimtab.curate.telling import How, parse_row
from trimtab.records import Comparison, Row

ROWS = {"chat": EXAMPLES, "pair": COMPARISONS, "thumb": UNPAIRED}
FORMATS = [
    ("native", "chat"), ("native", "pair"), ("native", "thumb"), ("messages", "chat"), ("openai", "chat"),
    ("sharegpt", "chat"), ("alpaca", "chat"), ("prompt_completion", "chat"), ("preference", "pair"),
    ("openai_preference", "pair"), ("sharegpt_preference", "pair"), ("k_wise", "pair"), ("unpaired", "thumb"),
    ("thumbed_chat", "thumb"),
]  # fmt: skip
FILES = ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "a.jsonl.gz", "a.csv.gz"]
NO_ROOM = {
    "openai": ("labels", "provenance", "rejected"),
    "openai_preference": ("labels", "provenance", "annotators", "margin", "reason"),
    "sharegpt": ("rejected",),
    "alpaca": ("rejected",),
    "prompt_completion": ("rejected",),
}
"""Taken off before a row is written: else hardly a row would be whole, and the conversations go untried."""
_READ_AS = {"openai": "messages"}


def back(path: Path, form: str) -> list[Row]:
    how = How(format_named(_READ_AS.get(form, form)), None, "", True)
    return [row for raw in read_raw(path) for row in parse_row(_whole(raw), how)]


def _whole(raw: Any) -> Any:
    assert raw.error is None, raw.error
    return raw.value


def through(path: Path, form: str, rows: list[Row]) -> tuple[list[Row], list[Row], int]:
    """What was written without a loss, what came back of that, and how many rows the format could not hold whole."""
    held, refused = list[Row](), 0
    no_room = (*NO_ROOM.get(form, ()), *(["rejected"] if form == "messages" and _is_table(path) else []))
    with container_for(path, form) as put:
        for whole in rows:
            row = without(whole, *no_room)
            written = write_row(row, form)
            lost = list(written.lost)
            if lost or written.row is None:
                refused += 1
                continue
            if put(written.row, lost) is None:
                assert lost, "a row that was not written must say why"
                refused += 1
            else:
                assert not lost
                held.append(row)
    return held, back(path, form), refused


def _is_table(path: Path) -> bool:
    return path.name.split(".")[1] in ("csv", "tsv")


def possible(name: str, form: str) -> bool:
    flat = name.split(".")[1] in ("csv", "tsv", "parquet")
    tables = form == "sharegpt_preference" and _is_table(Path(name))
    return not (flat and form in ("native", "openai", "openai_preference")) and not tables


CASES = [(name, form, kind) for name in FILES for form, kind in FORMATS if possible(name, form)]


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Row]]:
    """The same hundred and more rows of each kind, drawn by hypothesis once: a file a draw would be all fsync."""
    return {kind: _some(strategy) for kind, strategy in ROWS.items()}


def _some(strategy: Any) -> list[Row]:
    rows: list[Row] = []

    @settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(strategy, min_size=4, max_size=4))
    def draw(some: list[Row]) -> None:
        rows.extend(some)

    draw()
    return rows


@pytest.mark.parametrize(("name", "form", "kind"), CASES)
def test_a_file_gives_back_every_row_that_its_format_can_hold(
    name: str, form: str, kind: str, tmp_path: Path, drawn: dict[str, list[Row]]
) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    held, found, refused = through(tmp_path / name, form, drawn[kind])
    assert found == held
    assert len(held) + refused == len(drawn[kind])
    assert len(held) >= 5, "too few rows were held to say anything"


@pytest.mark.parametrize(("form", "kind"), FORMATS)
def test_whatever_a_format_leaves_out_is_said(form: str, kind: str, drawn: dict[str, list[Row]]) -> None:
    how = How(format_named(_READ_AS.get(form, form)), None, "", True)
    for row in drawn[kind]:
        written = write_row(row, form)
        if written.row is None:
            assert written.lost
        elif parse_row(json.loads(json.dumps(written.row)), how) != (row,):
            assert written.lost, "a loss that nobody is told of"


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(RANKED)
def test_a_ranking_comes_back_as_every_preference_that_its_scores_express(row: Any) -> None:
    written = write_row(row, "k_wise")
    if written.row is None:
        assert len(set(row.scores)) < 2
        return
    found = format_named("k_wise").parse(written.row)  # type: ignore[misc]
    assert {(repr(p.chosen), repr(p.rejected), p.margin) for p in found if isinstance(p, Comparison)} == pairs_of(row)
    for pair in found:
        assert isinstance(pair, Comparison)
        assert (pair.prompt, pair.tools, pair.annotators) == (row.prompt, row.tools, row.annotators)
        assert (pair.labels, pair.provenance) == (row.labels, row.provenance)


def test_every_format_that_is_written_is_held_here() -> None:
    assert {form for form, _ in FORMATS} == set(WRITERS)


def test_two_exports_of_the_same_rows_are_the_same_bytes_packed_or_not(tmp_path: Path) -> None:
    def write(name: str) -> bytes:
        with container_for(tmp_path / name, "messages") as put:
            put({"messages": [{"role": "assistant", "content": "ü"}]}, [])
        return (tmp_path / name).read_bytes()

    assert write("a.jsonl.gz") == write("a.jsonl.gz")
    assert gzip.decompress(write("a.jsonl.gz")) == write("a.jsonl")
