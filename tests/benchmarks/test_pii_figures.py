"""The figures on personal data: whole spans, overlaps settled by score, and templates that stay on their side."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.pii.data import Labelled, labelled
from benchmarks.pii.door import door
from benchmarks.pii.figures import f1, resolved, scores
from benchmarks.pii.report import goals, headline, page

ROWS = [
    Labelled("call 555-1234 now, Ann", ((5, 13, "PHONE"), (19, 22, "PERSON")), False),
    Labelled("on 7/5/1970 at a@b.org", ((3, 11, "DATE"), (15, 22, "EMAIL")), False),
]
RIGHT = [[(5, 13, "PHONE_NUMBER", 0.4)], [(3, 11, "DATE_TIME", 0.6), (15, 22, "EMAIL", 1.0)]]


def test_whole_spans_of_the_right_type_count_and_names_are_asked_of_nobody() -> None:
    found = scores(ROWS, RIGHT)
    assert (found.overall_recall.hits, found.overall_recall.n) == (3, 3)
    assert (found.overall_precision.hits, found.overall_precision.n) == (3, 3)
    assert f1(found) == 1.0


@pytest.mark.parametrize("wrong", [(5, 12, "PHONE", 1.0), (5, 13, "SSN", 1.0), (0, 4, "PHONE", 1.0)])
def test_a_part_a_wrong_type_or_a_wrong_place_is_a_miss_and_a_false_alarm(wrong: tuple[int, int, str, float]) -> None:
    found = scores(ROWS, [[wrong], RIGHT[1]])
    assert found.recall["PHONE"].hits == 0
    assert (found.overall_precision.hits, found.overall_precision.n) == (2, 3)


def test_characters_ask_for_no_type_and_names_are_personal_too() -> None:
    found = scores(ROWS, [[(5, 13, "SSN", 1.0), (19, 22, "X", 1.0), (0, 4, "X", 1.0)], []])
    assert (found.character_precision.hits, found.character_precision.n) == (11, 15)
    assert (found.character_recall.hits, found.character_recall.n) == (8, 8 + 8 + 7)


def test_overlaps_go_to_the_surer_then_to_the_longer_and_low_scores_go() -> None:
    spans = [(0, 4, "URL", 0.5), (0, 9, "EMAIL_ADDRESS", 1.0), (20, 23, "A", 0.4), (20, 29, "B", 0.4)]
    assert resolved(spans) == {(0, 9, "EMAIL"), (20, 29, "B")}
    assert scores(ROWS, [[*RIGHT[0]], []], threshold=0.5).overall_precision.n == 0


def _write(folder: Path, rows: list[dict[str, Any]]) -> None:
    path = folder / "presidio_pii" / "original.jsonl.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def test_a_template_is_on_one_side_and_its_twin_in_the_other_file_is_not_held_out(tmp_path: Path) -> None:
    def row(file: str, template: int, before: str, datum: str) -> dict[str, Any]:
        span = {"entity_type": "US_SSN", "start_position": len(before), "end_position": len(before + datum)}
        return {"file": file, "template_id": template, "full_text": before + datum, "spans": [span]}

    _write(tmp_path, [row("a", number, f"template {number} ", f"{i}23-45-6789") for number in range(40) for i in "45"])
    found = labelled(tmp_path)
    sides: dict[str, set[bool]] = {}
    for one in found:
        sides.setdefault(one.text[:11], set()).add(one.tuned)
    assert len(found) == 80
    assert all(len(side) == 1 for side in sides.values())
    tuned = {one.text for one in found if one.tuned}
    assert 20 < len(tuned) < 60
    (tmp_path / "presidio_pii" / "original.jsonl.gz").unlink()
    (tmp_path / "presidio_pii").rmdir()
    _write(
        tmp_path,
        [row(file, 1 if file == "a" else 7, "My SSN is ", "423-45-6789") for file in ("a", "b", "c", "d", "e")],
    )
    assert len({one.tuned for one in labelled(tmp_path)}) == 1


def test_the_page_names_goals_that_are_missed() -> None:
    ours, peer = scores(ROWS, [[], RIGHT[1]]), scores(ROWS, RIGHT)
    at_door = door({"plain": ["Nothing is said here.", "Write to a@b.org in 1990."]})
    assert at_door["plain"]["spans"] == {"EMAIL": 1, "YEAR": 1}
    figures = headline(ours, peer, 5.0, at_door)
    told = {name: said for name, _, said in goals(figures)}
    assert told["recall_phone"] == "above 1.000: missed"
    assert told["recall_date"] == "above 1.000: missed"  # no better is not above
    assert goals(figures | {"recall_date_peer": 0.5})[2][2] == "above 0.500: met"
    assert told["speed_vs_presidio"] == "at least 10: missed"
    numbers = {
        "machine": {"cores": 2, "cpu": "a CPU", "python": "3.11", "date": "today"},
        "seconds": {"ours": 1.0, "peer": 5.0},
        "texts": 2,
        "steps": 1,
        "door": at_door,
    }
    assert "| recall_phone | 0.000 | above 1.000: missed |" in page(figures, {"Half": {"A": ours, "B": peer}}, numbers)
