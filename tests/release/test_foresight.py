"""What a gate can see is said beforehand, in points and in cases, and what is said comes true."""

import numpy as np
import pytest
from benchmarks.gates.releases import card_of

from trimtab.records import Scorecard
from trimtab.release import GateConfig, HardFacts, Known, Regression, foresee, gate, known_of


def card(scores: list[float], size: int = 1) -> Scorecard:
    return card_of({"accuracy": {f"{i:04}": x for i, x in enumerate(scores)}}, size)


def test_the_sentence_says_points_power_and_the_cases_that_are_missing() -> None:
    config = GateConfig(non_inferiority={"accuracy": 0.03})
    (one,) = foresee(config, {"accuracy": Known(150, 150, 0.3, assumed=False)})
    assert (round(one.sees, 3), one.needed, one.enough) == (0.069, 785, False)
    assert one.sentence == (
        "accuracy: 150 cases show 6.9 points (80% power); the non-inferiority margin of 3.0 points cannot be decided "
        "by them, it needs about 785"
    )
    (more,) = foresee(config, {"accuracy": Known(785, 785, 0.3)})
    assert more.enough
    assert "taken to differ" in more.sentence


def test_clusters_count_and_a_family_sees_less() -> None:
    alone, clustered = Known(300, 300), Known(300, 60)
    config = GateConfig(superiority={"accuracy": 0.1})
    assert foresee(config, {"accuracy": clustered})[0].sees == pytest.approx(
        foresee(config, {"accuracy": alone})[0].sees * 5**0.5
    )
    family = GateConfig(regression=Regression(metrics=("accuracy", "b", "c"), alpha=0.025))
    sights = foresee(family, {"accuracy": alone})
    assert sights[0].sees > foresee(config, {"accuracy": alone})[0].sees
    assert [one.n for one in sights] == [300, 0, 0]
    assert sights[1].sentence == "b: no case scores it, so regression cannot pass"


def test_the_deviation_is_measured_where_two_releases_were_compared() -> None:
    one, other = card([1.0] * 50 + [0.0] * 50), card([1.0] * 40 + [0.0] * 60)
    measured = known_of(one, other)["accuracy"]
    assert (measured.n, measured.assumed) == (100, False)
    assert measured.deviation == pytest.approx(0.3015, abs=1e-4)
    assert known_of(one)["accuracy"].assumed
    assert known_of(one, one)["accuracy"].assumed  # equal scores say nothing of what another release would do
    assert known_of(card([1.0, 0.0] * 30, 2))["accuracy"].clusters == 30


def test_what_is_foreseen_is_what_the_gate_finds() -> None:
    """An equal release passes a margin that is just decidable about as often as the power says."""
    rng, n, flips = np.random.default_rng(0), 400, 0.1
    (sight,) = foresee(GateConfig(non_inferiority={"accuracy": 1.0}), {"accuracy": Known(n, n, flips**0.5)})
    config, passed = GateConfig(non_inferiority={"accuracy": sight.sees}), 0
    for _ in range(300):
        draws = rng.random(n)
        old = (rng.random(n) < 0.5).astype(float)
        new = np.where(draws < flips, 1 - old, old)
        passed += gate(card(new.tolist()), card(old.tolist()), None, config, HardFacts(0, 0.0, 0)).verdict == "passed"
    assert passed / 300 == pytest.approx(0.8, abs=0.07)
