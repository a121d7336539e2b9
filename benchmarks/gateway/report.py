"""The figures for people: a table on the terminal, a page and its numbers in the documentation."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.gateway.plan import KINDS

GOALS: dict[str, pages.Goal] = {
    "overhead_p50_ms": ("at most", 2.0),
    "overhead_p99_ms": ("at most", 5.0),
    "vs_litellm": ("at least", 3.0),
    "overload_admitted_p99_ratio": ("at most", 1.0),
    "refusal_p99_ms": ("at most", 50.0),
    "memory_mb_per_minute": ("at most", 5.0),
    "fair_share_least": ("at least", 0.95),
    "recovery_seconds": ("at most", 5.0),
}
_SIDES = tuple(f"{side}{kind.name}" for kind in KINDS for side in kind.sides)
_COLUMNS = ("side", "P50 ms", "P95 ms", "P99 ms", "over direct P50", "P99", "CPU ms a request", "failed")
_ABOUT = (
    "direct: the mock server itself, the same server stack as the gateway's (uvicorn, Starlette)",
    "ours: the gateway with keys and every limit, traces redacted into a store on disk, the support policy's guards; "
    "its engine answers at once in the same process, as the embedded engine does",
    "ours_http: the same, its engine a forward over HTTP to the mock server (by the benchmark's own client)",
    "litellm: LiteLLM's proxy before the mock server, one worker, master key, without database, logs or guards",
    "calm: a fifth of the rate; stream: until the stream's end. The support policy judges whole answers, so ours sends "
    "the text in one piece, the others word by word",
    "The claim of the header `x-trimtab-overhead-ms` does not see the server stack before and after the gateway",
    "At ten times the capacity a simulated batching engine in the gateway's process serves tenants of different greed "
    "and weight; a share is what a tenant got against its max-min fair part of all that was served",
)


def show(found: Mapping[str, Any]) -> None:
    """The tables on the terminal."""
    pages.show([("Overhead", _COLUMNS, side_rows(found)), ("Figures", ("figure", "value", "goal"), figure_rows(found))])


def write(stem: Path, found: Mapping[str, Any], machine: Mapping[str, Any], command: str) -> None:
    """``stem.md`` for people and ``stem.json`` with every number."""
    numbers = {"machine": dict(machine), "command": command, "figures": flat(found)}
    pages.write(stem, page(found, machine, command), numbers)


def flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """The figures as JSON can hold them: what was not seen, or never came, is null."""
    return {key: value if math.isfinite(value) else None for key, value in found.items()}


def page(found: Mapping[str, Any], machine: Mapping[str, Any], command: str) -> str:
    """The whole page in Markdown."""
    peers = ", ".join(f"{name} {number}" for name, number in machine.get("peer", {}).items())
    ours = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    rest = [(key, _text(value)) for key, value in found.items() if key not in GOALS and not _in_sides(key)]
    return "\n".join(
        [
            "# The gateway's overhead, and ten times its capacity",
            "",
            f"Written by `{command}`. Open-loop Poisson arrivals at a fixed rate, timed from when a request was due; "
            "sides take turns in short blocks of one run, each round beginning with another side. A figure is the "
            "median over the rounds; an overhead is a side's percentile less that of the direct calls of its round.",
            "",
            f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}",
            f"- Ours: {ours}, Python {machine['python']}" + (f"; peer: {peers}" if peers else ""),
            f"- Date: {machine['date']}",
            "",
            *pages.markdown(("figure", "value", "goal"), figure_rows(found)),
            "",
            *pages.markdown(_COLUMNS, side_rows(found)),
            "",
            *pages.markdown(("also seen", "value"), rest),
            "",
            *(f"- {line}." for line in _ABOUT),
            "",
        ]
    )


def figure_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Each figure with its goal, and whether it is met."""
    seen = [(key, goal) for key, goal in GOALS.items() if key in found]
    return [(key, _text(found[key]), pages.verdict(found[key], goal)) for key, goal in seen]


def side_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row a side."""
    keys = ("p50_ms", "p95_ms", "p99_ms", "overhead_p50_ms", "overhead_p99_ms", "cpu_ms", "failed")
    sides = [side for side in _SIDES if f"{side}_p50_ms" in found]
    return [(side, *(_text(found.get(f"{side}_{key}")) for key in keys)) for side in sides]


def _in_sides(key: str) -> bool:
    return any(key.startswith(f"{side}_") for side in _SIDES) and "claimed" not in key


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) and math.isfinite(value) and abs(value) < 1000 else f"{value:.0f}"
