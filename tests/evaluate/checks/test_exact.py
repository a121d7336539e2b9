"""Exact answers are found where people write them, and nothing else counts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate.checks.exact import choice, number, text
from trimtab.records import Case, Expected, Message
from trimtab.tools import Outcome

OPTIONS = ["red", "a blue stove", "green"]


def score(check: Any, said: str, **how: Any) -> float:
    case = Case((Message("user", "?"),), Expected("answer", check=how), labels={"battery": "math"})
    (found,) = check(case, (Outcome((), said, said, "stop"),)).items()
    assert found[0] == "math_accuracy"
    return float(found[1])


@pytest.mark.parametrize(
    ("said", "value", "right"),
    [
        ("It is 42.", "42", 1),
        ("3 boxes of 14 are 42", "42", 1),
        ("The answer is 42, which is 3 times 14.", "42", 1),
        ("The answer is 14. Or 42?", "42", 0),
        ("$1,000.50", "1000.5", 1),
        ("-7", "-7", 1),
        ("7", "-7", 0),
        ("no idea", "7", 0),
        ("gpt4", "4", 0),
        ("1/2 is 0.50", "0.5", 1),
    ],
)
def test_the_number_that_an_answer_gives(said: str, value: str, right: int) -> None:
    assert score(number, said, value=value) == right


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_a_number_is_right_only_where_it_is_the_one(said: int, wanted: int) -> None:
    assert score(number, f"That makes {said:,}.", value=str(wanted)) == float(said == wanted)


def test_a_tolerance_is_absolute() -> None:
    assert score(number, "3.14", value="3.1416", tolerance=0.01) == 1
    assert score(number, "3.14", value="3.1416", tolerance=0.001) == 0


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("B", 1),
        ("B.", 1),
        ("(B) a blue stove", 1),
        ("The answer is B", 1),
        ("a blue stove", 1),
        ("A", 0),
        ("Because of the colour", 0),
        ("", 0),
    ],
)
def test_the_option_that_an_answer_chooses(said: str, right: int) -> None:
    assert score(choice, said, letter="B", options=OPTIONS) == right


def test_one_of_several_texts_word_for_word() -> None:
    assert score(text, "That was Marie Curie.", any=["curie"]) == 1
    assert score(text, "That was a curiedge.", any=["curie", "sklodowska"]) == 0
