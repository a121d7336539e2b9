"""Figures from measured rounds: ratios of the same round on two sides, latencies over all rounds."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Results = Mapping[str, Mapping[str, Any]]
"""By side: what ``lockstep`` measured, as JSON."""
Plan = Sequence[Mapping[str, Any]]
"""The rounds; the first one warms up."""
BYTES_A_WEIGHT = {"bf16": 2.0, "int8": 34 / 32, "int4": 18 / 32}
"""Blocks of 32 weights with a float16 scale each (GGUF's Q8_0 and Q4_0)."""
STREAMS = (1, 8, 32)


def rates(results: Results, plan: Plan, side: str, streams: int) -> list[float]:
    """Tokens a second of each counted round with so many streams."""
    steps = results[side]["steps"]
    counted = [i for i, each in enumerate(plan) if i and each["streams"] == streams]
    return [steps[i]["tokens"] / steps[i]["seconds"] for i in counted]


def ratio(results: Results, plan: Plan, ours: str, theirs: str, streams: int) -> float:
    """Median over the rounds of one side's speed over the other's on the same prompts."""
    pairs = zip(rates(results, plan, ours, streams), rates(results, plan, theirs, streams), strict=True)
    return statistics.median(a / b for a, b in pairs)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def latencies(results: Results, plan: Plan, side: str, streams: int) -> dict[str, float]:
    """``first_p50`` … ``gap_p99`` in milliseconds over all counted rounds."""
    steps = results[side]["steps"]
    counted = [steps[i] for i, each in enumerate(plan) if i and each["streams"] == streams]
    found: dict[str, float] = {}
    for name, key in (("first", "first"), ("gap", "gaps")):
        values = [value for step in counted for value in step[key]]
        found |= {f"{name}_p{round(100 * share)}": percentile(values, share) for share in (0.5, 0.95, 0.99)}
    return found


def figures(results: Results, plan: Plan, parameters: int, bandwidth: float) -> dict[str, float]:
    """One flat object. ``vs_transformers_c*`` without a suffix is of the fastest weights that were served.

    ``bandwidth``: bytes a second; a token at batch 1 reads every weight once.
    """
    found: dict[str, float] = {}
    precisions = [side.removeprefix("gateway_") for side in results if side.startswith("gateway_")]
    for precision in precisions:
        bare, gateway = f"bare_{precision}", f"gateway_{precision}"
        for streams in STREAMS:
            found[f"share_of_engine_c{streams}_{precision}"] = ratio(results, plan, gateway, bare, streams)
            found[f"vs_transformers_c{streams}_{precision}"] = ratio(results, plan, gateway, "static", streams)
        alone = statistics.median(rates(results, plan, bare, 1))
        found[f"share_of_bandwidth_c1_{precision}"] = alone * parameters * BYTES_A_WEIGHT[precision] / bandwidth
    first, fastest = precisions[0], precisions[-1]
    for streams in STREAMS:
        found[f"share_of_engine_c{streams}"] = found[f"share_of_engine_c{streams}_{first}"]
        found[f"vs_transformers_c{streams}"] = found[f"vs_transformers_c{streams}_{fastest}"]
        found[f"first_token_p99_ms_c{streams}"] = latencies(results, plan, f"gateway_{first}", streams)["first_p99"]
    found["first_token_p99_ms"] = found["first_token_p99_ms_c8"]
    found["read_bandwidth_gb_s"] = bandwidth / 1e9
    return found
