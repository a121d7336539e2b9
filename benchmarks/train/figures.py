"""From measured steps to the figures: medians, ratios, shares. Pure."""

from collections.abc import Mapping
from statistics import median
from typing import Any

Side = Mapping[str, Any]
Results = Mapping[str, Mapping[str, Side]]
"""Run, then side, to what ``lockstep.Measured.to_json`` gave."""
WARMUP, EPOCHS = 1, 2
"""Steps that are not counted; epochs over which a cached reference is spread."""
_VS_DEFAULT = {
    "sft_vs_default": "sft",
    "dpo_vs_default": "dpo",
    "reward_vs_default": "reward",
    "grpo_step_vs_default": "grpo",
    "tool_sft_vs_default": "tool_sft",
    "sgd_sft_vs_default": "sgd_sft",
}
_OBJECTIVES = ("sft", "dpo", "reward", "grpo")


def figures(results: Results) -> dict[str, Any]:
    """Every figure whose runs were made; the ratios are above 1 where we are faster."""
    found: dict[str, Any] = {}
    for key, run in _VS_DEFAULT.items():
        if _has(results, run, "ours", "trl_default"):
            found[key] = speed(results[run]["ours"]) / speed(results[run]["trl_default"])
    if _has(results, "grpo", "ours", "trl_default"):
        ours, peer = (speed(results["grpo"][name], generation=False) for name in ("ours", "trl_default"))
        found["grpo_update_vs_default"] = ours / peer
    found |= _vs_best(results)
    if ratios := memory(results):
        found["memory_vs_default"] = max(ratios.values())
    if _has(results, "roofline", "ours", "matmul"):
        found["roofline_share"] = roofline(**results["roofline"])
    if gaps := loss_gaps(results):
        found["loss_gap_float32"] = max(gaps.values())
    return found


def _vs_best(results: Results) -> dict[str, float]:
    """Against the fastest of the peer's tuned settings."""
    found = {}
    for objective in ("sft", "dpo"):
        runs = (results.get(objective, {}), results.get(f"{objective}_packed", {}))
        tuned = [side for run in runs for name, side in run.items() if name in ("trl_best", "trl_packed")]
        if tuned and _has(results, objective, "ours"):
            found[f"{objective}_vs_best"] = speed(results[objective]["ours"]) / max(map(speed, tuned))
    return found


def speed(side: Side, *, generation: bool = True) -> float:
    """Median over the counted steps of real tokens a second, a cached reference's passes spread over ``EPOCHS``."""
    counted: list[Mapping[str, float]] = side["steps"][WARMUP:]
    return median(step["tokens_real"] / seconds(step, generation=generation) for step in counted)


def seconds(step: Mapping[str, float], *, generation: bool = True) -> float:
    """What a step cost; without ``generation`` its training alone."""
    left_out = 0.0 if generation else step.get("generation_seconds", 0.0)
    return float(step["seconds"] - left_out + step.get("reference_seconds", 0.0) / EPOCHS)


def memory(results: Results) -> dict[str, float]:
    """Our peak memory over the peer's as it comes, by objective."""
    return {
        run: results[run]["ours"]["end"]["peak_mb"] / results[run]["trl_default"]["end"]["peak_mb"]
        for run in _OBJECTIVES
        if _has(results, run, "ours", "trl_default")
    }


def roofline(ours: Side, matmul: Side) -> float:
    """6 N FLOPs a token (Kaplan et al. 2020, section 2.1) over the median bfloat16 rate of the same minutes."""
    parameters: int = ours["start"]["parameters"]
    return 6 * parameters * speed(ours) / 1e9 / median(rates(matmul, "bfloat16"))


def rates(matmul: Side, dtype: str) -> list[float]:
    """GF/s at each counted step."""
    return [step[dtype] for step in matmul["steps"][WARMUP:]]


def loss_gaps(results: Results) -> dict[str, float]:
    """Largest |difference of the losses| over all steps in float32, by objective."""
    return {
        run.removeprefix("equality_"): max(
            abs(a["loss"] - b["loss"])
            for a, b in zip(sides["ours_float32"]["steps"], sides["trl_float32"]["steps"], strict=True)
        )
        for run, sides in results.items()
        if _has(results, run, "ours_float32", "trl_float32")
    }


def same_tokens(results: Results) -> dict[str, bool]:
    """By run, whether every side was given the same number of real tokens at every step."""
    counts = {
        run: {tuple(step["tokens_real"] for step in side["steps"]) for name, side in sides.items() if name != "matmul"}
        for run, sides in results.items()
        if len(sides) > 1
    }
    return {run: len(found) == 1 for run, found in counts.items()}


def raw(results: Results) -> dict[str, Any]:
    """The measured figures themselves, flat: run and side in the name."""
    found: dict[str, Any] = {}
    for run, sides in results.items():
        for name, side in sides.items():
            label = f"{run}_{name}"
            if name == "matmul":
                found |= {f"matmul_{dtype}_gflops": median(rates(side, dtype)) for dtype in ("bfloat16", "float32")}
                continue
            counted = side["steps"][WARMUP:]
            found[f"{label}_losses"] = [step["loss"] for step in side["steps"]]
            if name.endswith("float32"):
                continue
            found[f"{label}_tokens_per_second"] = speed(side)
            found[f"{label}_seconds"] = [seconds(step) for step in counted]
            found[f"{label}_tokens_real"] = sum(step["tokens_real"] for step in counted)
            found[f"{label}_tokens_processed"] = sum(step["tokens_processed"] for step in counted)
            found[f"{label}_peak_mb"] = side["end"]["peak_mb"]
            if any("generation_seconds" in step for step in counted):
                found[f"{label}_update_tokens_per_second"] = speed(side, generation=False)
                found[f"{label}_generation_seconds"] = [step["generation_seconds"] for step in counted]
    found |= {f"memory_{run}_vs_default": ratio for run, ratio in memory(results).items()}
    found |= {f"loss_gap_float32_{run}": gap for run, gap in loss_gaps(results).items()}
    return found | {"same_tokens": all(same_tokens(results).values())}


def _has(results: Results, run: str, *sides: str) -> bool:
    return all(name in results.get(run, {}) for name in sides)
