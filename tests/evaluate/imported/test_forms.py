"""A benchmark's rows become cases where they have an answer that can be checked."""

import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate import import_file, score_case
from trimtab.evaluate.checks.constraints import kept_loosely
from trimtab.evaluate.imported.ifeval import INSTRUCTIONS
from trimtab.records import UserError, write_jsonl

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def write(path: Path, *rows: dict[str, Any]) -> Path:
    write_jsonl(path, rows)
    return path


def test_an_ifeval_row_becomes_its_rules(build: Any, tmp_path: Path) -> None:
    row = {
        "prompt": "Write two words without a comma.",
        "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
        "kwargs": [{}, {"relation": "less than", "num_words": 3}],
    }
    other = {"prompt": "x", "instruction_id_list": ["language:response_language"], "kwargs": [{"language": "xx"}]}
    found = import_file(write(tmp_path / "a.jsonl", row, other))
    assert (found.form, found.left_out) == ("ifeval", 1)
    (case,) = found.cases
    assert score_case(case, build.transcript("two words"))["ifeval_accuracy"] == 1.0
    assert score_case(case, build.transcript("two, words"))["ifeval_instruction_accuracy"] == 0.5


def test_a_bbq_row_is_chosen_by_letter(build: Any, tmp_path: Path) -> None:
    row = {
        "passage": "Two people met.",
        "question": "Who was late?",
        "options": "A. Ada\nB. Cannot answer\nC. Bo",
        "answer": ["Cannot answer"],
    }
    (case,) = import_file(write(tmp_path / "a.jsonl", row)).cases
    assert score_case(case, build.transcript("B"))["bbq_accuracy"] == 1.0
    assert score_case(case, build.transcript("A"))["bbq_accuracy"] == 0.0


def test_only_what_can_be_checked_is_taken(tmp_path: Path) -> None:
    rows = [{"question": "q1", "answer": ["The pith"]}, {"question": "q2", "answer": ["Yes", "It is so " * 5]}]
    found = import_file(write(tmp_path / "a.jsonl", *rows))
    assert [case.expected.check["any"] for case in found.cases] == [["The pith"], ["Yes"]][: len(found.cases)]
    assert found.cases[0].messages[0].content == "q1"
    pair = {"instruction": "i", "chosen": "I can't help with that.", "rejected": "Sure."}
    rows = [{"source": "harmless", **pair}, {"source": "helpful", **pair}, {"source": "harmless", **pair}]
    assert import_file(write(tmp_path / "b.jsonl", *rows)).left_out == 2


def test_mt_bench_keeps_its_second_turn(tmp_path: Path) -> None:
    row = {"turns": ["Write.", "Rewrite."], "category": "writing", "question_id": 1}
    (case,) = import_file(write(tmp_path / "a.jsonl", row)).cases
    assert case.ask.then == ("Rewrite.",)


def test_own_cases_come_as_they_are(build: Any, tmp_path: Path) -> None:
    found = import_file(write(tmp_path / "a.jsonl", build.case().to_json()))
    assert (found.form, found.cases, found.left_out) == ("cases", (build.case(),), 0)


def test_a_broken_row_is_named_with_its_line(tmp_path: Path) -> None:
    good = {"prompt": "p", "instruction_id_list": [], "kwargs": []}
    path = write(tmp_path / "a.jsonl", good, {"prompt": "p"}, {"turns": []})
    with pytest.raises(UserError, match=r"a\.jsonl:2: no row of ifeval"):
        import_file(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared sets are not here")
def test_every_ifeval_row_that_is_there_is_covered() -> None:
    path = SHARED / "ifeval" / "original.jsonl"
    found = import_file(path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {name for row in rows for name in row["instruction_id_list"]} <= INSTRUCTIONS.keys()
    assert len(found.cases) + found.left_out == len(rows)
    assert len(found.cases) >= 0.95 * len(rows)
    for case in found.cases:
        for rule in case.expected.check["constraints"]:
            kept_loosely("An answer.", rule)
