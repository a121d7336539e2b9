"""The figures for people: a table on the terminal, a page and its numbers in the documentation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import pages
from benchmarks.train.figures import Results, same_tokens, seconds, speed

GOALS: dict[str, pages.Goal] = {
    "sft_vs_default": ("at least", 2.5),
    "dpo_vs_default": ("at least", 5.0),
    "reward_vs_default": ("at least", 2.2),
    "grpo_update_vs_default": ("at least", 5.0),
    "grpo_step_vs_default": ("at least", 4.0),
    "sft_vs_best": ("at least", 2.0),
    "dpo_vs_best": ("at least", 2.8),
    "memory_vs_default": ("at most", 0.7),
    "roofline_share": ("at least", 0.65),
    "tool_sft_vs_default": ("at least", 6.0),
    "sgd_sft_vs_default": ("at least", 3.5),
    "loss_gap_float32": ("at most", 1e-4),
}
_SIDES = {
    "ours": "Trimtab, float32 weights, bfloat16 autocast",
    "trl_default": "TRL as it comes (the same numerics)",
    "trl_best": "TRL, bfloat16 weights, no checkpointing, malloc tuned",
    "trl_packed": "as trl_best, packed",
    "ours_float32": "Trimtab, float32",
    "trl_float32": "TRL, float32",
}
_COLUMNS = ("run", "side", "real tokens/s", "s/step", "real tokens", "processed", "peak MB", "losses")


def show(results: Results, found: Mapping[str, Any]) -> None:
    """Both tables on the terminal."""
    pages.show(
        [("Measured", _COLUMNS, measured_rows(results)), ("Figures", ("figure", "value", "goal"), figure_rows(found))]
    )
    Console().print(*legend(results), sep="\n")


def write(stem: Path, results: Results, found: Mapping[str, Any], machine: Mapping[str, Any]) -> None:
    """``stem.md`` for people and ``stem.json`` with every number."""
    pages.write(stem, page(results, found, machine), {"machine": dict(machine), "figures": dict(found)})


def page(results: Results, found: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """The whole page in Markdown."""
    odd = ", ".join(run for run, same in same_tokens(results).items() if not same)
    rates = [f"{found[key]:.0f}" for key in ("matmul_bfloat16_gflops", "matmul_float32_gflops") if key in found]
    versions = ", ".join(f"{name} {number}" for name, number in machine["peer"].items())
    return "\n".join(
        [
            "# Training against TRL",
            "",
            "Written by `make bench NAME=train`. Both sides train the same model on the same tokens in the same order, "
            "in processes of their own that take turns step by step. A figure is the median over the measured steps, "
            "after one to warm up; real tokens are those of the sequences as if nothing were padded or shared. A "
            "cached reference's passes are spread over two epochs.",
            "",
            f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}",
            f"- Peer: {versions}; ours on the same torch and transformers; Python {machine['python']}",
            f"- Date: {machine['date']}",
            *([f"- Matmul 2048³ during the run: bfloat16 and float32 {' and '.join(rates)} GF/s"] if rates else []),
            f"- Real tokens agree on both sides at every step{f', except in {odd}' if odd else ''}.",
            "",
            *pages.markdown(("figure", "value", "goal"), figure_rows(found)),
            "",
            *pages.markdown(_COLUMNS, measured_rows(results)),
            "",
            *(f"- {line}" for line in legend(results)),
            "",
        ]
    )


def figure_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Each figure with its goal, and whether it is met."""
    rows: list[tuple[str, ...]] = []
    for key, goal in GOALS.items():
        if key not in found:
            continue
        value = found[key]
        if value is None:
            rows.append((key, "not run", found.get(key.replace("_vs_default", "_reason"), "")))
            continue
        rows.append((key, f"{value:.3g}", pages.verdict(value, goal)))
    return rows


def measured_rows(results: Results) -> list[tuple[str, ...]]:
    """One row a side of a run."""
    rows: list[tuple[str, ...]] = []
    for run, sides in results.items():
        for name, side in sides.items():
            if name == "matmul":
                continue
            counted = side["steps"][1:]
            totals = (sum(step[key] for step in counted) for key in ("tokens_real", "tokens_processed"))
            each = sum(seconds(step) for step in counted) / len(counted)
            losses = " ".join(f"{step['loss']:.4f}" for step in side["steps"])
            numbers = (f"{speed(side):.0f}", f"{each:.1f}", *map(str, totals), f"{side['end']['peak_mb']:.0f}")
            rows.append((run, name, *(number.removesuffix(".0") for number in numbers), losses))
    return rows


def legend(results: Results) -> list[str]:
    """What the sides' names mean."""
    used = {name for sides in results.values() for name in sides}
    return [f"{name}: {meaning}" for name, meaning in _SIDES.items() if name in used]
