"""From what was seen to the figures: overheads as differences of medians, shares, slopes, the time to recover."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]
REFUSED = (429, 503)
_WINDOW = 5  # probes whose median tells whether all is well again
_NEAR = 1.10
_PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_MULTIPLES = (
    ("vs_litellm", "ours_overhead_p50_ms", "litellm_overhead_p50_ms"),
    ("vs_litellm_p99", "ours_overhead_p99_ms", "litellm_overhead_p99_ms"),
    ("vs_litellm_http", "ours_http_overhead_p50_ms", "litellm_overhead_p50_ms"),
    ("vs_litellm_http_p99", "ours_http_overhead_p99_ms", "litellm_overhead_p99_ms"),
    ("vs_litellm_calm", "ours_calm_overhead_p50_ms", "litellm_calm_overhead_p50_ms"),
    ("vs_litellm_http_calm", "ours_http_calm_overhead_p50_ms", "litellm_calm_overhead_p50_ms"),
    ("vs_litellm_stream_calm", "ours_stream_calm_overhead_p50_ms", "litellm_stream_calm_overhead_p50_ms"),
    ("vs_litellm_cpu", "ours_cpu_ms", "litellm_cpu_ms"),
)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed; NaN of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def overhead_figures(timed: Rows, warm: int) -> dict[str, float]:
    """Of each kind of block (the first ``warm`` are left out): the medians over blocks of P50, P95, P99 and CPU, in ms;
    overheads over direct calls of the same round; LiteLLM's as multiples of ours."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for block in timed[warm:]:
        by_name.setdefault(block["side"] + block["kind"], []).append(block)
    found: dict[str, float] = {}
    for name, rows in by_name.items():
        for label, share in _PERCENTILES:
            found[f"{name}_{label}_ms"] = _median(percentile(row["latency"], share) for row in rows)
        found[f"{name}_cpu_ms"] = _median(row["cpu"] for row in rows)
        found[f"{name}_failed"] = sum(row["offered"] - row["statuses"].get("200", 0) for row in rows)
        if rows[0]["claimed"]:
            found[f"{name}_claimed_p50_ms"] = _median(percentile(row["claimed"], 0.5) for row in rows)
            found[f"{name}_claimed_p99_ms"] = _median(percentile(row["claimed"], 0.99) for row in rows)
        base = by_name.get("direct" + rows[0]["kind"])
        if base is not None and rows is not base:
            for label, share in _PERCENTILES:
                found[f"{name}_overhead_{label}_ms"] = _overhead(rows, base, share)
    late = [value for block in timed[warm:] for value in block["late"]]
    return found | {"client_late_p50_ms": percentile(late, 0.5), "client_late_p99_ms": percentile(late, 0.99)}


def headline(found: Mapping[str, float]) -> dict[str, float]:
    """The figures that the goals speak of, and LiteLLM's overhead as a multiple of ours."""
    named = {f"overhead_{label}_ms": f"ours_overhead_{label}_ms" for label, _ in _PERCENTILES}
    result = {key: found[source] for key, source in named.items() if source in found}
    for key, ours, theirs in _MULTIPLES:
        if found.get(ours, 0) > 0 and theirs in found:
            result[key] = found[theirs] / found[ours]
    return result


def _overhead(rows: Rows, base: Rows, share: float) -> float:
    """The median over rounds of a side's percentile less that of the direct calls beside it."""
    pairs = zip(rows, base, strict=True)
    return _median(percentile(row["latency"], share) - percentile(direct["latency"], share) for row, direct in pairs)


