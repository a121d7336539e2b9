"""What every report shares: tables on a terminal and in Markdown, goals met or missed, a page beside its numbers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Goal = tuple[str, float]
"""``at least`` or ``at most``, and the bound."""
Rows = Sequence[tuple[str, ...]]


def show(tables: Iterable[tuple[str, Sequence[str], Rows]]) -> None:
    """Each table (title, columns, rows) on the terminal."""
    console = Console()
    for title, columns, rows in tables:
        table = Table(*columns, title=title)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def markdown(columns: Sequence[str], rows: Rows) -> list[str]:
    """The lines of a table; none where it has no rows."""
    if not rows:
        return []
    lines = [" | ".join(columns), " | ".join("---" for _ in columns), *(" | ".join(row) for row in rows)]
    return [f"| {line} |" for line in lines]


def verdict(value: float, goal: Goal) -> str:
    """The goal, and whether it is met."""
    direction, bound = goal
    met = value >= bound if direction == "at least" else value <= bound
    return f"{direction} {bound:g}: {'met' if met else 'missed'}"


def write(stem: Path, page: str, numbers: Mapping[str, Any]) -> None:
    """``stem.md`` for people and ``stem.json`` with every number."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".md").write_text(page, encoding="utf-8")
    stem.with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
