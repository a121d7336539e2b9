"""The contamination benchmark, small: planted cases of real sets are found and clean rows of other sets pass."""

import json
from pathlib import Path

from benchmarks.contamination import GOALS, JUDGED, _false, measure, page
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


def test_only_a_pair_that_was_judged_a_copy_is_no_false_block() -> None:
    verdicts = json.loads(JUDGED.read_text("utf-8"))
    copy = next(pair for pair, verdict in verdicts.items() if verdict == "copy")
    other = next(pair for pair, verdict in verdicts.items() if verdict == "other")
    found = _false([copy, other, "a pair nobody saw"], 1, 100, 50)
    assert found["judged"] == {"copy": 1, "other": 1, "not judged": 1}
    assert (found["further_false"]["count"], found["further_false"]["n"]) == (2, 49)
    assert (found["all_false"]["count"], found["all_false"]["n"]) == (3, 149)
