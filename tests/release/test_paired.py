"""Differences of scorecards: by the same cases where there are any, honest where there are not."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from trimtab.records import Metric, Scorecard
from trimtab.release.paired import between, delta
from trimtab.stats import paired_interval

MakeCard = Callable[..., Scorecard]
A = {f"c{i}": float(i % 3 == 0) for i in range(30)}
B = {f"c{i}": float(i % 5 == 0) for i in range(30)}


def test_the_difference_is_paired_and_clustered_over_the_same_cases(make_card: MakeCard) -> None:
    clusters = {name: f"k{i // 3}" for i, name in enumerate(A)}
    found = delta(make_card({"m": A}, clusters=clusters), make_card({"m": B}), "m")
    names = sorted(A)
    plain = paired_interval([A[n] for n in names], [B[n] for n in names], [clusters[n] for n in names])
    assert found is not None
    assert (found.value, found.low, found.high, found.n) == (plain.value, plain.low, plain.high, 30)
    assert (found.basis, found.coverage) == ("cases", 1.0)


def test_order_of_cases_does_not_matter_and_missing_cases_lower_the_coverage(make_card: MakeCard) -> None:
    backwards = dict(reversed(B.items()))
    assert delta(make_card({"m": A}), make_card({"m": backwards}), "m") == delta(
        make_card({"m": A}), make_card({"m": B}), "m"
    )
    fewer = {name: score for name, score in B.items() if name != "c0"}
    found = delta(make_card({"m": A}), make_card({"m": fewer}), "m")
    assert found is not None
    assert found.coverage == pytest.approx(29 / 30)


def test_lower_is_better_turns_the_sign_and_the_word(make_card: MakeCard) -> None:
    good, bad = dict.fromkeys(A, 0.0), dict.fromkeys(A, 1.0)
    found = delta(make_card({"m": good}, {"m": "lower"}), make_card({"m": bad}, {"m": "lower"}), "m")
    assert found is not None
    assert found.value == -1
    assert found.better[0] == 1
    assert found.better[1] <= found.better[0] <= found.better[2]
    assert found.moved == "better"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_no_number_makes_no_difference(make_card: MakeCard, bad: float) -> None:
    card = make_card({"m": A})
    assert delta(replace(card, cases={"m": {**A, "c0": bad}}), make_card({"m": B}), "m") is None
    assert delta(make_card({"m": A}), make_card({"other": B}), "m") is None


def test_without_cases_the_two_intervals_decide_and_cover_at_their_level() -> None:
    """MOVER on independent normal means: the true difference lies inside about 95 times of 100."""
    rng, inside, n = np.random.default_rng(0), 0, 40
    for _ in range(800):
        ends = []
        for mean in (0.3, 0.0):
            x = rng.normal(mean, 1, n)
            half = 2.02 * x.std(ddof=1) / math.sqrt(n)
            ends.append(Metric(float(x.mean()), n, float(x.mean() - half), float(x.mean() + half)))
        found = between("m", *ends)
        assert found is not None
        inside += found.low <= 0.3 <= found.high
    assert 0.93 < inside / 800 < 0.975


def test_a_value_that_is_no_number_makes_no_difference_either() -> None:
    assert between("m", Metric(math.nan, 3, 0, 1), Metric(0.5, 3, 0, 1)) is None
