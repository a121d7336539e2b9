"""The gateway's report: each goal met or missed, and JSON that every reader takes."""

import json
import math
from pathlib import Path

from benchmarks.gateway.report import figure_rows, flat, write

_MACHINE = {"cpu": "c", "cores": 2, "memory_gib": 8, "system": "s", "python": "3", "date": "d", "versions": {"a": "1"}}


def test_a_goal_is_met_missed_or_not_spoken_of() -> None:
    rows = figure_rows({"overhead_p50_ms": 2.5, "vs_litellm": 3.0, "recovery_seconds": math.inf, "odd": 1.0})
    assert [row[2] for row in rows] == ["at most 2: missed", "at least 3: met", "at most 5: missed"]


def test_a_figure_that_was_never_seen_fails_its_goal_and_is_null_in_json() -> None:
    assert figure_rows({"refusal_p99_ms": math.nan})[0][2].endswith("missed")
    assert json.loads(json.dumps(flat({"a": math.nan, "b": math.inf, "c": 1}), allow_nan=False))["c"] == 1


def test_the_page_says_how_it_was_made(tmp_path: Path) -> None:
    found = {"overhead_p50_ms": 1.0, "ours_p50_ms": 2.0, "direct_p50_ms": 1.0, "capacity_per_second": 20.8}
    write(tmp_path / "gateway", found, _MACHINE, "make bench NAME=gateway")
    text = (tmp_path / "gateway.md").read_text("utf-8")
    assert "Written by `make bench NAME=gateway`" in text
    assert "| capacity_per_second | 20.8 |" in text
    assert json.loads((tmp_path / "gateway.json").read_text("utf-8"))["figures"] == found
