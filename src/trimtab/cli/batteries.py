"""What `evaluate` shows of batteries: the list of them, and each one's scorecard."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trimtab.cli.common import emit, open_workspace, progress_display, say

if TYPE_CHECKING:
    from trimtab.loop.batteries import Answered
    from trimtab.records import Metric, Scorecard

_OF_ALL = ("action_accuracy", "tool_routing_accuracy")
"""Shown for the whole suite only."""


def list_batteries(as_json: bool) -> None:
    """Every built-in battery with its line."""
    from trimtab.evaluate import describe_batteries

    found = describe_batteries()
    if as_json:
        emit(found)
        return
    for name, line in found.items():
        say(f"{name:<16} {line}")


def evaluate_alone(
    which: str,
    batteries: Sequence[str],
    cases: Path | None,
    seed: int,
    workspace: Path,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """WHICH on batteries and on a file of cases, each a suite of its own whose scorecard is kept."""
    from trimtab.loop.batteries import asked_from, judge_batteries, judge_cases

    asked = [asked_from(text) for text in batteries]
    found = open_workspace(workspace, overrides)
    with progress_display(quiet=as_json) as progress:
        done = judge_batteries(found, which, asked, seed, progress) if asked else []
        done += [judge_cases(found, which, cases, progress)] if cases else []
    if as_json:
        emit([{**one.scorecard.to_json(), "notes": list(one.notes)} for one in done])
        return
    for one in done:
        _show(one)


def _show(one: "Answered") -> None:
    say(f"\n{one.scorecard.suite}")
    for note in one.notes:
        say(f"  ({note})")
    for name, metric in one.scorecard.metrics.items():
        say(_line(name, metric))
    _show_severity(one.scorecard)
    for part, metrics in one.scorecard.slices.items():
        for name, metric in metrics.items():
            if name.endswith("_accuracy") and name not in _OF_ALL and part.split("=")[0] in ("kind", "depth", "length"):
                say(_line(f"{part} {name}", metric))


def _show_severity(scorecard: "Scorecard") -> None:
    from trimtab.evaluate import by_severity

    found = by_severity(scorecard)
    if found.weighted is not None:
        say(_line("attacks, severity-weighted", found.weighted))


def _line(name: str, metric: "Metric") -> str:
    interval = f"[{metric.ci_low:.3f}, {metric.ci_high:.3f}]"
    left = f"  {metric.unscored} unscored" if metric.unscored else ""
    return f"  {name:<44} {metric.value:8.3f} {interval:<18} n={metric.n}{left}"
