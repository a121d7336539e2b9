"""The gate: passes what is shown better and not worse, blocks what is not measured, and is seldom fooled."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trimtab.records import Check, GateVerdict, Metric, Scorecard
from trimtab.release import GateConfig, HardFacts, Limit, gate

MakeCard = Callable[..., Scorecard]
CLEAN = HardFacts(contaminated=0, served_difference=0.001, severity_1=0)
CONFIG = GateConfig(superiority={"target": 0.05}, non_inferiority={"guard": 0.1}, absolute={"harm": Limit(max=0.1)})
N = 200


def scores(share: float, n: int = N) -> dict[str, float]:
    return {f"c{i}": float(i < share * n) for i in range(n)}


def cards(make_card: MakeCard, **changes: Any) -> tuple[Scorecard, Scorecard]:
    """A candidate that is clearly better in target, a little worse in guard, and harms seldom; and its incumbent."""
    better = {"target": scores(0.8), "guard": scores(0.69), "harm": scores(0.02)} | changes
    return (
        make_card(better, {"harm": "lower"}),
        make_card({"target": scores(0.5), "guard": scores(0.7), "harm": scores(0.02)}, {"harm": "lower"}),
    )


def blocked_by(verdict: GateVerdict) -> list[str]:
    assert verdict.verdict == ("blocked" if any(not check.passed for check in verdict.checks) else "passed")
    return [check.name for check in verdict.checks if not check.passed]


def test_a_good_candidate_passes_every_check_each_with_its_numbers(make_card: MakeCard) -> None:
    verdict = gate(*cards(make_card), None, CONFIG, CLEAN)
    assert blocked_by(verdict) == []
    kinds = {check.kind for check in verdict.checks}
    assert kinds == {"hard_stop", "superiority", "non_inferiority", "absolute", "unscored"}
    target = next(check for check in verdict.checks if check.name == "target")
    assert target.delta == pytest.approx(0.3)
    assert target.n == N
    assert target.ci_low is not None
    assert target.ci_low > 0.05
    assert "+0.300" in target.reason
    assert "0.05" in target.reason


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (replace(CLEAN, contaminated=1), "contamination"),
        (replace(CLEAN, contaminated=None), "contamination"),
        (replace(CLEAN, served_difference=0.2), "served as trained"),
        (replace(CLEAN, served_difference=None), "served as trained"),
        (replace(CLEAN, served_difference=math.nan), "served as trained"),
        (replace(CLEAN, severity_1=1), "severity-1 attacks"),
        (replace(CLEAN, severity_1=None), "severity-1 attacks"),
    ],
)
def test_a_hard_stop_blocks_whatever_was_scored(make_card: MakeCard, facts: HardFacts, name: str) -> None:
    assert blocked_by(gate(*cards(make_card), None, CONFIG, facts)) == [name]


def test_nothing_known_is_everything_stopped(make_card: MakeCard) -> None:
    assert len(blocked_by(gate(*cards(make_card), None, GateConfig(), HardFacts()))) == 3


@pytest.mark.parametrize("name", ["target", "guard", "harm"])
def test_a_missing_metric_blocks(make_card: MakeCard, name: str) -> None:
    candidate, incumbent = cards(make_card)
    kept = {key: value for key, value in candidate.metrics.items() if key != name}
    assert blocked_by(gate(replace(candidate, metrics=kept), incumbent, None, CONFIG, CLEAN)) == [name]


def test_a_metric_that_the_incumbent_lacks_blocks(make_card: MakeCard) -> None:
    candidate, incumbent = cards(make_card)
    kept = {key: value for key, value in incumbent.metrics.items() if key != "guard"}
    assert blocked_by(gate(candidate, replace(incumbent, metrics=kept), None, CONFIG, CLEAN)) == ["guard"]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_metric_that_is_no_number_blocks(make_card: MakeCard, bad: float) -> None:
    candidate, incumbent = cards(make_card)
    metrics = {**candidate.metrics, "harm": replace(candidate.metrics["harm"], value=bad)}
    assert blocked_by(gate(replace(candidate, metrics=metrics), incumbent, None, CONFIG, CLEAN)) == ["harm"]


def test_a_gain_that_is_too_small_or_too_unsure_blocks(make_card: MakeCard) -> None:
    assert blocked_by(gate(*cards(make_card, target=scores(0.52)), None, CONFIG, CLEAN)) == ["target"]
    few = [make_card({"target": scores(share, 8), "guard": scores(1, 8), "harm": scores(0, 8)}) for share in (0.8, 0.5)]
    assert "target" in blocked_by(gate(few[0], few[1], None, CONFIG, CLEAN))


def test_a_loss_beyond_the_margin_blocks_and_the_reason_says_so(make_card: MakeCard) -> None:
    verdict = gate(*cards(make_card, guard=scores(0.55)), None, CONFIG, CLEAN)
    assert blocked_by(verdict) == ["guard"]
    (check,) = (check for check in verdict.checks if not check.passed)
    assert "-0.145" in check.reason
    assert "0.1" in check.reason


def test_lower_is_better_is_understood(make_card: MakeCard) -> None:
    config = GateConfig(superiority={"harm": 0.05}, non_inferiority={"harm": 0.02})
    high, low = (make_card({"harm": scores(share)}, {"harm": "lower"}) for share in (0.6, 0.1))
    assert blocked_by(gate(low, high, None, config, CLEAN)) == []
    assert blocked_by(gate(high, low, None, config, CLEAN)) == ["harm", "harm"]


def test_a_metric_without_a_better_side_cannot_be_compared(make_card: MakeCard) -> None:
    one = make_card({"drift": scores(0.5)}, {"drift": "none"})
    config = GateConfig(non_inferiority={"drift": 0.1})
    assert blocked_by(gate(one, one, None, config, CLEAN)) == ["drift"]


def test_other_cases_cannot_be_compared(make_card: MakeCard) -> None:
    candidate, incumbent = cards(make_card)
    other = replace(incumbent, suite_digest="o" * 64)
    assert blocked_by(gate(candidate, other, None, CONFIG, CLEAN)) == ["target", "guard"]


def test_too_few_common_cases_block(make_card: MakeCard) -> None:
    part = {name: score for i, (name, score) in enumerate(scores(0.8).items()) if i >= 20}
    assert blocked_by(gate(*cards(make_card, target=part), None, CONFIG, CLEAN)) == ["target"]


def test_the_anchor_is_held_apart_and_missing_it_blocks(make_card: MakeCard) -> None:
    candidate, incumbent = cards(make_card)
    config = GateConfig(non_inferiority_to_base={"guard": 0.1})
    base = make_card({"guard": scores(0.95)})
    assert blocked_by(gate(candidate, incumbent, incumbent, config, CLEAN)) == []
    assert blocked_by(gate(candidate, incumbent, base, config, CLEAN)) == ["guard against π0"]
    assert blocked_by(gate(candidate, incumbent, None, config, CLEAN)) == ["guard against π0"]


@pytest.mark.parametrize(
    ("limit", "passes"),
    [
        (Limit(max=0.5), True),
        (Limit(min=0.5), True),
        (Limit(max=0.49), False),
        (Limit(min=0.51), False),
        (Limit(max=0.52, sure=True), False),
        (Limit(max=0.61, sure=True), True),
        (Limit(min=0.4, sure=True), True),
    ],
)
def test_absolute_limits_hold_the_value_or_surely_the_interval(limit: Limit, passes: bool) -> None:
    card = Scorecard("s", "d", "r", {"m": Metric(0.5, 100, 0.4, 0.6)})
    verdict = gate(card, card, None, GateConfig(absolute={"m": limit}), CLEAN)
    assert (blocked_by(verdict) == []) is passes


def test_a_limit_without_cases_blocks() -> None:
    card = Scorecard("s", "d", "r", {"m": Metric(0.0, 0, 0.0, 1.0)})
    assert blocked_by(gate(card, card, None, GateConfig(absolute={"m": Limit(max=1)}), CLEAN)) == ["m"]


def simulate(make_card: MakeCard, config: GateConfig, shift: float, runs: int = 400) -> float:
    """Share of gates passed when the candidate's true rate is the incumbent's plus ``shift``; scenarios of 3 cases."""
    rng, passed, units = np.random.default_rng(1), 0, 60
    clusters = {f"c{i}": f"k{i // 3}" for i in range(3 * units)}
    for _ in range(runs):
        ease = np.repeat(rng.normal(0, 0.15, units), 3)
        a, b = ((rng.random(3 * units) < np.clip(0.6 + up + ease, 0, 1)).astype(float) for up in (shift, 0.0))
        pair = [make_card({"m": dict(zip(clusters, map(float, x), strict=True))}, clusters=clusters) for x in (a, b)]
        passed += gate(pair[0], pair[1], None, config, CLEAN).verdict == "passed"
    return passed / runs


def test_a_candidate_equal_to_the_incumbent_passes_no_more_often_than_alpha(make_card: MakeCard) -> None:
    assert simulate(make_card, GateConfig(superiority={"m": 0.0}), 0.0) < 0.045
    assert simulate(make_card, GateConfig(superiority={"m": 0.0}), 0.2) > 0.8


def test_a_candidate_worse_by_the_margin_passes_no_more_often_than_alpha(make_card: MakeCard) -> None:
    assert simulate(make_card, GateConfig(non_inferiority={"m": 0.15}), -0.15) < 0.045
    assert simulate(make_card, GateConfig(non_inferiority={"m": 0.15}), 0.0) > 0.7


def test_a_careless_alpha_is_seen_by_the_simulation(make_card: MakeCard) -> None:
    assert simulate(make_card, GateConfig(superiority={"m": 0.0}, alpha=0.2), 0.0) > 0.1


def test_the_same_numbers_give_the_same_verdict(make_card: MakeCard) -> None:
    assert gate(*cards(make_card), None, CONFIG, CLEAN) == gate(*cards(make_card), None, CONFIG, CLEAN)
    assert all(isinstance(check, Check) for check in gate(*cards(make_card), None, CONFIG, CLEAN).checks)


@pytest.mark.parametrize(
    "section", [{"superiority": {"m": -1}}, {"absolute": {"m": {}}}, {"alpha": 0.6}, {"superiorty": {"m": 0}}]
)
def test_a_config_that_means_nothing_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        GateConfig.model_validate(section)
