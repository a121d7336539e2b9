"""Multiple choice rows become cases that their own right answer passes and every other fails."""

import gzip
import json
import os
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.evaluate.batteries.choices import choice_case, choice_cases
from trimtab.evaluate.checks import check_scores
from trimtab.records import UserError, case_from_json

WORDS = st.sampled_from(["grass", "blood", "milk", "coal", "sky", "sand"])


@settings(deadline=None)
@given(st.lists(WORDS, min_size=2, max_size=6, unique=True), st.data())
def test_the_right_letter_passes_and_any_other_fails(build: Any, options: list[str], data: st.DataObject) -> None:
    right = data.draw(st.integers(0, len(options) - 1))
    case = choice_case({"question": "Which?", "choices": options, "answer_index": right})
    assert case_from_json(case.to_json()) == case
    for i in range(len(options)):
        (score,) = check_scores(case, build.transcript(ascii_uppercase[i])).values()
        assert score == float(i == right)


def test_a_file_gives_its_distinct_rows_in_order_or_so_many_by_seed(tmp_path: Path) -> None:
    rows = [{"question": f"q{i % 8}", "choices": ["a", "b"], "answer_index": 0} for i in range(10)]
    file = tmp_path / "rows.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    cases = choice_cases(file, "trivia")
    assert [case.messages[0].content[:2] for case in cases] == [f"q{i}" for i in range(8)]
    assert {case.labels["battery"] for case in cases} == {"trivia"}
    some = choice_cases(file, "trivia", 3, seed=1)
    assert some == choice_cases(file, "trivia", 3, seed=1)
    assert [case for case in cases if case in some] == some


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"question": " "}, "question"),
        ({"choices": ["one"]}, "choices"),
        ({"choices": ["a", 3]}, "choices"),
        ({"answer_index": 2}, "answer_index"),
        ({"answer_index": True}, "answer_index"),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    row = {"question": "q", "choices": ["a", "b"], "answer_index": 0} | change
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    with pytest.raises(UserError) as caught:
        choice_cases(tmp_path / "rows.jsonl", "trivia")
    assert (caught.value.field, caught.value.line) == (field, 1)


@pytest.mark.parametrize(
    ("name", "rows", "options"),
    [
        ("commonsenseqa/multiple_choice.jsonl", 739, {5}),
        ("openbookqa/multiple_choice.jsonl", 303, {4}),
        ("mmlu_sample/multiple_choice.jsonl.gz", 1733, {4}),
    ],
)
def test_a_real_set_becomes_cases(name: str, rows: int, options: set[int]) -> None:
    cases = choice_cases(_shared_data() / name, "trivia")
    assert rows - 20 <= len(cases) <= rows
    assert {len(case.expected.check["options"]) for case in cases} == options
    letters = [case.expected.check["letter"] for case in cases]
    assert all(letters.count(letter) > len(letters) / 10 for letter in "ABCD")


def _shared_data() -> Path:
    named = os.environ.get("TRIMTAB_SHARED_DATA")
    places = [Path(named)] if named else [parent / "shared" / "data" for parent in Path(__file__).parents]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        pytest.skip("no shared data sets here; set TRIMTAB_SHARED_DATA to try the adapter on real rows")
    return found
