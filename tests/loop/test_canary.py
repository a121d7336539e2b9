"""The canary's decisions: replayable, bounded in error, quick where it matters."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.loop.canary import (
    SIGNALS,
    CanaryConfig,
    CanaryState,
    Request,
    canary_from_json,
    decide,
    observe,
    rates,
    share_of,
)

CONFIG = CanaryConfig()
HEALTHY = {"error": 0.0, "slow": 0.01, "guard_trip": 0.03, "complaint": 0.1}
requests = st.builds(
    Request,
    arm=st.sampled_from(["stable", "canary"]),
    share=st.sampled_from([0.1, 0.5, 1.0]),
    user=st.sampled_from(["", "a", "b", "c"]),
    raised=st.frozensets(st.sampled_from(SIGNALS)),
    severity=st.sampled_from([None, 1, 2, 3]),
)


def simulate(canary: dict[str, float], stable: dict[str, float], seed: int, horizon: int = 1500) -> tuple[str, int]:
    """Verdict and canary requests of one canary under these true rates."""
    draw, state = random.Random(seed), CanaryState("new", "old")
    for _ in range(horizon):
        share = share_of(state, CONFIG)
        arm = "canary" if draw.random() < share else "stable"
        rate = canary if arm == "canary" else stable
        raised = frozenset(name for name in SIGNALS if draw.random() < rate[name])
        state = observe(state, Request("canary" if arm == "canary" else "stable", share, raised=raised), CONFIG)
        decision = decide(state, CONFIG)
        if decision.action == "push":
            state = replace(state, ramp=state.ramp + 1)
        elif decision.action != "pause":
            return decision.action, state.requests["canary"]
    return "pause", state.requests["canary"]


def test_a_harmful_canary_is_rolled_back_within_a_few_dozen_requests() -> None:
    outcomes = [simulate({**HEALTHY, "complaint": 0.7}, HEALTHY, seed) for seed in range(20)]
    assert all(action == "roll_back" for action, _ in outcomes)
    assert max(seen for _, seen in outcomes) < 60


def test_a_canary_as_good_as_stable_is_rarely_rolled_back_and_mostly_promoted() -> None:
    actions = [simulate(HEALTHY, HEALTHY, seed)[0] for seed in range(40)]
    assert actions.count("roll_back") <= 4  # the bound is 5 % of canaries; 5 or more of 40 has probability below 5 %
    assert actions.count("promote") >= 30


def test_one_confirmed_incident_of_severity_one_rolls_back_at_once() -> None:
    state = observe(CanaryState("new", "old"), Request("canary", 0.1, severity=1), CONFIG)
    assert decide(state, CONFIG).action == "roll_back"
    on_stable = observe(CanaryState("new", "old"), Request("stable", 0.1, severity=1), CONFIG)
    assert decide(on_stable, CONFIG).action == "pause"


def test_without_evidence_the_canary_waits() -> None:
    decision = decide(CanaryState("new", "old"), CONFIG)
    assert decision.action == "pause"
    assert len(decision.drivers) == len(SIGNALS)


def test_a_sticky_user_counts_once_for_each_signal() -> None:
    state = CanaryState("new", "old")
    for _ in range(5):
        state = observe(state, Request("canary", 0.1, user="a", raised=frozenset({"complaint"})), CONFIG)
    assert rates(state)["complaint"]["canary"] == (1, 5)


def test_rolled_back_and_promoted_canaries_get_no_share() -> None:
    state = CanaryState("new", "old")
    assert share_of(state, CONFIG) == pytest.approx(0.1)
    assert share_of(replace(state, verdict="rolled_back"), CONFIG) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(requests, max_size=30))
def test_a_stored_state_decides_as_the_live_one(seen: list[Request]) -> None:
    state = CanaryState("new", "old")
    for request in seen:
        state = observe(state, request, CONFIG)
    restored = canary_from_json(json.loads(json.dumps(state.to_json())))
    assert restored == state
    assert decide(restored, CONFIG) == decide(state, CONFIG)
