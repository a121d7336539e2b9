"""Math problems have one exact answer that the question does not give away, with and without the calculator alike."""

import json
import re
import subprocess
import sys
from fractions import Fraction

import pytest

from trimtab.evaluate import BATTERIES, Transcript, make_battery, make_suite, score_suite
from trimtab.evaluate.batteries.expressions import EXPRESSIONS
from trimtab.evaluate.batteries.math import calculator_gain
from trimtab.evaluate.batteries.word_problems import WORD_PROBLEMS
from trimtab.records import Case, Message, case_from_json
from trimtab.tools import Outcome
from trimtab.tools.calculator import evaluate


def wanted(case: Case) -> Fraction:
    return Fraction(case.expected.check["value"])


def answered(said: str) -> Transcript:
    outcome = Outcome((Message("assistant", said),), said, said, "stop", token_ids=(1,), logprobs=(-0.1,))
    return Transcript(outcome)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_problems_are_distinct_exact_and_do_not_tell_their_answer(seed: int) -> None:
    cases = make_battery("math", 300, seed)
    assert len({case.id for case in cases}) == len({case.labels["problem"] for case in cases}) == 300
    for case in cases:
        question = case.messages[0].content.split(" Work it out")[0]
        numbers = [Fraction(found.replace(",", "")) for found in re.findall(r"\d+(?:\.\d+)?", question)]
        assert wanted(case) not in numbers
        assert 100 % wanted(case).denominator == 0
        assert wanted(case).denominator == 1 or "$" in question


def test_every_template_and_difficulty_is_there_in_equal_parts() -> None:
    templates = len(WORD_PROBLEMS) + len(EXPRESSIONS)
    cases = make_battery("math", 3 * templates, 0)
    assert len({case.labels["cluster"] for case in cases}) == templates >= 20
    assert {case.labels["difficulty"] for case in cases} == {"easy", "medium", "hard"}
    assert len({(case.labels["cluster"], case.labels["difficulty"]) for case in cases}) == 3 * templates


def test_written_expressions_are_worth_what_the_calculator_says() -> None:
    seen = 0
    for case in make_battery("math", 420, 5):
        if found := re.match(r"(?:What is|Calculate) ([-+*/^() \d]+)[?.] Work", case.messages[0].content):
            assert evaluate(found[1]) == wanted(case)
            seen += 1
    assert seen > 60


def test_harder_problems_have_larger_numbers() -> None:
    sizes: dict[str, list[int]] = {}
    for case in make_battery("math", 630, 0):
        digits = [len(one) for one in re.findall(r"\d+", case.messages[0].content)]
        sizes.setdefault(case.labels["difficulty"], []).append(sum(digits))
    means = {name: sum(found) / len(found) for name, found in sizes.items()}
    assert means["easy"] < means["medium"] < means["hard"]


@pytest.mark.parametrize("name", ["math", "math_calculator", "code"])
def test_another_process_draws_the_same_cases(name: str) -> None:
    code = f"from trimtab.evaluate import make_battery; print([c.id for c in make_battery({name!r}, 12, 7)])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str([case.id for case in make_battery(name, 12, 7)])


@pytest.mark.parametrize("name", ["math", "math_calculator", "code"])
def test_a_case_survives_being_written(name: str) -> None:
    assert name in BATTERIES
    for case in make_battery(name, 60, 0):
        assert case_from_json(json.loads(json.dumps(case.to_json()))) == case


def test_both_batteries_ask_the_same_and_differ_in_the_offer() -> None:
    bare, helped = make_battery("math", 40, 0), make_battery("math_calculator", 40, 0)
    assert [case.messages for case in bare] == [case.messages for case in helped]
    assert {case.ask.offer for case in bare} == {()}
    assert {case.ask.offer for case in helped} == {("calculator",)}
    assert not {case.id for case in bare} & {case.id for case in helped}


def test_what_the_calculator_gives_is_the_paired_difference() -> None:
    bare, helped = make_battery("math", 42, 0), make_battery("math_calculator", 42, 0)
    right = {case.id: f"Answer: {wanted(case)}" for case in (*bare[:10], *helped[:31])}
    transcripts = {case.id: answered(right.get(case.id, "Answer: none")) for case in (*bare, *helped)}
    card = score_suite(make_suite([*bare, *helped]), transcripts, release="r", vocab_size=9)
    assert card.metrics["math_accuracy"].value == pytest.approx(10 / 42)
    assert card.metrics["math_calculator_accuracy"].value == pytest.approx(31 / 42)
    gain = card.metrics["math_calculator_gain"]
    assert gain.value == pytest.approx(21 / 42)
    assert (gain.n, -1 <= gain.ci_low < gain.value < gain.ci_high <= 1) == (42, True)
    assert set(card.cases["math_calculator_gain"]) == {case.id for case in helped}


def test_only_problems_that_both_answered_are_paired() -> None:
    bare, helped = make_battery("math", 3, 0), make_battery("math_calculator", 3, 0)
    scores = {
        "math_accuracy": {bare[0].id: 1.0, bare[1].id: 0.0},
        "math_calculator_accuracy": {helped[1].id: 1.0, helped[2].id: 1.0},
    }
    assert calculator_gain({case.id: case for case in (*bare, *helped)}, scores) == {helped[1].id: 1.0}


def test_calling_the_calculator_or_not_is_no_matter_of_routing() -> None:
    bare, helped = make_battery("math", 1, 0)[0], make_battery("math_calculator", 1, 0)[0]
    transcripts = {case.id: answered("Answer: 1") for case in (bare, helped)}
    card = score_suite(make_suite([bare, helped]), transcripts, release="r", vocab_size=9)
    assert set(card.cases["tool_routing_accuracy"]) == {bare.id}


def test_what_one_battery_could_not_score_is_not_held_against_another() -> None:
    bare, helped = make_battery("math", 3, 0), make_battery("math_calculator", 3, 0)
    transcripts = {case.id: answered("Answer: 1") for case in (*bare, *helped)}
    transcripts |= {bare[0].id: Transcript(None, "broke"), bare[1].id: Transcript(None, "broke")}
    card = score_suite(make_suite([*bare, *helped]), transcripts, release="r", vocab_size=9)
    assert (card.metrics["math_accuracy"].n, card.metrics["math_accuracy"].unscored) == (1, 2)
    assert (card.metrics["math_calculator_accuracy"].n, card.metrics["math_calculator_accuracy"].unscored) == (3, 0)
    assert card.metrics["action_accuracy"].unscored == 2
