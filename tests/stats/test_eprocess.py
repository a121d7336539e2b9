"""E-processes: no winning bet under the null, by enumeration; soon decided under alternatives, by simulation."""

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import BettingTest, CapTest, Direction, RatioTest, Wealth

DIRECTIONS: tuple[Direction, Direction] = ("worse", "not_worse")


def canary_probability(share: float, ratio: float) -> float:
    return share * ratio / (share * ratio + 1 - share)


@given(st.floats(0.01, 0.99), st.floats(0.2, 5), st.floats(1, 20), st.sampled_from(DIRECTIONS))
def test_an_event_is_no_winning_bet_under_the_ratios_null(
    share: float, ratio: float, beyond: float, direction: Direction
) -> None:
    test = RatioTest(ratio, direction)
    true_ratio = ratio / beyond if direction == "worse" else ratio * beyond
    p = canary_probability(share, true_ratio)
    expected = sum(
        chance * test.evalue(test.update(test.start(), canary, share)) for canary, chance in ((True, p), (False, 1 - p))
    )
    assert expected <= 1 + 1e-9
    if beyond == 1:
        assert expected == pytest.approx(1)


def test_three_events_under_changing_shares_are_fair_by_enumeration() -> None:
    test, shares = RatioTest(2.0, "not_worse"), (0.05, 0.2, 0.5)
    total = 0.0
    for outcome in product((True, False), repeat=3):
        state, chance = test.start(), 1.0
        for canary, share in zip(outcome, shares, strict=True):
            state = test.update(state, canary, share)
            p = canary_probability(share, 2.0)
            chance *= p if canary else 1 - p
        total += chance * test.evalue(state)
    assert total == pytest.approx(1)


@given(st.floats(0.001, 0.9), st.floats(0, 1), st.sampled_from(DIRECTIONS))
def test_a_request_is_no_winning_bet_under_the_caps_null(cap: float, where: float, direction: Direction) -> None:
    test = CapTest(cap, direction)
    p = cap * where if direction == "worse" else cap + (1 - cap) * where
    expected = p * test.evalue(test.update(test.start(), True)) + (1 - p) * test.evalue(
        test.update(test.start(), False)
    )
    assert expected <= 1 + 1e-9


@given(st.floats(0, 0.4), st.floats(0, 1), st.floats(0, 1), st.sampled_from(DIRECTIONS))
def test_a_judged_pair_is_no_winning_bet_under_its_null(
    margin: float, where: float, ties: float, direction: Direction
) -> None:
    test = BettingTest(margin, direction)
    bound = 0.5 - margin
    mean = bound * where if direction == "not_worse" else bound + (1 - bound) * where
    tie = ties * 2 * min(mean, 1 - mean)
    chances = {0.5: tie, 1.0: mean - tie / 2, 0.0: 1 - mean - tie / 2}
    expected = sum(chance * test.evalue(test.update(test.start(), won)) for won, chance in chances.items())
    assert expected <= 1 + 1e-9


def test_a_wrong_null_probability_would_be_caught() -> None:
    """The enumeration fails for a bet that ignores the traffic's share: it is a check that can fail."""
    test, share = RatioTest(1.0, "worse"), 0.5
    state = test.update(test.start(), True, 0.1)  # booked at the wrong share
    missed = test.update(test.start(), False, 0.1)
    assert share * test.evalue(state) + (1 - share) * test.evalue(missed) > 1.2


def test_wealth_is_the_plain_product() -> None:
    test, events = CapTest(0.05), [False] * 40 + [True] + [False] * 10
    state = test.start()
    for event in events:
        state = test.update(state, event)
    plain = np.mean([math.prod(p / 0.05 if e else (1 - p) / 0.95 for e in events) for p in test.alternatives])
    assert test.evalue(state) == pytest.approx(plain)
    assert state.n == 51


def test_a_share_of_nothing_or_all_teaches_nothing() -> None:
    test = RatioTest()
    for share in (0.0, 1.0):
        assert test.update(test.start(), True, share) == test.start()
    with pytest.raises(ValueError, match="share"):
        test.update(test.start(), True, 1.5)


def test_state_survives_storage() -> None:
    test = RatioTest()
    state = test.update(test.update(test.start(), True, 0.1), False, 0.1)
    assert Wealth.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_wealth_stays_finite() -> None:
    test = RatioTest()
    state = test.start()
    for _ in range(2_000):
        state = test.update(state, True, 0.1)
    assert math.isfinite(test.evalue(state))


@pytest.mark.parametrize("make", [lambda: RatioTest(0), lambda: CapTest(1), lambda: BettingTest(0.5)])
def test_senseless_settings_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="must"):
        make()  # type: ignore[operator]


def first_alarm(canary: float, baseline: float, alpha: float, rng: np.random.Generator, horizon: int) -> int | None:
    """Canary requests until the ratio test rejects "no worse", at one canary request in ten, looked at after each."""
    test = RatioTest(1.0, "worse")
    state = test.start()
    hits = np.flatnonzero(rng.random(horizon) < canary)
    misses = np.flatnonzero(rng.random(9 * horizon) < baseline) // 9
    events = sorted([(int(i), True) for i in hits] + [(int(i), False) for i in misses])
    for request, on_canary in events:
        state = test.update(state, on_canary, 0.1)
        if test.evalue(state) >= 1 / alpha:
            return request + 1
    return None


def test_equal_arms_are_rarely_rolled_back_however_often_one_looks() -> None:
    rng = np.random.default_rng(0)
    alarms = [first_alarm(0.01, 0.01, 0.05, rng, 1_000) for _ in range(400)]
    assert sum(alarm is not None for alarm in alarms) / 400 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize(("rate", "median"), [(0.03, 427), (0.05, 151), (0.10, 49)])
def test_worse_arms_are_rolled_back_about_as_fast_as_simulated_before(rate: float, median: int) -> None:
    rng = np.random.default_rng(1)
    alarms = [first_alarm(rate, 0.01, 0.05 / 4, rng, 3_000) or 3_000 for _ in range(200)]
    assert np.median(alarms) == pytest.approx(median, rel=0.25)


def run_cap(rate: float, rng: np.random.Generator, horizon: int) -> int | None:
    test = CapTest(0.05)
    state = test.start()
    for i in range(horizon):
        state = test.update(state, bool(rng.random() < rate))
        if test.evalue(state) >= 20:
            return i + 1
    return None


def test_no_event_in_75_requests_shows_a_rate_below_the_cap() -> None:
    assert run_cap(0.0, np.random.default_rng(0), 200) == pytest.approx(75, abs=2)


def test_an_arm_at_the_cap_is_rarely_shown_safe() -> None:
    rng = np.random.default_rng(2)
    shown = [run_cap(0.05, rng, 400) is not None for _ in range(200)]
    assert sum(shown) / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)


def test_a_worse_model_loses_its_pairs_within_some_hundreds() -> None:
    rng, test = np.random.default_rng(3), BettingTest(0.0, "worse")

    def pairs(won: float) -> int:
        state = test.start()
        for i in range(4_000):
            state = test.update(state, float(rng.random() < won))
            if test.evalue(state) >= 80:
                return i + 1
        return 4_000

    assert np.median([pairs(0.40) for _ in range(60)]) == pytest.approx(253, rel=0.35)
    assert sum(pairs(0.5) < 4_000 for _ in range(40)) <= 3
