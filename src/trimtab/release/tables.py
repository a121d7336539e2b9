"""Markdown for cards and changelogs: tables that no cell can break, and numbers with their intervals."""

import re
from collections.abc import Sequence

from trimtab.records import Metric

_DIGEST = re.compile(r"[0-9a-f]{40,64}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; line breaks and bars inside cells are made harmless."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def interval(metric: Metric) -> str:
    """``0.812 [0.760, 0.861] (n=200)``, with the unit where there is one."""
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{metric.value:.3f}{unit} [{metric.ci_low:.3f}, {metric.ci_high:.3f}] (n={metric.n})"


def plain(name: str) -> str:
    """``tool_routing_accuracy`` → ``tool routing accuracy``."""
    return name.replace("_", " ")


def short(text: str) -> str:
    """A digest by its first 12 characters; other text as it is, cut at 120."""
    if _DIGEST.fullmatch(text):
        return text[:12]
    return text if len(text) <= 120 else text[:117] + "..."


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
