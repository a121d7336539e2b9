"""The page of all experiments that have been run: claim, verdict, charts and numbers."""

import json
from pathlib import Path
from typing import Any

_HEAD = """# What training does, on real data

SmolLM2-135M-Instruct (π0) and published data sets. Whiskers are 95 % intervals. Reproduce one with
`make bench NAME=learn ARGS="--only NAME"`.
"""


def page(folder: Path) -> str:
    """Markdown of every result kept in ``folder``."""
    return "\n".join([_HEAD, *(_section(path) for path in sorted(folder.glob("*.json")))]) + "\n"


def _section(path: Path) -> str:
    document = json.loads(path.read_text(encoding="utf-8"))
    name, verdict = path.stem, "held" if document["held"] else "**did not hold**"
    charts = [f"![{panel['title']}](learn/{name}-{i}.svg)" for i, panel in enumerate(document["panels"])]
    tables = [_table(panel) for panel in document["panels"]]
    figures = [f"- {key}: {_plain(value)}" for key, value in document["figures"].items()]
    lines = [
        f"\n## {name}\n",
        f"{document['claim']}: {verdict} ({document['seconds']} s, {_machine(document)}).\n",
        *charts,
        "",
        *tables,
    ]
    return "\n".join([*lines, *figures])


def _machine(document: dict[str, Any]) -> str:
    machine = document["machine"]
    return f"{machine['cores']} cores of {machine['cpu']}, {machine['date']}"


def _table(panel: dict[str, Any]) -> str:
    rows = [f"{panel['title']}\n", f"| | {panel['x']} | {panel['y']} | n |", "|---|---|---|---|"]
    rows += [
        f"| {name} | {point['x']:g} | {point['value']:.3g} [{point['low']:.3g}, {point['high']:.3g}] | {point['n']} |"
        for name, series in panel["series"].items()
        for point in series
    ]
    return "\n".join(rows) + "\n"


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
