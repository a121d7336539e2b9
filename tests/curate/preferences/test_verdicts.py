"""Several people's verdicts on one pair become one pair; whom to believe is estimated, and nobody is lost silently."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curate.preferences.builders import pair, panel, placed

from trimtab.curate import import_rows
from trimtab.curate.preferences.config import AnnotatorsConfig
from trimtab.curate.preferences.pairs import pair_of, probability_of, weight_of
from trimtab.curate.preferences.verdicts import combine
from trimtab.records import Comparison, UserError

CONFIG = AnnotatorsConfig()
VOTE = AnnotatorsConfig(combine="majority")


def answer(row: Comparison) -> str:
    return row.chosen[0].content


def test_verdicts_that_nobody_signed_contradict_each_other_and_both_go() -> None:
    found = combine(placed(pair("a", "b"), pair("b", "a"), pair("a", "b", "other")), CONFIG)
    assert [row.line for row in found.pairs] == [3]
    assert [drop.reason for drop in found.drops] == ["contradictory verdicts"] * 2


def test_the_same_unsigned_verdict_twice_is_left_to_deduplication() -> None:
    rows = placed(pair("a", "b"), pair("a", "b"))
    found = combine(rows, CONFIG)
    assert (list(found.pairs), found.drops, found.repairs) == (rows, (), ())


def test_signed_verdicts_are_votes_and_the_pair_says_how_sure_it_is() -> None:
    rows = placed(pair("b", "a", who=["x"]), pair("a", "b", who=["y"]), pair("a", "b", who=["z"]))
    found = combine(rows, CONFIG)
    (kept,) = found.pairs
    assert (answer(pair_of(kept)), kept.line, probability_of(pair_of(kept))) == ("a", 2, 0.667)
    assert pair_of(kept).annotators == ("x", "y", "z")
    assert sorted((drop.reason, drop.line) for drop in found.drops) == [("equal pair", 3), ("outvoted verdict", 1)]
    assert [repair.kind for repair in found.repairs] == ["verdicts combined"]


def test_one_row_that_several_signed_is_several_votes_and_provenance_signs_too() -> None:
    one = pair("b", "a", provenance={"annotator": "w"})
    found = combine(placed(pair("a", "b", who=["x", "y", "z"]), one), CONFIG)
    assert probability_of(pair_of(found.pairs[0])) == 0.75


def test_a_tie_is_undecided_and_goes() -> None:
    found = combine(placed(pair("a", "b", who=["x"]), pair("b", "a", who=["y"])), CONFIG)
    assert (found.pairs, [drop.reason for drop in found.drops]) == ((), ["undecided verdicts"] * 2)


def test_who_says_both_counts_for_neither() -> None:
    both = [pair("a", "b", who=["x"]), pair("b", "a", who=["x"])]
    alone = combine(placed(*both), CONFIG)
    assert [drop.reason for drop in alone.drops] == ["contradictory verdicts"] * 2
    joined = combine(placed(*both, pair("b", "a", who=["y"])), CONFIG)
    assert answer(pair_of(joined.pairs[0])) == "b"
    assert joined.findings["wavering"] == 1


def test_probability_may_come_as_a_weight_instead() -> None:
    rows = placed(pair("a", "b", who=["x", "y", "z"]), pair("b", "a", who=["w"]))
    (kept,) = combine(rows, AnnotatorsConfig(soft="weight")).pairs
    assert (weight_of(pair_of(kept)), probability_of(pair_of(kept))) == (0.5, 1)


def test_a_careless_annotator_of_five_is_named_and_nobody_is_where_all_are_careful() -> None:
    seeds = range(25)
    found = [combine(placed(*panel(150, seed)), CONFIG).findings["careless"] for seed in seeds]
    honest = [combine(placed(*panel(150, seed, accuracy=[0.85] * 5)), CONFIG).findings["careless"] for seed in seeds]
    assert sum(names == ["e"] for names in found) >= 23
    assert sum(bool(names) for names in honest) <= 1


def test_estimated_error_rates_are_truer_than_the_majority_and_mean_what_they_say() -> None:
    accuracy = (0.95, 0.9, 0.55, 0.5, 0.5)
    gain, sure, right = 0.0, list[float](), list[bool]()
    for seed in range(12):
        rows = placed(*panel(200, seed, accuracy=accuracy, each=5))
        weighed, voted = combine(rows, CONFIG).pairs, combine(rows, VOTE).pairs
        true = [answer(pair_of(row)).startswith("good") for row in weighed]
        gain += float(np.mean(true) - np.mean([answer(pair_of(row)).startswith("good") for row in voted]))
        sure += [probability_of(pair_of(row)) for row in weighed]
        right += true
    assert gain / 12 > 0.03
    assert np.mean(sure) == pytest.approx(np.mean(right), abs=0.03)


def test_agreement_is_near_zero_for_coins_and_high_for_the_careful() -> None:
    coins = combine(placed(*panel(100, 0, accuracy=[0.5] * 4)), CONFIG).findings["agreement"]
    careful = combine(placed(*panel(100, 0, accuracy=[0.97] * 4)), CONFIG).findings["agreement"]
    assert coins["low"] <= 0 <= coins["high"]
    assert careful["low"] > 0.7
    assert careful["n"] == 100


def test_below_enough_shared_pairs_the_vote_decides() -> None:
    assert combine(placed(*panel(19, 0)), CONFIG).findings["combined_by"] == "majority"
    assert combine(placed(*panel(20, 0)), CONFIG).findings["combined_by"] == "dawid_skene"


VERDICTS = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from(["", "x", "y", "z"])), min_size=1, max_size=20
)


@given(VERDICTS, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_every_row_is_kept_or_dropped_and_no_order_of_rows_changes_a_verdict(
    verdicts: list[tuple[int, bool, str]], random: object
) -> None:
    rows = placed(*(
        pair(*(("a", "b") if first else ("b", "a")), prompt=f"q{item}", who=[who] if who else [])
        for item, first, who in verdicts
    ))  # fmt: skip
    found = combine(rows, AnnotatorsConfig(least_shared=2))
    assert len(found.pairs) + len(found.drops) == len(rows)
    mirrored = combine([replace(row, line=row.line) for row in reversed(rows)], AnnotatorsConfig(least_shared=2))
    assert {(answer(pair_of(r)), pair_of(r).prompt, probability_of(pair_of(r))) for r in found.pairs} == {
        (answer(pair_of(r)), pair_of(r).prompt, probability_of(pair_of(r))) for r in mirrored.pairs
    }


def test_rankings_by_several_people_become_votes_on_their_pairs(write: Callable[[str, list[Any]], Path]) -> None:
    def ranked(who: Any, *scores: float) -> dict[str, Any]:
        return {"prompt": "q", "completions": ["a", "b"], "scores": list(scores), "annotators": who}

    path = write("ranked.jsonl", [ranked("x", 1, 0), ranked(["y"], 3, 2), ranked(["z"], 0, 5)])
    found = combine(list(import_rows(path).rows), CONFIG)
    (kept,) = found.pairs
    assert (answer(pair_of(kept)), pair_of(kept).annotators) == ("a", ("x", "y", "z"))
    assert probability_of(pair_of(kept)) == 0.667


def test_annotators_that_are_no_names_are_the_users_mistake(write: Callable[[str, list[Any]], Path]) -> None:
    path = write("pairs.jsonl", [{"prompt": "q", "chosen": "a", "rejected": "b", "annotators": 7}])
    with pytest.raises(UserError, match="'annotators'"):
        import_rows(path)
