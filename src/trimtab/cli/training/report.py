"""What a finished run says of itself: a short table for people, one document for programs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.cli.training.inputs import Inputs
from trimtab.records import UserError
from trimtab.train.config import TrainReport

_ROW = re.compile(r"(?:row|prompt) (\d+) \(")
_SHOWN = 10
_IN_TABLE = frozenset({"loss", "loss_first", "sharing", "tokens_per_second", "rows", "rows_dropped", "kernels"})


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run left what: its model, and the folder of its log, curves and report."""

    out: Path
    work: Path

    def found(self) -> dict[str, str]:
        """Those that exist, by what they are."""
        files = {
            "model": self.out,
            "log": self.work / "metrics.jsonl",
            "parquet": self.work / "metrics.parquet",
            "curves": self.work / "curves.html",
        }
        return {name: str(path) for name, path in files.items() if path.exists()}


def document(report: TrainReport, inputs: Inputs, places: Places) -> dict[str, Any]:
    """The run as one JSON document: ``notes`` name rows by file and line."""
    facts = report.to_json() | {"notes": [placed_note(note, inputs) for note in report.notes]}
    return {"method": inputs.method, **facts, **places.found()}


def table(report: TrainReport, inputs: Inputs, places: Places) -> list[tuple[str, str]]:
    """What a person reads, as label and value."""
    metrics = report.metrics
    dropped = [note for note in report.notes if note.startswith("dropped ")]
    lines = [("steps", f"{report.steps:,} over {metrics.get('rows', len(inputs.rows)):,.0f} rows")]
    if report.losses:
        lines.append(("loss", f"{_loss(report.losses[0])} at first, {_loss(report.losses[-1])} at last"))
    sharing = report.tokens_real / max(1, report.tokens_processed)
    lines += [
        ("tokens", f"{report.tokens_real:,} learned from, {report.tokens_processed:,} computed ({sharing:.2f} shared)"),
        ("speed", f"{report.tokens_real / max(report.seconds, 1e-9):,.0f} tokens/s over {report.seconds:,.1f} s"),
    ]
    lines += _measures({name: value for name, value in metrics.items() if name not in _IN_TABLE})
    if dropped:
        lines.append(("dropped", f"{len(dropped)} rows"))
    lines += [("", placed_note(note, inputs)) for note in dropped[:_SHOWN]]
    if len(dropped) > _SHOWN:
        lines.append(("", f"and {len(dropped) - _SHOWN} more, named in {places.work / 'report.json'}"))
    lines += [("note", note) for note in report.notes if note not in dropped]
    return lines + list(places.found().items())


def _measures(metrics: dict[str, float]) -> list[tuple[str, str]]:
    """Each measure, its interval behind it where it has one."""
    lines = []
    for name, value in sorted(metrics.items()):
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        if name.removesuffix("_low").removesuffix("_high") in metrics.keys() - {name}:
            continue
        interval = "" if low is None or high is None else f" [{low:.4g}, {high:.4g}]"
        lines.append((name, f"{value:.4g}{interval}"))
    return lines


def _loss(value: float) -> str:
    return f"{round(value, 4) + 0.0:.4f}"  # never -0.0000


def aligned(lines: list[tuple[str, str]]) -> str:
    """Label and value in two columns."""
    width = max((len(label) for label, _ in lines), default=0)
    return "\n".join(f"{label:<{width}}  {value}".rstrip() for label, value in lines)


def placed_note(note: str, inputs: Inputs) -> str:
    """The note with the row's file and line instead of its number."""
    match = _ROW.search(note)
    if match is None or not 0 < (number := int(match[1])) <= len(inputs.places):
        return note
    file, line = inputs.places[number - 1]
    return note.replace(match[0], f"{file}:{line} (", 1) if file else note


def placed_error(error: UserError, inputs: Inputs) -> UserError:
    """The mistake with file and line, where it names a row by its number."""
    match = _ROW.match(error.message)
    if match is None or not 0 < (number := int(match[1])) <= len(inputs.places):
        return error
    file, line = inputs.places[number - 1]
    return error.at(file=file or None, line=line or None)
