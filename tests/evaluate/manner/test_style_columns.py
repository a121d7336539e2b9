"""Style rates move by what was planted and leave the rest; a scorecard keeps manner without a word of any answer."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.evaluate import EvaluateConfig, Transcript, make_suite, score_suite
from trimtab.evaluate.manner import features, manner_of, style_scores
from trimtab.evaluate.manner.features import opening
from trimtab.records import scorecard_from_json

PLAIN = "Every stove carries a seven-year guarantee against faults."


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("Perhaps every stove might possibly carry a seven-year guarantee.", "hedges_per_100_words"),
        (PLAIN + " [war-1]", "citations_per_answer"),
        ("Guarantees:\n\n- stoves, seven years", "list_rate"),
        ("Every stove carries a **seven-year** guarantee.", "markdown_rate"),
    ],
)
def test_a_planted_manner_moves_its_rate_and_no_other(text: str, moved: str) -> None:
    before, after = style_scores(PLAIN), style_scores(text)
    assert {name for name in before if after[name] != before[name]} == {moved}


def test_hedges_are_counted_a_hundred_words() -> None:
    assert style_scores("Perhaps " + "word " * 49)["hedges_per_100_words"] == pytest.approx(2.0)


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=60))
def test_every_feature_of_any_text_is_a_finite_number(text: str, question: str) -> None:
    found = features(text, question)
    assert json.dumps(found, allow_nan=False)
    assert found.keys() == features("Red.", "").keys()
    assert all(0 <= found[name] <= 1 for name in ("distinct_words", "content_words", "echo"))


def test_an_opening_is_known_by_its_words_and_shows_none() -> None:
    assert opening("I'm sorry, but I cannot say.") == opening("Im SORRY but, i would rather not.")
    assert opening("It is seven years.") != opening("It is four years.")
    assert "sorry" not in opening("I'm sorry, but")


def test_the_card_has_the_rates_with_intervals_and_the_manner_without_text(build: Any) -> None:
    cases = [build.case(question=f"How long is guarantee {i}?") for i in range(12)]
    said = [PLAIN, "Perhaps seven years.", "- seven years\n- no more", "Seven."]
    transcripts: dict[str, Transcript] = {case.id: build.transcript(said[i % 4]) for i, case in enumerate(cases)}
    config = EvaluateConfig(bootstrap_draws=20, keep_answers=False)
    card = score_suite(make_suite(cases), transcripts, release="r", vocab_size=99, config=config)
    assert card.metrics["list_rate"].value == 0.25
    assert card.metrics["list_rate"].ci_low < 0.25 < card.metrics["list_rate"].ci_high
    assert card.metrics["hedges_per_100_words"].direction == "none"
    row = json.dumps(card.to_json(), allow_nan=False)
    assert scorecard_from_json(json.loads(row)) == card
    assert "guarantee" not in row
    assert len(card.manner["cases"]) == len(card.manner["openings"]) == 12


def test_no_answer_has_no_manner() -> None:
    assert manner_of({}, {}) == {}
