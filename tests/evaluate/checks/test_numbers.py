"""The number of an answer is found in every place where people and models put it, and read exactly."""

import gzip
import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate.checks.numbers import said_numbers


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (r"So \(x = 3\), giving \boxed{42}. Check: 6 * 7.", "42"),
        (r"\boxed{\frac{3}{4}}", "3/4"),
        (r"\boxed{\$1{,}250.50}", "1250.5"),
        (r"$\boxed{-7\text{ degrees}}$", "-7"),
        ("2 + 2 = 4\n#### 42", "42"),
        ("2 + 2 = 4\n#### $1,234", "1234"),
        ("It is 3/4 of it.", "3/4"),
        ("Answer: 1 1/2", "3/2"),
        ("That leaves 12/4 = 3", "3"),
        ("The answer is **42**.\nThat is 6 times 7.", "42"),
        ("Answer: **$12.50**", "12.5"),
        ("The final answer is: 1,000,000 people in 3 towns", "1000000"),
        ("A: 26", "26"),
        ("40%", "40"),
        ("40%", "2/5"),
        ("3 million", "3000000"),
        ("3 million", "3"),
        ("He walks 42km", "42"),
        ("It weighs 1.5kg.", "1.5"),
        ("€ 12", "12"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("\u22125", "-5"),
        ("10-4", "4"),
        ("1.5e3", "1500"),
        ("so 16 - 3 - 4 = <<16-3-4=9>>9 eggs", "9"),
        (".5", "1/2"),
    ],
)
def test_a_number_is_found_and_read(said: str, value: str) -> None:
    assert Fraction(value) in said_numbers(said)


@pytest.mark.parametrize(
    "said", ["", "no idea", "gpt4", "The answer is unknown.", "v1.2.3a", "\\boxed{x}", "#### none"]
)
def test_where_there_is_none_none_is_found(said: str) -> None:
    assert said_numbers(said) == ()


@pytest.mark.parametrize(
    "said",
    ["1,2,3", "5/0", "1/0 1/0", "-" * 5000, "$" * 5000 + "1", "1 " * 5000, "9" * 5000, "\n" * 40_000, " \n" * 20_000],
)
def test_no_text_breaks_it(said: str) -> None:
    said_numbers(said)


@given(st.text(max_size=200))
def test_it_takes_any_text(said: str) -> None:
    said_numbers(said)


@given(st.fractions(-(10**6), 10**6, max_denominator=999))
def test_any_fraction_that_is_written_is_read_back(value: Fraction) -> None:
    assert said_numbers(f"so it is {value}.") == (value,)
    assert said_numbers(
        rf"\boxed{{{'-' if value < 0 else ''}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}}}"
    ) == (value,)


@given(st.decimals(-(10**8), 10**8, places=2))
def test_money_in_any_dress_is_the_same_number(value: Any) -> None:
    sign = "-" if value < 0 else ""
    for said in (f"{sign}${abs(value):,}", f"{sign}{abs(value)} dollars", f"Answer: {sign}${abs(value)}"):
        assert said_numbers(said) == (Fraction(str(value)),)


def test_graded_solutions_are_judged_as_they_were_graded(shared_data: Path) -> None:
    """GSM8K's model solutions: our verdict is the label's, on every row."""
    folder = shared_data / "gsm8k_model_solutions"
    truth = {row["_id"]: row["ground_truth"].rsplit("A:", 1)[1] for row in _rows(folder / "original.jsonl.gz")}
    graded = _rows(folder / "graded_responses.jsonl.gz")
    agree = 0
    for row in graded:
        wanted = Fraction(truth[row["meta"]["id"]].strip().lstrip("$").replace(",", ""))
        agree += (wanted in said_numbers(row["response"])) == row["correct"]
    assert len(graded) > 3000
    assert agree / len(graded) > 0.998


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.fixture(scope="module")
def shared_data() -> Path:
    named = os.environ.get("TRIMTAB_SHARED_DATA")
    places = [Path(named)] if named else [parent / "shared" / "data" for parent in Path(__file__).parents]
    found = next((place for place in places if (place / "gsm8k_model_solutions").is_dir()), None)
    if found is None:
        pytest.skip("no shared data sets here; set TRIMTAB_SHARED_DATA to judge graded solutions")
    return found
