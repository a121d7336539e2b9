"""What was done against what was due, counted pair by pair, and carried by the scorecard."""

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate import EvaluateConfig, confusion, confusion_lines, make_suite, score_suite
from trimtab.evaluate.confusion import DONE, confusion_slices
from trimtab.records import ACTIONS, Scorecard, scorecard_from_json
from trimtab.stats import wilson

PAIRS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from([*ACTIONS, None])), max_size=60)


def carried(pairs: list[Any]) -> Scorecard:
    slices = confusion_slices(dict(enumerate(pairs)), 0.95)  # type: ignore[arg-type]
    return scorecard_from_json(json.loads(json.dumps(Scorecard("s", "d", "r", {}, slices=slices).to_json())))


@given(PAIRS)
def test_the_matrix_read_back_has_the_counts_that_went_in(pairs: list[Any]) -> None:
    found = confusion(carried(pairs))
    plain = Counter((due, done or "none") for due, done in pairs)
    assert found.counts == {(due, done): plain[due, done] for due in ACTIONS for done in DONE}
    assert sum(map(found.due, ACTIONS)) == len(pairs) == sum(map(found.done, DONE))


def test_a_cell_has_its_rows_count_and_wilsons_interval() -> None:
    card = carried([("decline", "decline")] * 3 + [("decline", "answer")])
    cell, plain = card.slices["due=decline"]["decline"], wilson(3, 4)
    assert (cell.value, cell.n, cell.ci_low, cell.ci_high) == (0.75, 4, plain.low, plain.high)
    assert card.slices["due=decline"]["answer"].direction == "lower"


def test_the_scorecard_carries_it_and_it_prints(build: Any) -> None:
    right, wrong = build.case("decline", "one?"), build.case("answer", "two?")
    said = {case.id: build.transcript("I'm sorry, but I can't help with that.") for case in (right, wrong)}
    config = EvaluateConfig(bootstrap_draws=10)
    card = score_suite(make_suite([right, wrong]), said, release="r", vocab_size=9, config=config)
    counts = confusion(card).counts
    assert (counts["decline", "decline"], counts["answer", "decline"], sum(counts.values())) == (1, 1, 2)
    lines = confusion_lines(card)
    assert lines[0].split() == ["due", "/", "done", *DONE, "recall"]
    assert any(line.startswith("precision of decline") and "0.500" in line and "n=2" in line for line in lines)
