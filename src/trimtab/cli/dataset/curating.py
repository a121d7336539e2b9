"""The import and the door as a turn's steps, without the rest of the turn."""

import json
from pathlib import Path
from typing import Any

from trimtab.loop.steps.data import CURATE, IMPORT
from trimtab.loop.turn import run_turn
from trimtab.loop.workspace import Workspace
from trimtab.records import Progress, write_bytes

_FILES = ("examples.jsonl", "comparisons.jsonl", "unpaired.jsonl", "report.json")


def curated(workspace: Workspace, progress: Progress) -> tuple[str, dict[str, Any]]:
    """The digest of the curated rows in the store, and their report; what is known already is not done again."""
    rows = str(run_turn(workspace, (IMPORT, CURATE), progress)[-1].outputs["rows"])
    report: dict[str, Any] = json.loads((workspace.store.artefacts.path(rows) / "report.json").read_text("utf-8"))
    return rows, report


def copy_out(workspace: Workspace, rows: str, target: Path) -> None:
    """The curated files in a folder, each replaced whole, the report last: where it is new, the rows are."""
    kept = workspace.store.artefacts.path(rows)
    for name in _FILES:
        write_bytes(target / name, (kept / name).read_bytes())
