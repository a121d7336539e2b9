"""Measures of answers: each number against a count by hand, each with its cases and interval."""

import math

import pytest

from trimtab.records import Case, Expected, Message
from trimtab.stats import ead, ece, mean_interval, wilson
from trimtab.train.drift.measures import Answer, Measured, calibration, drift, is_correct, manner, read_answers, rewards


def answer(text: str, ids: tuple[int, ...] = (1, 2), p: float = 0.5, facts: tuple[str, ...] = ()) -> Answer:
    case = Case((Message("user", "?"),), Expected("answer", facts=facts, forbidden=("never",)))
    return Answer(case, (9,), ids, tuple(math.log(p) for _ in ids), text)


def test_kl_is_a_mean_over_tokens_with_answers_as_clusters() -> None:
    found = drift([answer("a", (1,)), answer("b", (1, 2, 3))], [[0.4], [0.0, 0.1, 0.1]], 10)
    expected = mean_interval([0.4, 0.0, 0.1, 0.1], clusters=["a", "b", "b", "b"], lower=0.0)
    assert found["kl"] == Measured(expected.value, 4, expected.low, expected.high)
    assert (found["tokens"].value, found["tokens"].n) == (2.0, 2)


def test_diversity_is_that_of_all_tokens_together() -> None:
    same, varied = [answer("", (1, 1)), answer("", (1, 1))], [answer("", (1, 2)), answer("", (3, 4))]
    low, high = (drift(each, [], 300)["ead"] for each in (same, varied))
    assert low.value == ead([(1, 1), (1, 1)], 300)
    assert high.value > 3 * low.value
    assert high.low is not None
    assert high.low <= high.value


def test_an_empty_answer_counts_as_no_tokens() -> None:
    found = drift([answer("", ()), answer("", ())], [[], []], 300)
    assert found["tokens"].value == 0
    assert "kl" not in found
    assert "ead" not in found


def test_manner_counts_answers_that_hedge_and_that_cite() -> None:
    found = manner([answer("It might be, perhaps."), answer("It is so [a-1] [b-2]."), answer("No."), answer("Yes.")])
    assert found["hedging"].value == found["citation_rate"].value == 0.25
    expected = wilson(1, 4)
    assert (found["hedging"].low, found["hedging"].high) == (expected.low, expected.high)


def test_calibration_takes_cases_with_expected_facts_only() -> None:
    answers = [answer("7 cups", p=0.9, facts=("7",)), answer("8 cups", p=0.8, facts=("7",)), answer("anything")]
    found = calibration(answers)
    assert found["correct"].value == 0.5
    assert found["ece"].value == pytest.approx(ece([0.9, 0.8], [True, False]))
    assert found["ece"].n == 2
    assert calibration([answer("anything")]) == {}


def test_a_right_answer_has_every_fact_and_nothing_forbidden() -> None:
    assert is_correct(answer("Seven CUPS", facts=("seven", "cups")))
    assert not is_correct(answer("seven", facts=("seven", "cups")))
    assert not is_correct(answer("seven cups, or never", facts=("seven", "cups")))


def test_confidence_is_the_geometric_mean_of_token_probabilities() -> None:
    one = Answer(answer("").case, (9,), (1, 2), (math.log(0.25), 0.0), "")
    assert one.confidence == pytest.approx(0.5)
    assert answer("", ()).confidence == 0.0


def test_the_gap_is_paired() -> None:
    answers = [answer("a"), answer("b"), answer("c")]
    found = rewards(answers, lambda _: [0.9, 0.8, 0.7], lambda _: [0.5, 0.4, 0.3])
    assert found["reward_gap"].value == pytest.approx(0.4)
    wide = found["proxy_reward"].high, found["proxy_reward"].low
    assert wide[0] is not None
    assert wide[1] is not None
    gap = found["reward_gap"].high, found["reward_gap"].low
    assert gap[0] is not None
    assert gap[1] is not None
    assert gap[0] - gap[1] != pytest.approx(wide[0] - wide[1])
    assert set(rewards(answers, lambda _: [1.0, 0.0, 1.0], None)) == {"proxy_reward"}


def test_measures_of_another_room_join_with_their_count() -> None:
    found = read_answers([answer("a"), answer("b")], [[], []], 300, probe=lambda given: {"grounding": len(given) / 4})
    assert (found["grounding"].value, found["grounding"].n, found["grounding"].low) == (0.5, 2, None)


def test_one_answer_has_no_interval_that_is_not_finite() -> None:
    for measured in read_answers([answer("a")], [[0.1, 0.2]], 300).values():
        assert all(end is None or math.isfinite(end) for end in (measured.low, measured.high))
