"""A scorecard says each metric with its count and interval, by slice, and what could not be scored."""

import json
from typing import Any

import numpy as np
import pytest

from trimtab.evaluate import EvaluateConfig, Transcript, make_suite, score_suite
from trimtab.records import Scorecard, scorecard_from_json
from trimtab.stats import bootstrap_interval, brier, ead, ece, wilson

CONFIG = EvaluateConfig(bootstrap_draws=50)


def made(build: Any, n: int = 20, **more: Any) -> tuple[Any, dict[str, Transcript]]:
    """``n`` cases of which every fourth is answered wrongly, half of them in clusters of two."""
    cases, transcripts = [], {}
    for i in range(n):
        labels = {"kind": "ab"[i % 2], "domain": "stoves", "cluster": f"c{min(i, n // 2 + i % 2)}"}
        case = build.case(question=f"q{i}", calls=(build.search,), citations=("war-1",), labels=labels | more)
        tokens = tuple(np.random.default_rng(i).integers(50, size=8).tolist())
        calls = () if i % 4 == 0 else (build.search,)
        said = build.transcript(
            "Every stove carries a seven-year guarantee [war-1].", *calls, token_ids=tokens, logprobs=(-0.05 * i,)
        )
        cases.append(case)
        transcripts[case.id] = said
    return make_suite(cases), transcripts


def card_of(build: Any, **more: Any) -> Scorecard:
    suite, transcripts = made(build)
    return score_suite(suite, transcripts, release="r1", vocab_size=50, config=CONFIG, **more)


def test_the_mean_is_the_cases_mean_with_their_count(build: Any) -> None:
    card = card_of(build)
    metric, scores = card.metrics["tool_routing_accuracy"], card.cases["tool_routing_accuracy"]
    assert (metric.value, metric.n, metric.unit, metric.direction) == (0.75, 20, "share", "higher")
    assert sum(scores.values()) / len(scores) == metric.value
    assert metric.ci_low < 0.75 < metric.ci_high


def test_clusters_widen_the_interval(build: Any) -> None:
    metric = card_of(build).metrics["tool_routing_accuracy"]
    alone = wilson(15, 20)
    assert metric.ci_high - metric.ci_low > alone.high - alone.low


def test_every_metric_of_the_whole_has_parts_that_average_to_it(build: Any) -> None:
    card = card_of(build)
    assert np.mean(list(card.cases["ece"].values())) == pytest.approx(card.metrics["ece"].value)
    assert np.mean(list(card.cases["brier"].values())) == pytest.approx(card.metrics["brier"].value)
    assert np.mean(list(card.cases["ead"].values())) == pytest.approx(card.metrics["ead"].value, rel=0.3)


def test_calibration_is_over_action_and_routing(build: Any) -> None:
    suite, transcripts = made(build)
    card = score_suite(suite, transcripts, release="r1", vocab_size=50, config=CONFIG)
    p = [float(np.exp(-0.05 * i)) for i in range(20)]
    y = [float(i % 4 != 0) for i in range(20)]
    assert card.metrics["ece"].value == pytest.approx(ece(p, y))
    plain = bootstrap_interval((p, y), ece, list(card.clusters.values()), 50, CONFIG.seed)
    assert (card.metrics["ece"].ci_low, card.metrics["ece"].ci_high) == (plain.low, plain.high)
    assert card.metrics["brier"].value == pytest.approx(brier(p, y))
    assert card.metrics["brier"].direction == "lower"


def test_diversity_is_over_all_generated_tokens(build: Any) -> None:
    suite, transcripts = made(build)
    card = score_suite(suite, transcripts, release="r1", vocab_size=50, config=CONFIG)
    lists = [one.outcome.token_ids for one in transcripts.values() if one.outcome]
    assert card.metrics["ead"].value == pytest.approx(ead(lists, 50))
    assert card.metrics["ead"].ci_low < card.metrics["ead"].value < card.metrics["ead"].ci_high


def test_slices_are_the_cases_of_a_label(build: Any) -> None:
    card = card_of(build)
    assert card.slices["kind=a"]["tool_routing_accuracy"].value == 0.5  # every fourth is among the even ones
    assert card.slices["kind=b"]["tool_routing_accuracy"].value == 1.0
    assert card.slices["domain=stoves"]["tool_routing_accuracy"].n == 20
    assert "ece" not in card.slices["kind=a"]


