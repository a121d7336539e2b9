"""Near duplicates: the index agrees with comparing every pair, and numbers tell rows apart."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.curate.config import DedupeConfig
from trimtab.curate.dedupe import dedupe
from trimtab.curate.near import NearIndex, band_rows, signature
from trimtab.curate.place import Placed
from trimtab.curate.units import learnt_text
from trimtab.records import Comparison, Example, Message
from trimtab.text import jaccard_estimate

STEM = (
    "please tell me how I can send the blue kettle back to the shop when its lid is broken and the receipt is gone"
    " since I threw the box away last week"
)


def example(question: str, answer: str = "You can send it back.", **labels: str) -> Example:
    return Example((Message("user", question), Message("assistant", answer)), labels=labels)


def placed(*rows: Example | Comparison) -> list[Placed]:
    return [Placed(row, "set", "set.jsonl", i) for i, row in enumerate(rows, start=1)]


def test_equal_rows_and_nearly_equal_rows_give_way_to_the_first() -> None:
    rows = placed(example(STEM), example(STEM), example(STEM + " sorry"), example("Something else entirely, then?"))
    kept, drops = dedupe(rows, DedupeConfig())
    assert [row.line for row in kept] == [1, 4]
    assert [(drop.reason, drop.line) for drop in drops] == [("duplicate", 2), ("near duplicate", 3)]
    assert "set.jsonl:1" in drops[1].detail


def test_the_best_is_kept_not_the_first() -> None:
    judged = Example(example(STEM).messages, provenance={"annotator": "ann"})
    kept, _ = dedupe(placed(example(STEM), example(STEM, domain="shop"), judged), DedupeConfig())
    assert [row.line for row in kept] == [3]


@pytest.mark.parametrize(("matter", "left"), [(True, 2), (False, 1)])
def test_rows_that_differ_in_a_number_are_two_where_numbers_matter(matter: bool, left: int) -> None:
    rows = placed(example(STEM + " order A-17"), example(STEM + " order A-18"))
    kept, _ = dedupe(rows, DedupeConfig(numbers_matter=matter))
    assert len(kept) == left


def test_threshold_one_drops_equal_rows_only() -> None:
    kept, _ = dedupe(placed(example(STEM), example(STEM + " sorry"), example(STEM)), DedupeConfig(threshold=1))
    assert [row.line for row in kept] == [1, 2]


def test_a_chat_and_a_pair_of_the_same_words_are_not_one() -> None:
    pair = Comparison((Message("user", STEM),), (Message("assistant", "yes"),), (Message("assistant", "no"),))
    kept, _ = dedupe(placed(example(STEM, "yes no"), pair), DedupeConfig())
    assert len(kept) == 2


def test_system_prompts_and_tool_results_do_not_make_rows_differ() -> None:
    one = example(STEM)
    other = Example((Message("system", "Be kind, be brief, and never promise money."), *one.messages))
    assert learnt_text(one) == learnt_text(other)
    kept, _ = dedupe(placed(one, other), DedupeConfig())
    assert len(kept) == 1


def plain_dedupe(rows: list[Placed], threshold: float) -> list[Placed]:
    """The slow twin: each row against every row kept so far."""
    kept: list[Placed] = []
    for row in rows:
        sign = signature(learnt_text(row.row))
        if all(jaccard_estimate(sign, signature(learnt_text(other.row))) < threshold for other in kept):
            kept.append(row)
    return kept


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 24)), min_size=1, max_size=14))
def test_the_index_keeps_what_comparing_every_pair_keeps(changes: list[tuple[int, int]]) -> None:
    words = STEM.split()
    rows = []
    for which, place in changes:
        swapped = [*words]
        if which:
            swapped[place] = ("kettles", "umbrella")[which - 1]
        rows.append(example(" ".join(swapped)))
    given_rows = [row for row, before in zip(placed(*rows), [None, *rows], strict=False) if row.row != before]
    unique = list({row.row.id: row for row in reversed(given_rows)}.values())[::-1]
    kept, _ = dedupe(unique, DedupeConfig(numbers_matter=False))
    assert [row.line for row in kept] == [row.line for row in plain_dedupe(unique, 0.8)]


def test_bands_are_as_wide_as_recall_allows() -> None:
    for threshold in (0.5, 0.7, 0.8, 0.9):
        width = band_rows(threshold)
        assert 1 - (1 - threshold**width) ** (128 // width) >= 0.99
    assert all(a <= b for a, b in pairwise(band_rows(t) for t in (0.5, 0.7, 0.8, 0.9, 1.0)))


def test_a_pair_at_the_threshold_is_found_and_one_below_is_not() -> None:
    index, sign = NearIndex(0.75), signature(STEM)
    index.add(sign)
    at, below = sign.copy(), sign.copy()
    at[96:] ^= np.uint32(1)
    below[95:] ^= np.uint32(1)
    assert index.alike(sign) == [(0, 1.0)]
    assert index.alike(at) == [(0, 0.75)]
    assert index.alike(below) == []


def test_the_index_grows_beyond_its_first_size() -> None:
    index = NearIndex(0.9)
    signs = [signature(f"{STEM} {'x' * i} {'y' * i} {i}") for i in range(150)]
    assert [index.add(sign) for sign in signs] == list(range(150))
    assert all(index.alike(sign)[0][1] == 1.0 for sign in signs)
