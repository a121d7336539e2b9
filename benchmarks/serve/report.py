"""The figures for people: tables on the terminal, a page and its numbers in the documentation."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.serve.figures import STREAMS, Plan, Results, latencies, rates

GOALS: dict[str, pages.Goal] = {
    "share_of_engine_c1": ("at least", 0.95),
    "share_of_engine_c8": ("at least", 0.95),
    "share_of_engine_c32": ("at least", 0.95),
    "vs_transformers_c8": ("at least", 2.5),
    "vs_transformers_c32": ("at least", 3.0),
}
_NAMES = {
    "bare": "engine driven bare",
    "gateway": "through the gateway",
    "static": "Transformers, bf16, static batches",
}
_COLUMNS = ("streams", "side", "tokens/s", "first token ms", "between tokens ms", "peak MB")


def show(results: Results, plan: Plan, found: Mapping[str, float]) -> None:
    """Both tables on the terminal."""
    pages.show(
        [
            ("Measured", _COLUMNS, measured_rows(results, plan)),
            ("Figures", ("figure", "value", "goal"), figure_rows(found)),
        ]
    )


def write(stem: Path, results: Results, plan: Plan, found: Mapping[str, float], machine: Mapping[str, Any]) -> None:
    """``stem.md`` for people and ``stem.json`` with every number."""
    pages.write(stem, page(results, plan, found, machine), {"machine": dict(machine), "figures": dict(found)})


def page(results: Results, plan: Plan, found: Mapping[str, float], machine: Mapping[str, Any]) -> str:
    """The whole page in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return "\n".join(
        [
            "# Serving: the gateway, its engine, and static batches",
            "",
            "Written by `make bench NAME=serve`. The same published prompts (32 to 215 tokens), answered greedily with "
            "128 tokens each, in closed loops of 1, 8 and 32 streams. Each side is a process of its own and they take "
            "turns round by round; the client of the gateway runs on the same cores. Keys, limits, admission and "
            "traces are on. Ratios are medians over the rounds, after one to warm up; latencies are P50 / P95 / P99 "
            "over all of them, on the gateway's side between texts: a token that completes no visible text comes with "
            "the next. `vs_transformers_c*` without a suffix is that of the last precision named, "
            "`share_of_engine_c*` and `first_token_p99_ms` (8 streams) that of the first.",
            "",
            f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}",
            f"- Versions: {versions}; Python {machine['python']}",
            f"- Date: {machine['date']}",
            "",
            *pages.markdown(("figure", "value", "goal"), figure_rows(found)),
            "",
            *pages.markdown(_COLUMNS, measured_rows(results, plan)),
            "",
        ]
    )


def figure_rows(found: Mapping[str, float]) -> list[tuple[str, ...]]:
    """Each figure, those with a goal first."""
    rows: list[tuple[str, ...]] = []
    for key in (*GOALS, *(key for key in found if key not in GOALS)):
        goal = pages.verdict(found[key], GOALS[key]) if key in GOALS else ""
        rows.append((key, f"{found[key]:.3g}", goal))
    return rows


def measured_rows(results: Results, plan: Plan) -> list[tuple[str, ...]]:
    """One row a side and number of streams."""
    rows: list[tuple[str, ...]] = []
    for streams in STREAMS:
        for side, measured in results.items():
            who, _, precision = side.partition("_")
            name = f"{_NAMES[who]}{f', {precision}' if precision else ''}"
            waits = latencies(results, plan, side, streams)
            first, gap = (
                " / ".join(f"{waits[f'{kind}_p{share}']:.0f}" for share in (50, 95, 99)) for kind in ("first", "gap")
            )
            speed = statistics.median(rates(results, plan, side, streams))
            rows.append((str(streams), name, f"{speed:.0f}", first, gap, f"{measured['end']['peak_mb']:.0f}"))
    return rows
