"""A shortcut planted in the pairs sounds its alarm, coin flips sound none, and balancing takes it away."""

import random

import numpy as np
import pytest
from tests.curate.preferences.builders import pair, placed

from trimtab.curate.place import Placed
from trimtab.curate.preferences.balance import balancing_weights, length_matched, reweighted
from trimtab.curate.preferences.features import FEATURES, differences, features_of
from trimtab.curate.preferences.pairs import pair_of, spelled, weight_of
from trimtab.curate.preferences.shortcuts import shortcuts
from trimtab.stats import pair_auc

TELLS = {
    "hedging": "Perhaps it is so.",
    "citations": "It is so [doc-1].",
    "lists": "- it is so",
    "headings": "# It",
    "bold": "It is **so**.",
    "flattery": "Great question!",
    "refusals": "I'm sorry.",
    "emoji": "It is so \U0001f600",
    "exclamations": "So it is! So! So!",
}


def pairs(count: int, seed: int, *, longer_wins: float = 0.5, tell: str = "", tell_wins: float = 0.5) -> list[Placed]:
    """Answers of varied length; with ``tell`` one side of each pair has it."""
    draw = random.Random(seed)
    made = []
    for at in range(count):
        short, long = ("word " * draw.randint(*span) for span in ((3, 12), (13, 40)))
        chosen, rejected = (long, short) if draw.random() < longer_wins else (short, long)
        if tell:
            chosen, rejected = (
                (f"{chosen}\n{tell}", rejected) if draw.random() < tell_wins else (chosen, f"{rejected}\n{tell}")
            )
        made.append(pair(chosen, rejected, f"q{at % (count // 2)}"))
    return placed(*made)


def prompts(rows: list[Placed]) -> list[str]:
    return [spelled(pair_of(row).prompt) for row in rows]


def test_a_planted_length_shortcut_is_found_and_coin_flips_sound_nothing() -> None:
    found = [
        shortcuts(differences(rows := pairs(150, seed, longer_wins=0.8)), prompts(rows), 0.6) for seed in range(20)
    ]
    clean = [shortcuts(differences(rows := pairs(150, seed)), prompts(rows), 0.6) for seed in range(20)]
    assert all("length" in one["alarms"] for one in found)
    assert sum(bool(one["alarms"]) for one in clean) <= 1


@pytest.mark.parametrize("name", sorted(TELLS))
def test_each_feature_alone_is_measured(name: str) -> None:
    rows = pairs(150, 1, tell=TELLS[name], tell_wins=0.9)
    found = shortcuts(differences(rows), prompts(rows), 0.6)
    assert name in found["alarms"]
    assert found["features"][name]["more_wins"]["low"] > 0.8
    assert found["features"][name]["best_accuracy"] > 0.8
    assert "style_alone" in found["alarms"]


def test_a_feature_that_loses_is_a_shortcut_too() -> None:
    rows = pairs(150, 1, tell=TELLS["emoji"], tell_wins=0.05)
    found = shortcuts(differences(rows), prompts(rows), 0.6)
    assert found["features"]["emoji"]["auc"]["high"] < 0.4
    assert "emoji" in found["alarms"]


def test_a_feature_that_no_pair_differs_in_is_not_reported() -> None:
    rows = pairs(40, 0)
    assert set(shortcuts(differences(rows), prompts(rows), 0.6)["features"]) == {"length"}
    assert len(features_of("a")) == len(FEATURES)


def test_reweighted_pairs_tell_nothing_by_style() -> None:
    before, after = [], []
    for seed in range(10):
        rows = pairs(300, seed, longer_wins=0.75)
        d, names = differences(rows), prompts(rows)
        before.append(pair_auc(d[:, 0], names).value)
        after.append(pair_auc(d[:, 0], names, balancing_weights(d, names, 4.0)).value)
    assert min(before) > 0.65
    assert np.mean(after) == pytest.approx(0.5, abs=0.03)


def test_weights_are_bounded_have_mean_one_and_multiply_those_of_the_rows() -> None:
    rows = pairs(100, 0, longer_wins=0.9)
    d, names = differences(rows), prompts(rows)
    weights = balancing_weights(d, names, 3.0)
    assert weights.mean() == pytest.approx(1)
    assert weights.max() / weights.min() <= 9
    made, repairs = reweighted(rows, d, names, 3.0)
    assert [weight_of(pair_of(row)) for row in made] == pytest.approx(weights.tolist(), abs=1e-6)
    assert len(repairs) == len(rows)


def test_matched_by_length_the_longer_side_wins_as_often_as_it_loses() -> None:
    rows = pairs(400, 3, longer_wins=0.75)
    kept, drops = length_matched(rows, differences(rows), 0)
    d = differences(kept)[:, 0]
    assert (d > 0).sum() == (d < 0).sum()
    assert pair_auc(d).low < 0.5 < pair_auc(d).high
    assert len(kept) + len(drops) == len(rows)
    assert {drop.reason for drop in drops} == {"length balance"}
    again, _ = length_matched(list(reversed(rows)), differences(list(reversed(rows))), 0)
    assert {row.line for row in again} == {row.line for row in kept}
