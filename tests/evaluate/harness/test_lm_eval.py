"""lm-eval's results and samples become scorecards: metrics by filter and task, lower-is-better kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate.harness import Job, scorecard_of
from trimtab.evaluate.harness.lm_eval import command, read, result_of
from trimtab.records import UserError

JOB = Job("sums", "http://127.0.0.1:1", "desk")


def row(number: int, score: float, chosen: str = "none", metric: str = "exact_match") -> dict[str, Any]:
    return {
        "doc_id": number, "doc_hash": f"d{number}", "prompt_hash": "p", "target_hash": "t", "target": "4",
        "resps": [[f"said {number}"]], "filter": chosen, "metrics": [metric], metric: score,
    }  # fmt: skip


def results(**of: dict[str, Any]) -> dict[str, Any]:
    return {"results": of, "n-samples": {task: {"effective": 50} for task in of}, "versions": dict.fromkeys(of, 1)}


def test_samples_give_scores_and_answers() -> None:
    rows = [("sums", row(0, 1.0)), ("sums", row(1, 0.0))]
    card = scorecard_of(result_of(results(sums={"exact_match,none": 0.5}), rows, JOB), "r1")
    assert card.suite == "lm-eval:sums"
    assert card.cases == {"exact_match": {"0": 1.0, "1": 0.0}}
    assert card.answers["1"] == {"answer": "said 1", "expected": "4"}
    assert list(card.metrics) == ["exact_match"]


def test_filters_and_tasks_stand_in_the_metric_s_name() -> None:
    filtered = [("sums", row(0, 1.0, "strict")), ("sums", row(0, 0.0, "loose"))]
    assert set(result_of(results(), filtered, JOB).scores) == {"exact_match_strict", "exact_match_loose"}
    tasks = [("sums", row(0, 1.0)), ("words", row(0, 0.0))]
    found = result_of(results(), tasks, JOB)
    assert found.scores == {"sums/exact_match": {"sums/0": 1.0}, "words/exact_match": {"words/0": 0.0}}


def test_a_metric_of_the_whole_set_has_its_own_error() -> None:
    told = results(text={"word_perplexity,none": 12.0, "word_perplexity_stderr,none": 1.0, "bleu,none": 3.0})
    told["results"]["text"]["bleu_stderr,none"] = "N/A"
    card = scorecard_of(result_of(told, [("text", row(0, 1.0))], JOB), "r1")
    assert card.metrics["word_perplexity"].n == 50
    assert card.metrics["word_perplexity"].ci_high == pytest.approx(13.96, abs=0.01)
    assert (card.metrics["bleu"].ci_low, card.metrics["bleu"].ci_high) == (3.0, 3.0)


def test_where_less_is_better_it_stays_so() -> None:
    told = results(sums={}) | {"higher_is_better": {"sums": {"ter": False, "exact_match": True}}}
    rows = [("sums", row(0, 30.0, metric="ter")), ("sums", row(1, 50.0, metric="ter")), ("sums", row(0, 1.0))]
    card = scorecard_of(result_of(told, rows, JOB), "r1")
    assert (card.metrics["ter"].direction, card.metrics["exact_match"].direction) == ("lower", "higher")
    assert card.metrics["ter"].unit == ""


def test_files_are_read_from_where_lm_eval_puts_them(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "results_2026-11-23T10-00-00.json").write_text(json.dumps(results(my_sums={"exact_match,none": 1.0})))
    (folder / "samples_my_sums_2026-11-23T10-00-00.jsonl").write_text(json.dumps(row(3, 1.0)) + "\n")
    assert read(tmp_path, JOB).scores == {"exact_match": {"3": 1.0}}
    with pytest.raises(UserError, match="no results"):
        read(tmp_path / "nothing", JOB)


def test_a_task_of_the_user_s_own_is_found_beside_its_file(tmp_path: Path) -> None:
    said = command(Job(str(tmp_path / "mine.yaml"), "http://127.0.0.1:1", "desk", limit=3), tmp_path)
    assert said[said.index("--tasks") + 1] == "mine"
    assert said[said.index("--include_path") + 1] == str(tmp_path)
    assert said[-2:] == ["--limit", "3"]
    assert Job(str(tmp_path / "mine.yaml"), "", "").name == "mine"
