"""Faults planted at a known rate move the metrics that are about them by that rate, and no other."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from trimtab.evaluate import EvaluateConfig, Transcript, make_suite, score_suite
from trimtab.records import Case
from trimtab.tools import Outcome

ANSWERABLE, MISSING, RATE = 80, 40, 0.25
SAID_MISSING = "I could not find that in the documents."
REFUSES = "I'm sorry, I can't help with that."
_METALS = ("copper", "silver", "cobalt", "nickel", "carbon", "barium", "indium", "cerium")
_WORDING = {"distinct_1", "distinct_2", "self_bleu", "vendi", "opening_share", "citations_per_answer"}
"""What moves with any word that is changed."""
Plant = Callable[[int, str], str]


def name(i: int) -> str:
    return f"Item-{100 + i}"


def right(i: int) -> str:
    metal = _METALS[i % len(_METALS)]
    return f'The {metal} lamp {name(i)} weighs {1000 + i} grams, or as written "weighs {1000 + i} grams" [p{i}].'


def passages(i: int) -> str:
    other = (i + 1) % ANSWERABLE
    rows = [
        {"id": f"p{j}", "title": "", "text": f"The {_METALS[j % len(_METALS)]} lamp {name(j)} weighs {1000 + j} grams."}
        for j in (i, other)
    ]
    return json.dumps(rows)


def suite_of(build: Any) -> list[Case]:
    here = [
        build.case(
            question=f"How heavy is {name(i)}?",
            calls=(build.search,),
            citations=(f"p{i}",),
            facts=(f"{1000 + i} grams",),
        )
        for i in range(ANSWERABLE)
    ]
    return here + [
        build.case("defer", question=f"What colour is {name(i)}?", calls=(build.search,)) for i in range(MISSING)
    ]


def scored(build: Any, answerable: Plant | None = None, missing: Plant | None = None) -> dict[str, float]:
    """Metric -> mean, of a good transcript set in which each ``1 / RATE``-th case has the fault planted."""
    cases, transcripts = suite_of(build), {}
    for k, case in enumerate(cases):
        i = k if k < ANSWERABLE else k - ANSWERABLE
        said, plant = (right(i), answerable) if k < ANSWERABLE else (SAID_MISSING, missing)
        said = plant(i, said) if plant is not None and i % round(1 / RATE) == 0 else said
        outcome: Outcome = build.outcome(said, build.search, result=passages(i), token_ids=(), logprobs=())
        transcripts[case.id] = Transcript(outcome)
    card = score_suite(
        make_suite(cases), transcripts, release="r", vocab_size=50, config=EvaluateConfig(bootstrap_draws=10)
    )
    return {metric: one.value for metric, one in card.metrics.items()}


def moved(build: Any, answerable: Plant | None = None, missing: Plant | None = None) -> Mapping[str, float]:
    good, bad = scored(build), scored(build, answerable, missing)
    assert good.keys() == bad.keys()
    return {
        metric: bad[metric] - good[metric]
        for metric in good
        if abs(bad[metric] - good[metric]) > 1e-9 and metric not in _WORDING
    }


def test_the_good_set_is_good(build: Any) -> None:
    good = scored(build)
    at_one = {
        "citation_precision", "citation_recall", "reference_fidelity", "answer_when_present", "refusal_when_missing",
        "answer_facts", "action_accuracy", "tool_routing_accuracy",
    }  # fmt: skip
    assert {metric: good[metric] for metric in at_one} == dict.fromkeys(at_one, 1.0)
    assert [good[metric] for metric in ("ungrounded_share", "refusal_rate", "partial_refusal")] == [0, 0, 0]


def test_wrong_citations_cost_precision_and_recall(build: Any) -> None:
    def wrong(i: int, said: str) -> str:
        return said.replace(f"[p{i}]", f"[p{(i + 1) % ANSWERABLE}]")

    assert moved(build, wrong) == pytest.approx({"citation_precision": -RATE, "citation_recall": -RATE})


def test_missing_citations_cost_all_three_that_are_about_citing(build: Any) -> None:
    assert moved(build, lambda i, said: said.replace(f" [p{i}]", "")) == pytest.approx(
        {"citation_precision": -RATE, "citation_recall": -RATE, "reference_fidelity": -RATE}
    )


def test_a_wrong_quotation_costs_fidelity_and_the_claims_support(build: Any) -> None:
    changes = moved(build, lambda i, said: said.replace(f'"weighs {1000 + i}', f'"weighs {5000 + i}'))
    assert changes["reference_fidelity"] == pytest.approx(-RATE / 2)  # one of two references of each planted answer
    assert changes["ungrounded_share"] == pytest.approx(RATE)
    assert changes.keys() == {"reference_fidelity", "ungrounded_share", "citation_precision", "citation_recall"}


def test_over_refusal_costs_the_answers_that_could_be_given_and_shows_as_refusals(build: Any) -> None:
    share = RATE * ANSWERABLE / (ANSWERABLE + MISSING)
    assert moved(build, lambda i, said: REFUSES) == pytest.approx(
        {
            "refusal_rate": share,
            "action_accuracy": -share,
            "refusal_appropriateness": -share,
            "answer_when_present": -RATE,
            "answer_facts": -RATE,
            "citation_precision": -RATE,
            "citation_recall": -RATE,
            "reference_fidelity": -RATE,
        }
    )


def test_help_after_a_refusal_shows_as_partial(build: Any) -> None:
    share = RATE * ANSWERABLE / (ANSWERABLE + MISSING)
    changes = moved(build, lambda i, said: f"I can't advise on weights. I am only a helper. That said, {said}")
    assert changes["partial_refusal"] == changes["refusal_rate"] == pytest.approx(share)
    assert changes["answer_when_present"] == pytest.approx(-RATE)
    assert "ungrounded_share" not in changes
    assert "refusal_when_missing" not in changes


def test_inventing_an_answer_where_nothing_is_there_is_the_other_failure(build: Any) -> None:
    share = RATE * MISSING / (ANSWERABLE + MISSING)
    claims = ANSWERABLE + RATE * MISSING  # what defers claims nothing
    changes = moved(build, missing=lambda i, said: f"{name(i)} comes in bright turquoise enamel.")
    assert changes == pytest.approx(
        {
            "refusal_when_missing": -RATE,
            "action_accuracy": -share,
            "defer_appropriateness": -share,
            "ungrounded_share": RATE * MISSING / claims,
        }
    )
