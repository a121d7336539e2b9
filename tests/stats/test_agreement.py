"""Krippendorff's alpha: the author's worked examples, an independent definition, and chance is 0."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import Measurement, krippendorff_alpha, krippendorff_interval, nominal_alpha

A = "1 2 3 3 2 1 4 1 2 . . ."
B = "1 2 3 3 2 2 4 1 2 5 . 3"
C = ". 3 3 3 2 3 4 2 2 5 1 ."
D = "1 2 3 3 2 4 4 1 2 5 1 ."


def units(*raters: str) -> list[list[int]]:
    return [[int(x) for x in column if x != "."] for column in zip(*(rater.split() for rater in raters), strict=True)]


def test_the_binary_example_of_2011() -> None:
    assert krippendorff_alpha(units("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")) == pytest.approx(0.095, abs=5e-4)


def test_the_nominal_example_of_2011() -> None:
    both = zip("aabbdcccedda", "babbbccceddd", strict=True)
    assert krippendorff_alpha([list(two) for two in both]) == pytest.approx(0.692, abs=5e-4)


@pytest.mark.parametrize(("measurement", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_example_of_2011_with_four_observers_and_missing_data(measurement: Measurement, alpha: float) -> None:
    assert krippendorff_alpha(units(A, B, C, D), measurement) == pytest.approx(alpha, abs=5e-4)


def plain(rated: list[list[int]], measurement: Measurement) -> float:
    """1 − D_o/D_e by loops over the pairs of ratings, with ordinal distances summed rank by rank."""
    rated = [unit for unit in rated if len(unit) > 1]
    every = [value for unit in rated for value in unit]
    count = {value: every.count(value) for value in every}

    def distance(a: int, b: int) -> float:
        if measurement == "nominal":
            return float(a != b)
        if measurement == "interval":
            return float((a - b) ** 2)
        low, high = min(a, b), max(a, b)
        between = sum(n for value, n in count.items() if low <= value <= high)
        return 0.0 if a == b else (between - (count[a] + count[b]) / 2) ** 2

    observed = sum(distance(a, b) / (len(unit) - 1) for unit in rated for a, b in permutations(unit, 2)) / len(every)
    expected = sum(distance(a, b) for a, b in permutations(every, 2)) / (len(every) * (len(every) - 1))
    return 1 - observed / expected if expected else math.nan


RATED = st.lists(st.lists(st.integers(1, 4), max_size=4), min_size=2, max_size=12)


@given(RATED, st.sampled_from(["nominal", "ordinal", "interval"]))
@settings(max_examples=150, deadline=None)
def test_it_is_the_definition(rated: list[list[int]], measurement: Measurement) -> None:
    slow = plain(rated, measurement) if sum(len(unit) > 1 for unit in rated) else math.nan
    assert krippendorff_alpha(rated, measurement) == pytest.approx(slow, nan_ok=True)


@given(RATED)
@settings(max_examples=60, deadline=None)
def test_names_of_nominal_values_do_not_matter(rated: list[list[int]]) -> None:
    renamed = [[["zebra", "apple", "pear", "fig"][value - 1] for value in unit] for unit in rated]
    assert krippendorff_alpha(renamed) == pytest.approx(krippendorff_alpha(rated), nan_ok=True)


def test_coin_flips_agree_as_chance_does_and_the_interval_covers_it() -> None:
    covered = 0
    for seed in range(40):
        coins = np.random.default_rng(seed).integers(0, 2, (120, 3)).tolist()
        found = krippendorff_interval(coins, draws=200)
        covered += found.low <= 0 <= found.high
    assert covered >= 34  # of 40 at 95 %: fewer has a chance under 1 in 100


def test_full_agreement_is_one_and_what_nobody_shares_is_not_known() -> None:
    assert krippendorff_alpha([[1, 1], [2, 2, 2], [1]]) == 1
    assert math.isnan(krippendorff_alpha([[1], [2]]))
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    with pytest.raises(ValueError, match="two different values"):
        krippendorff_interval([[1, 1], [1, 1]])


def test_systematic_disagreement_is_below_chance() -> None:
    assert krippendorff_alpha([[0, 1]] * 10) < 0


@given(st.lists(st.lists(st.integers(0, 1), max_size=4), min_size=2, max_size=12))
@settings(max_examples=50, deadline=None)
def test_counts_say_the_same_as_units(rated: list[list[int]]) -> None:
    counts = np.array([[unit.count(0), unit.count(1)] for unit in rated], dtype=float)
    assert nominal_alpha(counts) == pytest.approx(krippendorff_alpha(rated), nan_ok=True)
