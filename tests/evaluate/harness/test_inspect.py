"""Inspect's JSON logs become scorecards: letters and numbers by sample, failed samples apart, repeats as clusters."""

import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate.harness import Job, scorecard_of
from trimtab.evaluate.harness.inspect import command, environment, read, result_of
from trimtab.records import UserError

JOB = Job("tasks/sums.py@sums", "http://127.0.0.1:1", "desk@abc", key="k", limit=5, arguments={"rows": "a.jsonl"})


def sample(number: int, value: Any, epoch: int = 1, scorer: str = "match", **more: Any) -> dict[str, Any]:
    output = {"choices": [{"message": {"content": f"said {number}"}}]}
    scores = {scorer: {"value": value}}
    return {
        "id": number,
        "epoch": epoch,
        "input": f"q{number}",
        "target": "4",
        "output": output,
        "scores": scores,
    } | more


def log(*samples: dict[str, Any], **more: Any) -> dict[str, Any]:
    metrics = {"accuracy": {"value": 0.5}, "stderr": {"value": 0.1}}
    results = {"scores": [{"name": "match", "scored_samples": len(samples), "metrics": metrics}]}
    row = {"status": "success", "eval": {"task": "sums", "task_args": {}}, "results": results}
    return row | {"samples": list(samples)} | more


def test_letters_count_as_inspect_counts_them() -> None:
    card = scorecard_of(result_of(log(*(sample(i, value) for i, value in enumerate("CPIN"))), JOB), "r1")
    assert card.suite == "inspect:sums"
    assert card.cases == {"match": {"0": 1.0, "1": 0.5, "2": 0.0, "3": 0.0}}
    assert (card.metrics["match"].value, card.metrics["match"].n) == (0.375, 4)
    assert card.answers["0"] == {"answer": "said 0", "expected": "4"}


def test_the_harness_own_mean_is_not_told_twice() -> None:
    card = scorecard_of(result_of(log(sample(1, "C"), sample(2, "I")), JOB), "r1")
    assert list(card.metrics) == ["match"]


def test_a_metric_without_samples_has_the_harness_own_error() -> None:
    scores = [{"name": "model", "scored_samples": 100, "metrics": {"f1": {"value": 0.5}, "stderr": {"value": 0.1}}}]
    card = scorecard_of(result_of(log(results={"scores": scores}), JOB), "r1")
    found = card.metrics["model_f1"]
    assert (found.value, found.n) == (0.5, 100)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.304, 0.696), abs=1e-3)


def test_a_failed_sample_is_unscored_and_no_zero() -> None:
    failed = sample(2, "C", error={"message": "timeout"})
    card = scorecard_of(result_of(log(sample(1, "C"), failed, sample(3, "C", scores={})), JOB), "r1")
    assert (card.metrics["match"].value, card.metrics["match"].n, card.metrics["match"].unscored) == (1.0, 1, 2)


def test_epochs_of_a_question_are_one_cluster() -> None:
    rows = [sample(i, "C" if i % 2 else "I", epoch) for i in range(20) for epoch in (1, 2, 3, 4)]
    apart = scorecard_of(result_of(log(*(row | {"id": n} for n, row in enumerate(rows))), JOB), "r1")
    together = scorecard_of(result_of(log(*rows), JOB), "r1")
    assert together.clusters["3#2"] == "3"
    widths = [card.metrics["match"].ci_high - card.metrics["match"].ci_low for card in (apart, together)]
    assert widths[1] > 1.7 * widths[0]


def test_a_scorer_of_several_values_has_a_metric_each() -> None:
    card = scorecard_of(result_of(log(sample(1, {"relevance": 3, "note": "good"})), JOB), "r1")
    assert card.cases["match_relevance"] == {"1": 3.0}
    assert "match_note" not in card.cases


def test_the_suite_is_the_questions_not_the_answers() -> None:
    def of(*samples: dict[str, Any]) -> str:
        return scorecard_of(result_of(log(*samples), JOB), "r1").suite_digest

    assert of(sample(1, "C"), sample(2, "I")) == of(sample(2, "C"), sample(1, "I"))
    assert of(sample(1, "C")) != of(sample(1, "C", target="5"))


def test_a_run_that_failed_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(log(status="error", error={"message": "no such dataset"})))
    with pytest.raises(UserError, match="no such dataset"):
        read(tmp_path, JOB)
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(UserError, match="2 logs"):
        read(tmp_path, JOB)


def test_nothing_scored_is_an_error_and_no_zero() -> None:
    with pytest.raises(UserError, match="no sample was scored"):
        scorecard_of(result_of(log(results={}), JOB), "r1")


def test_the_command_names_our_api(tmp_path: Path) -> None:
    said = command(JOB, tmp_path)
    assert said[said.index("--model") + 1] == "openai-api/trimtab/desk@abc"
    assert said[-4:] == ["--limit", "5", "-T", "rows=a.jsonl"]
    assert environment(JOB) == {"TRIMTAB_BASE_URL": "http://127.0.0.1:1/v1", "TRIMTAB_API_KEY": "k"}