def fair_shares(rates: Mapping[str, float], weights: Mapping[str, float], capacity: float) -> dict[str, float]:
    """The max-min fair part of ``capacity`` for each tenant that asks for ``rates``, by weight (water-filling;
    D. Bertsekas and R. Gallager, "Data Networks", 1992, section 6.5.2)."""
    left, given, asking = capacity, dict[str, float](), dict(rates)
    while asking:
        unit = left / sum(weights.get(tenant, 1.0) for tenant in asking)
        content = [tenant for tenant, rate in asking.items() if rate <= unit * weights.get(tenant, 1.0)]
        if not content:
            return given | {tenant: unit * weights.get(tenant, 1.0) for tenant in asking}
        for tenant in content:
            given[tenant] = asking.pop(tenant)
            left -= given[tenant]
    return given


def overload_figures(
    seen: Mapping[str, Any], weights: Mapping[str, float], rates: Mapping[str, float], seconds: float, budget_ms: float
) -> dict[str, float]:
    """Admitted, refused, shares, memory and recovery of a flood of ``seconds``.

    A request that ran out of its budget (504) counts as admitted, with all the time it took.
    """
    rows = seen["flood"]["rows"]
    served = [row for row in rows if row["status"] == 200]
    admitted = [1000 * row["seconds"] for row in rows if row["status"] in (200, 504)]
    refused = [1000 * row["seconds"] for row in rows if row["status"] in REFUSED]
    offered = len(rows) + seen["flood"]["unanswered"]
    done = {tenant: sum(row["tenant"] == tenant for row in served) for tenant in rates}
    asked = {tenant: float(sum(row["tenant"] == tenant for row in rows)) for tenant in rates}
    fair = fair_shares(asked, weights, float(len(served)))
    parts = {f"share_{tenant}": done[tenant] / fair[tenant] for tenant in rates}
    baseline = percentile([row["seconds"] for row in seen["before"]["rows"]], 0.5)
    return {
        "overload_admitted_p99_ratio": percentile(admitted, 0.99) / budget_ms,
        "overload_admitted_p99_ms": percentile(admitted, 0.99),
        "overload_admitted_p50_ms": percentile(admitted, 0.5),
        "refusal_p50_ms": percentile(refused, 0.5),
        "refusal_p99_ms": percentile(refused, 0.99),
        "refusal_most_ms": max(refused, default=float("nan")),
        "offered_per_second": offered / seconds,
        "served_per_second": len(served) / seconds,
        "refused": len(refused),
        "timed_out": sum(row["status"] == 504 for row in rows),
        "odd_answers": sum(row["status"] not in (200, 504, *REFUSED) for row in rows) + seen["flood"]["unanswered"],
        "fair_share_least": min(parts.values()),
        **parts,
        "memory_mb": seen["flood"]["memory"][-1][1],
        "memory_mb_per_minute": slope(seen["flood"]["memory"], after=seconds / 3) * 60,
        "baseline_p50_ms": 1000 * baseline,
        "overload_cpu_share": seen["flood"]["cpu"] / seconds,
        "overload_client_late_ms": 1000 * seen["flood"]["late"],
        "recovery_seconds": recovery([(row["at"], row["seconds"]) for row in seen["after"]["rows"]], baseline),
    }


def slope(samples: Sequence[Sequence[float]], after: float) -> float:
    """The least-squares slope of (time, value) pairs from time ``after`` on; 0 of fewer than two."""
    late = [(time, value) for time, value in samples if time >= after]
    if len(late) < 2:
        return 0.0
    times, values = zip(*late, strict=True)
    return float(statistics.linear_regression(times, values).slope)


def recovery(probes: Sequence[tuple[float, float]], baseline: float) -> float:
    """Seconds from the load's end until the median of ``_WINDOW`` probes is, and stays, within 10 % of ``baseline``.

    ``probes``: when (seconds after the end) and how long. Infinite where that never comes.
    """
    ordered = sorted(probes)
    settled = float("inf")
    for i in range(len(ordered) - _WINDOW, -1, -1):
        if statistics.median(seconds for _, seconds in ordered[i : i + _WINDOW]) > _NEAR * baseline:
            break
        settled = ordered[i][0]
    return settled


def _median(values: Any) -> float:
    return float(statistics.median(list(values)))
