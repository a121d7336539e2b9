"""The gateway's figures: percentiles, overheads of one round, fair shares, slopes and the time to recover."""

import math
from typing import Any

import pytest
from benchmarks.gateway.figures import (
    fair_shares,
    headline,
    overhead_figures,
    overload_figures,
    percentile,
    recovery,
    slope,
)
from hypothesis import given
from hypothesis import strategies as st

RATES = st.dictionaries(st.sampled_from("abcde"), st.floats(0.1, 100), min_size=1)
WEIGHTS = st.dictionaries(st.sampled_from("abcde"), st.floats(0.25, 8))


def _block(side: str, latency: list[float], kind: str = "", **fields: Any) -> dict[str, Any]:
    row = {"side": side, "kind": kind, "latency": latency, "claimed": [], "late": [0.1], "cpu": 1.0}
    return row | {"offered": len(latency), "statuses": {"200": len(latency)}} | fields


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(i) for i in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.5) == 7.0
    assert math.isnan(percentile([], 0.5))


def test_an_overhead_is_the_median_of_differences_within_a_round() -> None:
    """The machine grew slower from round to round: differences of overall medians would say another thing."""
    rounds = [
        *(_block("direct", [1.0]), _block("ours", [2.0])),
        *(_block("direct", [10.0]), _block("ours", [12.0])),
        *(_block("direct", [50.0]), _block("ours", [51.5])),
    ]
    warm = [_block("direct", [900.0]), _block("ours", [1.0])]
    found = overhead_figures([*warm, *rounds], warm=2)
    assert found["ours_overhead_p50_ms"] == 1.5
    assert found["direct_p50_ms"] == 10.0
    assert "direct_overhead_p50_ms" not in found


def test_a_stream_is_held_against_a_stream_and_a_failure_is_counted() -> None:
    rows = [
        _block("direct", [1.0]),
        _block("direct", [5.0], "_stream"),
        _block("ours", [7.0], "_stream", offered=4, claimed=[0.5]),
    ]
    found = overhead_figures(rows, warm=0)
    assert found["ours_stream_overhead_p50_ms"] == 2.0
    assert found["ours_stream_failed"] == 3
    assert found["ours_stream_claimed_p50_ms"] == 0.5


def test_the_headline_compares_with_litellm_only_what_was_measured() -> None:
    found = {"ours_overhead_p50_ms": 1.5, "ours_overhead_p99_ms": 4.0, "litellm_overhead_p50_ms": 6.0}
    named = headline(found)
    assert (named["overhead_p50_ms"], named["vs_litellm"]) == (1.5, 4.0)
    assert "vs_litellm_p99" not in named


def test_whoever_asks_for_less_than_its_share_gets_it_all_and_the_rest_share_by_weight() -> None:
    assert fair_shares({"modest": 2, "greedy": 90, "eager": 90}, {"eager": 2}, 20) == {
        "modest": 2,
        "greedy": 6,
        "eager": 12,
    }
    assert fair_shares({"a": 1, "b": 2}, {}, 10) == {"a": 1, "b": 2}


@given(RATES, WEIGHTS, st.floats(0.1, 200))
def test_fair_shares_use_the_capacity_and_give_nobody_more_than_it_asks(
    rates: dict[str, float], weights: dict[str, float], capacity: float
) -> None:
    given_ = fair_shares(rates, weights, capacity)
    assert sum(given_.values()) == pytest.approx(min(capacity, sum(rates.values())))
    assert all(given_[tenant] <= rates[tenant] * (1 + 1e-9) for tenant in rates)
    levels = {tenant: given_[tenant] / weights.get(tenant, 1.0) for tenant in rates}
    unmet = [tenant for tenant in rates if given_[tenant] < rates[tenant] * (1 - 1e-9)]
    assert all(levels[tenant] >= max(levels.values()) * (1 - 1e-9) for tenant in unmet)


def test_a_slope_leaves_the_warm_up_out() -> None:
    samples = [(0.0, 10.0), (1.0, 90.0), *((float(i), 100.0 + 2 * i) for i in range(10, 20))]
    assert slope(samples, after=10) == pytest.approx(2.0)
    assert slope(samples, after=19) == 0.0


def test_recovery_is_when_the_latency_is_back_and_stays_back() -> None:
    slow = [(0.2 * i, 3.0) for i in range(10)]
    good = [(2.0 + 0.2 * i, 1.0) for i in range(20)]
    assert recovery([*slow, *good], baseline=1.0) == pytest.approx(1.6)  # the first window with mostly good ones
    assert recovery([*slow, *good, *((7 + 0.2 * i, 3.0) for i in range(5))], baseline=1.0) == math.inf
    assert recovery(good, baseline=1.0) == 2.0


def _row(at: float, tenant: str, status: int, seconds: float) -> dict[str, Any]:
    return {"at": at, "tenant": tenant, "status": status, "seconds": seconds}


def test_a_request_that_ran_out_of_its_budget_counts_as_admitted() -> None:
    probes = {"rows": [_row(0.2 * i, "a", 200, 0.1) for i in range(10)], "memory": [], "unanswered": 0}
    rows = [_row(1, "a", 200, 1.0), _row(2, "b", 504, 5.0), _row(2, "b", 429, 0.01), _row(3, "b", 500, 0.1)]
    flood = {
        "rows": rows,
        "memory": [(0.0, 50.0), (30.0, 50.0), (60.0, 51.0)],
        "unanswered": 1,
        "cpu": 30.0,
        "late": 0.002,
    }
    seen = {"before": probes, "flood": flood, "after": probes}
    found = overload_figures(seen, {}, {"a": 1.0, "b": 3.0}, seconds=60, budget_ms=5000)
    assert found["overload_admitted_p99_ratio"] == 1.0
    assert (found["timed_out"], found["refused"], found["odd_answers"]) == (1, 1, 2)
    assert found["refusal_p99_ms"] == 10.0
    assert found["share_b"] == 0.0
    assert (found["overload_cpu_share"], found["overload_client_late_ms"]) == (0.5, 2.0)
    assert found["memory_mb_per_minute"] == pytest.approx(2.0)
    assert found["recovery_seconds"] == 0.0
