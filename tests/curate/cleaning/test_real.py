"""Cleaning on real sets and on the template: what is found, what is left alone, and how well actions are told."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.boilerplate import GOALS, measure, page

from trimtab.cli.template import write_template
from trimtab.curate import CurateConfig, SourceConfig, import_sources
from trimtab.curate.cleaning import CleaningConfig, clean_stage
from trimtab.curate.labelling import worded_action
from trimtab.records import example_from_json, iter_jsonl
from trimtab.stats import Interval, wilson

Load = Callable[[str], list[dict[str, Any]]]


@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("glaive_toolcall/tool_sft.jsonl.gz", 0.98),
        ("gsm8k/tool_sft.jsonl.gz", 1.0),
        ("self_instruct/chat_sft.jsonl", 1.0),
        ("dpo_mix_demo/preference.jsonl.gz", 1.0),
        ("kto_mix_demo/unpaired_feedback.jsonl.gz", 1.0),
        ("when2call/preference.jsonl.gz", 0.97),
        ("nq_open_oracle/grounded_qa_multi.jsonl.gz", 1.0),
    ],
)
def test_real_rows_pass_all_but_those_whose_calls_are_wrong(shared_data: Path, file: str, least: float) -> None:
    if not (shared_data / file).is_file():
        pytest.skip(f"the shared data sets have no {file}")
    config = CurateConfig(sources=(SourceConfig(path=file, limit=150),), on_error="skip")
    rows = import_sources(config, shared_data).rows
    done = clean_stage(rows, CleaningConfig())
    assert len(done.rows) >= least * len(rows)
    assert {drop.reason for drop in done.drops} <= {"invalid arguments"}
    assert len(done.rows) + len(done.drops) == len(rows)
    again = clean_stage(done.rows, CleaningConfig())
    assert not again.repairs
    assert [placed.row for placed in again.rows] == [placed.row for placed in done.rows]


def test_planted_boilerplate_is_flagged_and_what_people_write_is_not(shared_data: Path) -> None:
    found = measure(shared_data, limit=120)
    for name, (_, bound) in GOALS.items():
        assert found[name]["value"] >= bound, name
    assert found["clean_flagged_all"]["high"] <= 0.03
    assert found["unplanted_repeated_flagged"]["high"] <= 0.02
    assert "met" in page(found).splitlines()[-1]


def told(expected: str, texts: Iterable[str]) -> Interval:
    """The share of texts told as expected, with Wilson's interval."""
    said = [worded_action(text) for text in texts]
    return wilson(said.count(expected), len(said))  # type: ignore[arg-type]


def test_actions_of_when2call_are_told(load_set: Load) -> None:
    rows = load_set("when2call/original.jsonl.gz")
    for behaviour, action in (("request_for_info", "clarify"), ("cannot_answer", "decline"), ("direct", "answer")):
        texts = [row["answers"][behaviour] for row in rows if behaviour in row["answers"]]
        assert told(action, texts).low >= 0.92, behaviour


def test_refusals_are_told_from_compliance(load_set: Load) -> None:
    rows = load_set("xstest/labelled_responses.jsonl.gz")
    refusals = told("decline", (row["response"] for row in rows if row["label"] == "2_full_refusal"))
    answers = told("answer", (row["response"] for row in rows if row["label"] == "1_full_compliance"))
    assert refusals.low >= 0.8
    assert answers.low >= 0.94


def test_people_who_lack_the_evidence_or_the_question_are_told(load_set: Load) -> None:
    rows = load_set("mtrag_un/original.jsonl.gz")

    def texts(kind: str) -> list[str]:
        return [row["targets"][0]["text"] for row in rows if row["answerability"] == [kind]]

    assert told("answer", texts("ANSWERABLE")).low >= 0.93
    assert told("defer", texts("UNANSWERABLE")).low >= 0.74
    assert told("clarify", texts("UNDERSPECIFIED")).low >= 0.9


def test_every_action_that_the_template_knows_is_told_and_no_row_is_touched(tmp_path: Path) -> None:
    write_template(tmp_path)
    source = SourceConfig(path="data/sft.jsonl")
    rows = import_sources(CurateConfig(sources=(source,)), tmp_path).rows
    done = clean_stage(rows, CleaningConfig())
    known = [example_from_json(row) for _, row in iter_jsonl(tmp_path / "data/sft.jsonl")]
    assert all("action" in row.labels for row in known)
    assert done.findings["actions"]["contradicted"]["rows"] == 0
    assert not done.drops
    assert not done.repairs
    before = [json.dumps(placed.row.to_json()["messages"]) for placed in rows]
    assert [json.dumps(placed.row.to_json()["messages"]) for placed in done.rows] == before
