"""The contamination benchmark, small: planted cases of real sets are found and clean rows of other sets pass."""

from pathlib import Path

from benchmarks.contamination import GOALS, measure, page
from benchmarks.contamination_data import Questions, prose, split_questions


def test_planted_cases_are_found_and_clean_rows_pass(shared_data: Path) -> None:
    whole = split_questions(shared_data)
    questions = Questions(whole.sealed[::5], whole.others[::5], whole.siblings[::20])
    numbers = measure(questions, prose(shared_data)[::5], 6000)
    assert numbers["rows"] == 6000
    for kind, (_, least) in GOALS.items():
        assert numbers["found"][kind]["value"] >= least - 0.02 * (least < 1)
    assert numbers["clean"]["count"] == 0
    assert "every fifth word reworded" in page(numbers)
