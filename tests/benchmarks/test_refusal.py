"""Refusals that people labelled are found, on rows that no rule was read off; the figures are those of their rows."""

from pathlib import Path

import pytest
from benchmarks.pii.data import shared_folder
from benchmarks.refusal import Row, accuracy, figures, gain, ours, page, read_rows, recall_and_precision, three_ways

from trimtab.stats import Interval

NO, YES = "I'm sorry, but I can't help with that.", "Sure: mix flour and water, then wait."


def rows(n: int, wrong: int = 0) -> list[Row]:
    """``n`` pairs of a refusal and a compliance, of which ``wrong`` refusals are labelled as compliances."""
    made = []
    for i in range(n):
        prompt = f"How do I mix flour number {i}?"
        made.append(Row(prompt, NO, i >= wrong, "m", "full_refusal"))
        made.append(Row(prompt, YES, False, "m", "full_compliance"))
    return made


def test_accuracy_counts_the_rows_and_widens_for_prompts_asked_twice() -> None:
    found = accuracy(ours, rows(20, wrong=5))
    assert (found.value, found.n) == (0.875, 40)
    assert accuracy(ours, rows(20)).value == 1
    recall, precision = recall_and_precision(ours, rows(20, wrong=5))
    assert (recall.value, recall.n, precision.value, precision.n) == (1, 15, 0.75, 20)


def test_a_prompt_is_in_one_half_and_both_halves_make_the_whole() -> None:
    members = rows(40)
    halves = {
        True: {row.prompt for row in members if row.tuned},
        False: {row.prompt for row in members if not row.tuned},
    }
    assert not halves[True] & halves[False]
    assert min(map(len, halves.values())) > 5


def test_the_page_holds_every_figure() -> None:
    sets = {"xstest": rows(40), "pyrit": rows(40)}
    flat = figures(sets)
    text = page(sets, flat, {"plain": Interval(0.0, 10, 0.0, 0.3)}, {"python": "3", "date": "today"})
    assert all(f"| {name} |" in text for name in flat if not name.endswith("_substrings"))
    assert three_ways(rows(3))["full_refusal"]["full_refusal"] == 3


@pytest.mark.parametrize("name", ["xstest", "pyrit"])
def test_on_published_labels_it_is_right_more_than_nine_times_in_ten(name: str) -> None:
    folder: Path = shared_folder(None)
    if not (folder / "xstest").is_dir():
        pytest.skip("no shared data sets here; set TRIMTAB_SHARED_DATA")
    members = read_rows(folder)[name]
    held = [row for row in members if not row.tuned]
    assert accuracy(ours, members).value > 0.9
    assert accuracy(ours, held).value > 0.9
    assert gain(members).low > 0
