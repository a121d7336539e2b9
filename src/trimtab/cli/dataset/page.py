"""A report of rows as one self-contained page: what came, what went and why, what was changed, what was found."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from trimtab.cli.dataset.findings import findings_section
from trimtab.cli.dataset.plots import bars
from trimtab.text import document, facts_row

_PANELS = {
    "by_source": "By source",
    "by_domain": "By domain",
    "by_action": "By action",
    "by_difficulty": "By difficulty",
    "by_format": "By format",
    "by_license": "By licence",
}
_FIRST = 12
"""Rows that are spelled out of each reason and each kind."""


def report_page(report: Mapping[str, Any], title: str) -> str:
    """The HTML document for a report as `--json` prints it; no script, nothing from elsewhere."""
    style = files("trimtab.cli.dataset").joinpath("page.css").read_text("utf-8")
    return document(title, f"<h1>{escape(title)}</h1>\n{_tiles(report)}\n{_body(report)}", style=style)


def _tiles(report: Mapping[str, Any]) -> str:
    facts = {"rows read": report["read"], **report["kept"]}
    facts["dropped"] = sum(report["drops"]["by_reason"].values())
    facts["repaired"] = sum(report["repairs"]["by_kind"].values())
    return facts_row([(name, f"{count:,}") for name, count in facts.items()])


def _body(report: Mapping[str, Any]) -> str:
    panels = [
        f'<div class="card"><h3>{title}</h3>{bars(report[name], title)}</div>'
        for name, title in _PANELS.items()
        if set(report.get(name, {})) - {"none"}
    ]
    kept = f'<section><h2>Kept</h2><div class="grid">{"".join(panels)}</div></section>' if panels else ""
    dropped = _events("Dropped", "reason", report["drops"]["by_reason"], report["drops"]["rows"])
    repaired = _events("Repaired", "kind", report["repairs"]["by_kind"], report["repairs"]["rows"])
    return kept + dropped + repaired + findings_section(report["findings"]) + _formats(report["formats"])


def _events(title: str, key: str, counts: Mapping[str, int], rows: Sequence[Mapping[str, Any]]) -> str:
    if not counts:
        return ""
    parts = [f'<section><h2>{title}</h2><div class="card">{bars(counts, title, kind="alarm")}']
    for name, count in counts.items():
        first = [row for row in rows if row[key] == name][:_FIRST]
        more = f", the first {len(first)}" if count > len(first) else ""
        if not first:
            continue
        parts.append(f"<details><summary>{escape(name)}: {count:,}{more}</summary>{_places(first)}</details>")
    return "".join(parts) + "</div></section>"


def _places(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = "".join(
        f'<tr><td class="place">{escape(_place(row))}</td><td>{escape(str(row["detail"]))}</td></tr>' for row in rows
    )
    return f'<div class="scroll"><table>{cells}</table></div>'


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['file']}:{row['line']}" if row.get("file") else str(row.get("source", ""))


def _formats(formats: Mapping[str, str]) -> str:
    if not formats:
        return ""
    rows = "".join(f"<tr><td>{escape(file)}</td><td>{escape(text)}</td></tr>" for file, text in formats.items())
    return f'<section><h2>Files</h2><div class="card scroll"><table>{rows}</table></div></section>'
