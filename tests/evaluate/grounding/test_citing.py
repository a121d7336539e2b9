"""Support is decided by numbers, names and content words; citations are scored as ALCE does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate import Worked, citing, fidelity, supported

PASSAGES = {
    "war-1": "Guarantee\nEvery stove carries a seven-year guarantee against faults in material.",
    "ret-1": "Returns\nUnused goods may be sent back within 45 days. Postage costs $4.50.",
    "osp-1": "Osprey\nThe Osprey weighs 540 grams and burns petrol or diesel.",
}


@pytest.mark.parametrize(
    ("sentence", "cited", "held"),
    [
        ("Every stove has a seven-year guarantee.", "war-1", True),
        ("Each stove carries a guarantee of 7 years.", "war-1", True),
        ("Every stove has a nine-year guarantee.", "war-1", False),
        ("You can send unused goods back within 45 days.", "ret-1", True),
        ("You can send unused goods back within 30 days.", "ret-1", False),
        ("The Osprey weighs 540 grams.", "osp-1", True),
        ("The Siskin weighs 540 grams and our Siskin burns diesel.", "osp-1", False),
        ("Postage costs $4.50 [ret-1].", "ret-1", True),
        ("Gift cards never expire and cannot be sold.", "ret-1", False),
    ],
)
def test_support(sentence: str, cited: str, held: bool) -> None:
    assert supported(sentence, PASSAGES[cited]) is held


def test_a_number_may_be_worked_out_from_what_is_cited_but_not_made_up() -> None:
    total, worked = "Postage for 3 cookers comes to $13.50 [ret-1].", Worked("13.5 3 * 4.50", "What do 3 cookers cost?")
    assert citing(total, PASSAGES).recall == 0
    assert citing(total, PASSAGES, worked).recall == 1
    assert citing("Gift cards cost $13.50 [ret-1].", PASSAGES, replace(worked, question="3 gift cards?")).recall == 0
    assert citing("Cookers take 45 days [ret-1].", PASSAGES, worked).recall == 0  # no total: the question backs nothing


def test_a_right_answer_scores_full_marks() -> None:
    score = citing(
        "Every stove has a seven-year guarantee [war-1]. Unused goods may go back in 45 days [ret-1].", PASSAGES
    )
    assert (score.precision, score.recall) == (1, 1)


def test_due_and_absent_is_zero_in_both() -> None:
    score = citing("Every stove has a seven-year guarantee.", PASSAGES)
    assert (score.precision, score.recall, score.cited) == (0, 0, 0)


def test_an_uncited_claim_costs_recall_alone() -> None:
    score = citing("The Osprey weighs 540 grams [osp-1]. It was designed in a shed.", PASSAGES)
    assert (score.precision, score.recall) == (1, 0.5)


def test_a_needless_citation_costs_precision_alone() -> None:
    score = citing("The Osprey weighs 540 grams [osp-1, war-1].", PASSAGES)
    assert (score.precision, score.recall) == (0.5, 1)


def test_two_passages_that_only_hold_together_are_both_needed() -> None:
    text = "The Osprey weighs 540 grams and carries a seven-year guarantee [osp-1][war-1]."
    assert citing(text, PASSAGES).precision == 1


def test_an_invented_id_voids_its_sentence() -> None:
    score = citing("The Osprey weighs 540 grams [osp-1, osp-9].", PASSAGES)
    assert (score.precision, score.recall, score.cited) == (0, 0, 2)


def test_only_three_citations_of_a_sentence_count() -> None:
    text = "The Osprey weighs 540 grams [war-1][ret-1][war-1][osp-1]."
    assert citing(text, PASSAGES).cited == 3
    assert citing("The Osprey weighs 540 grams [a, b, c, osp-1].", PASSAGES).cited == 3


def test_questions_and_pleasantries_claim_nothing() -> None:
    score = citing("Hello! The Osprey weighs 540 grams [osp-1]. Would you like a petrol bottle too?", PASSAGES)
    assert score.recall == 1


@given(st.text("ab. 5[]?owar-1t\n", max_size=80))
def test_scores_stay_between_nothing_and_all(answer: str) -> None:
    score = citing(answer, PASSAGES)
    assert 0 <= score.precision <= 1
    assert 0 <= score.recall <= 1


def test_fidelity_counts_real_ids_and_quotations() -> None:
    assert fidelity("So it is [war-1] and [made-up].", PASSAGES, []) == 0.5
    assert fidelity('It says "within 45 days" [ret-1].', PASSAGES, []) == 1
    assert fidelity('It says "within 50 days" [ret-1].', PASSAGES, []) == 0.5
    assert fidelity('You wrote "my stove is broken".', PASSAGES, ["Help, my stove is broken"]) == 1
    assert fidelity("Nothing cited.", PASSAGES, []) is None