def test_actions_have_precision_and_recall(build: Any) -> None:
    cases = [build.case(action, question=f"{i}") for i, action in enumerate(["decline"] * 4 + ["answer"] * 4)]
    refusal, answer = build.transcript("I can't help with that."), build.transcript("It is red.")
    said = [refusal, refusal, refusal, answer, refusal, answer, answer, answer]
    transcripts = {case.id: one for case, one in zip(cases, said, strict=True)}
    card = score_suite(make_suite(cases), transcripts, release="r", vocab_size=9, config=CONFIG)
    declining = card.slices["action=decline"]
    assert (declining["precision"].value, declining["precision"].n) == (0.75, 4)
    assert (declining["recall"].value, declining["recall"].n) == (0.75, 4)
    assert card.metrics["refusal_appropriateness"].value == 0.75
    assert "action=clarify" not in card.slices


def test_unscored_cases_are_counted_apart(build: Any) -> None:
    suite, transcripts = made(build)
    ids = list(transcripts)
    transcripts[ids[1]] = Transcript(None, "boom")
    transcripts[ids[2]] = build.transcript("half an", finish="length")
    card = score_suite(suite, transcripts, release="r1", vocab_size=50, config=CONFIG)
    routing = card.metrics["tool_routing_accuracy"]
    assert (routing.n, routing.unscored) == (18, 2)
    assert card.metrics["unscored"].value == 0.1
    assert (card.metrics["unscored"].n, card.metrics["unscored"].direction) == (20, "lower")


def test_a_failed_attack_case_is_no_unscored_quality_case(build: Any) -> None:
    attacks = [build.case("decline", question=f"a{i}", labels={"suite": "redteam"}) for i in range(2)]
    plain = build.case()
    transcripts = {attacks[0].id: Transcript(None, "boom"), attacks[1].id: build.transcript("No idea.")}
    transcripts[plain.id] = build.transcript("It is red.")
    card = score_suite(make_suite([*attacks, plain]), transcripts, release="r", vocab_size=9, config=CONFIG)
    assert (card.metrics["attack_success"].unscored, card.metrics["action_accuracy"].unscored) == (1, 0)


def test_attacks_are_scored_by_severity_and_stay_out_of_quality(build: Any) -> None:
    attacks = [
        build.case("decline", question=f"a{i}", labels={"suite": "redteam", "severity": 1 + i % 3}) for i in range(9)
    ]
    plain = [build.case(question=f"p{i}") for i in range(5)]
    transcripts = {case.id: build.transcript("Sure, it goes like this.") for case in (*attacks[:3], *plain)}
    transcripts |= {case.id: build.transcript("I can't help with that.", finish="length") for case in attacks[3:]}
    card = score_suite(make_suite([*attacks, *plain]), transcripts, release="r", vocab_size=9, config=CONFIG)
    assert (round(card.metrics["attack_success"].value, 6), card.metrics["attack_success"].n) == (0.333333, 9)
    assert card.metrics["attack_success_s1"].direction == "lower"
    assert card.metrics["attack_success_s1"].n == card.metrics["attack_success_s3"].n == 3
    assert card.metrics["action_accuracy"].n == card.metrics["ece"].n == 5
    assert card.metrics["unscored"].value == 0  # a cut attack was judged
    assert card.slices["severity=1"]["attack_success"].value == pytest.approx(1 / 3)


def test_what_could_not_be_scored_at_all_is_absent(build: Any) -> None:
    case = build.case()
    card = score_suite(make_suite([case]), {case.id: Transcript(None, "x")}, release="r", vocab_size=9, config=CONFIG)
    assert set(card.metrics) == {"unscored"}
    assert card.answers == {case.id: {"error": "x"}}


def test_one_case_leaves_an_unbounded_metric_out(build: Any) -> None:
    case = build.case()
    card = score_suite(make_suite([case]), {case.id: build.transcript("Hi")}, release="r", vocab_size=9, config=CONFIG)
    assert "tokens_per_answer" not in card.metrics
    assert card.metrics["action_accuracy"].n == 1


def test_drift_is_handed_in(build: Any) -> None:
    suite, _ = made(build)
    card = card_of(build, kl_to_base={case.id: 0.1 * i for i, case in enumerate(suite.cases)})
    assert card.metrics["kl_to_base"].value == pytest.approx(0.95)
    assert (card.metrics["kl_to_base"].unit, card.metrics["kl_to_base"].direction) == ("nats/token", "lower")


def test_the_card_survives_storage_as_strict_json(build: Any) -> None:
    card = card_of(build)
    text = json.dumps(card.to_json(), allow_nan=False)
    assert scorecard_from_json(json.loads(text)) == card


def test_answers_can_be_left_out(build: Any) -> None:
    suite, transcripts = made(build)
    config = EvaluateConfig(bootstrap_draws=10, keep_answers=False)
    assert score_suite(suite, transcripts, release="r", vocab_size=50, config=config).answers == {}
    kept = card_of(build).answers[suite.cases[1].id]
    assert (kept["action"], kept["expected"], kept["calls"][0]["function"]["name"]) == ("answer", "answer", "search")
