"""What the gate asks against a candidate: a family without regressions, no overfitting, enough that could be scored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.gates.questions import equal_is_blocked, overfitting_is_flagged, slow_decline, steady_is_blocked
from benchmarks.gates.releases import NAMES, Truth, card_of, resampled
from pydantic import ValidationError

from trimtab.records import Check, GateVerdict, Scorecard
from trimtab.release import GateConfig, HardFacts, Regression, best_so_far, delta, gate
from trimtab.release.paired import p_worse
from trimtab.stats import holm, paired_interval

CLEAN = HardFacts(0, 0.0, 0)


def card(**metrics: Sequence[float]) -> Scorecard:
    return card_of({name: {f"{i:03}": float(x) for i, x in enumerate(scores)} for name, scores in metrics.items()})


def checks(verdict: GateVerdict, kind: str) -> Mapping[str, Check]:
    return {check.name: check for check in verdict.checks if check.kind == kind}


def family(*names: str, **more: float) -> GateConfig:
    return GateConfig(regression=Regression.model_validate({"metrics": names, **more}))


def test_only_what_is_worse_beyond_doubt_blocks() -> None:
    old = card(a=[1] * 80 + [0] * 20, b=[1] * 50 + [0] * 50)
    new = card(a=[1] * 60 + [0] * 40, b=[1] * 48 + [0] * 52)
    found = checks(gate(new, old, None, family("a", "b"), CLEAN), "regression")
    assert [found[name].passed for name in "ab"] == [False, True]
    assert "worse beyond doubt blocks" in found["a"].reason


def test_a_gain_is_no_regression_and_lower_may_be_better() -> None:
    old, new = card(ece=[0.5] * 50 + [0.4] * 50), card(ece=[0.1] * 50 + [0.2] * 50)
    assert p_worse(new, old, "ece") < 1e-6  # as a share, a fall is worse
    assert p_worse(old, new, "ece") > 1 - 1e-6
    new, old = (replace(one, metrics={"ece": replace(one.metrics["ece"], direction="lower")}) for one in (new, old))
    assert p_worse(new, old, "ece") > 1 - 1e-6
    assert p_worse(old, new, "ece", 0.31) > 0.5 > p_worse(old, new, "ece", 0.25)


def test_p_values_are_those_of_the_interval() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        a, b = (rng.random((2, 60)) < 0.6).astype(float)
        one, other = card(m=a), card(m=b)
        low, high = paired_interval(a, b, None, 0.9).low, paired_interval(a, b, None, 0.9).high
        p = p_worse(one, other, "m")
        assert (p < 0.05) == (high < 0)
        assert (p > 0.95) == (low > 0)


def test_the_family_is_holms() -> None:
    rng = np.random.default_rng(1)
    truth = Truth.drawn(rng, 150)
    one, other = truth.worse(0.1, NAMES[:3]).card(rng), truth.card(rng)
    adjusted = holm([p_worse(one, other, name) for name in NAMES])
    found = checks(gate(one, other, None, family(*NAMES), CLEAN), "regression")
    assert [found[name].passed for name in NAMES] == [p > 0.05 for p in adjusted]


def test_a_margin_forgives_so_much() -> None:
    old, new = card(a=[1.0] * 200), card(a=[1.0] * 180 + [0.0] * 20)
    assert gate(new, old, None, family("a"), CLEAN).verdict == "blocked"
    assert gate(new, old, None, family("a", margin=0.15), CLEAN).verdict == "passed"


def test_what_is_not_measured_is_no_pass() -> None:
    old, new = card(a=[1.0] * 20, b=[1.0] * 20), card(a=[1.0] * 20)
    found = checks(gate(new, old, None, family("a", "b"), CLEAN), "regression")
    assert not found["b"].passed
    assert "not measured" in found["b"].reason
    unseen = gate(new, new, None, GateConfig(overfitting={"a": 0.1}), CLEAN)
    assert not checks(unseen, "overfitting")["a"].passed
    anchors = gate(new, new, None, GateConfig(non_inferiority_to_best={"a": 0.1}), CLEAN)
    assert anchors.verdict == "blocked"


def test_equal_releases_are_seldom_blocked_by_twelve_metrics() -> None:
    assert np.mean([equal_is_blocked(seed, 60, 1) for seed in range(60)]) <= 0.1


def test_without_holm_they_often_would_be() -> None:
    rng, count = np.random.default_rng(2), 0
    for _ in range(40):
        truth = Truth.drawn(rng, 60)
        one, other = truth.card(rng), truth.card(rng)
        count += min(p_worse(one, other, name) for name in NAMES) <= 0.05
    assert count >= 8


def test_redrawing_and_swapping_leaves_nothing_to_find() -> None:
    rng = np.random.default_rng(3)
    truth = Truth.drawn(rng, 100)
    worse, good = truth.worse(0.3).card(rng), truth.card(rng)
    differences = []
    for _ in range(60):
        found = delta(*resampled(worse, good, rng), NAMES[3])
        assert found is not None
        differences.append(found.value)
    assert abs(np.mean(differences)) < 0.05


def test_development_above_the_sealed_cases_is_flagged_where_it_is_sure() -> None:
    assert np.mean([overfitting_is_flagged(seed, 150, 0.25) for seed in range(40)]) >= 0.95
    assert np.mean([overfitting_is_flagged(seed, 150, 0.0) for seed in range(80)]) <= 0.08
    assert np.mean([overfitting_is_flagged(seed, 150, 0.25, margin=0.3) for seed in range(20)]) <= 0.1


def test_slow_decline_passes_each_incumbent_and_neither_anchor() -> None:
    found = [slow_decline(seed, 1000) for seed in range(10)]
    assert all(0 < one["π0"] <= 6 and 0 < one["the best so far"] <= 7 for one in found)
    later = [one["the incumbent"] or 11 for one in found]
    assert np.mean(later) > np.mean([one["the best so far"] for one in found]) + 1


def test_the_best_is_not_chosen_by_its_own_luck() -> None:
    rng, truth = np.random.default_rng(4), Truth.drawn(np.random.default_rng(4), 100)
    name, naive, crossed = NAMES[1], [], []
    for _ in range(200):
        line = [truth.card(rng) for _ in range(4)]
        fresh, best = truth.card(rng).metrics[name].value, best_so_far(line, (name,))
        assert best is not None
        naive.append(max(one.metrics[name].value for one in line) - fresh)
        crossed.append(best.metrics[name].value - fresh)
    assert np.mean(naive) > 0.03
    assert abs(np.mean(crossed)) < 0.012


def test_the_best_is_the_best_where_there_is_one() -> None:
    bad, good = card(a=[0.0] * 60, b=[1.0] * 60), card(a=[1.0] * 60, b=[0.0] * 60)
    best = best_so_far([bad, good, bad], ("a", "b", "c"))
    assert best is not None
    assert {name: metric.value for name, metric in best.metrics.items()} == {"a": 1.0, "b": 1.0}
    assert best_so_far([], ("a",)) is None
    assert steady_is_blocked(0, 1000) == {"π0": False, "the best so far": False}


def test_too_many_unscored_cases_block_and_are_shown() -> None:
    one = card(a=[1.0] * 10, unscored=[1.0] * 6 + [0.0] * 4)
    verdict = gate(one, one, None, GateConfig(), CLEAN)
    assert verdict.verdict == "blocked"
    assert "60% of the cases could not be scored" in checks(verdict, "unscored")["scored cases"].reason
    assert gate(one, one, None, GateConfig(unscored=0.6), CLEAN).verdict == "passed"


@pytest.mark.parametrize("section", [
    {"regression": {"metrics": []}}, {"regression": {"metrics": ["a"], "alpha": 0.7}},
    {"overfitting": {"a": -0.1}}, {"non_inferiority_to_best": {"a": float("nan")}}, {"unscored": 1.2},
])  # fmt: skip
def test_a_section_that_makes_no_sense_is_refused(section: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError):
        GateConfig.model_validate(section)
