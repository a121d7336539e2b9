"""Run the experiments, keep each one's numbers and charts, and write the page that shows them."""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.learn.chart import svg
from benchmarks.learn.experiments import EXPERIMENTS
from benchmarks.learn.page import page
from benchmarks.learn.result import Place, Result
from benchmarks.machine import describe
from trimtab.model import DEFAULT_MODEL, resolve

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results" / "learn"


def main() -> None:
    parser = argparse.ArgumentParser(prog="learn", description=__doc__)
    parser.add_argument("--only", help=f"comma-separated: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIMTAB_DATA", ROOT.parent / "shared/data")))
    parser.add_argument("--work", type=Path, default=ROOT / ".bench" / "learn")
    parser.add_argument("--json", action="store_true", help="one document on stdout")
    given = parser.parse_args()
    names = given.only.split(",") if given.only else list(EXPERIMENTS)
    if unknown := [name for name in names if name not in EXPERIMENTS]:
        sys.exit(f"unknown experiment {unknown[0]!r}; expected one of {', '.join(EXPERIMENTS)}")
    if not given.data.is_dir():
        sys.exit(f"no data sets at {given.data}; set TRIMTAB_DATA or give --data")
    place = Place(given.data, resolve(DEFAULT_MODEL), given.work)
    documents = {name: _measured(name, place) for name in names}
    if given.json:
        print(json.dumps(documents, indent=2))


def _measured(name: str, place: Place) -> dict[str, Any]:
    """One experiment run and kept: its numbers, its charts and the page renewed."""
    print(f"{name} …", file=sys.stderr, flush=True)
    begun = time.monotonic()
    result = EXPERIMENTS[name](place.inside(name))
    about = {"seconds": round(time.monotonic() - begun), "machine": describe("torch", "transformers")}
    document = asdict(result) | about
    _keep(name, result, document)
    print(f"{name}: {'held' if result.held else 'DID NOT HOLD'} ({document['seconds']} s)", file=sys.stderr, flush=True)
    return document


def _keep(name: str, result: Result, document: dict[str, Any]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for number, panel in enumerate(result.panels):
        (RESULTS / f"{name}-{number}.svg").write_text(svg(panel), encoding="utf-8")
    (RESULTS.parent / "learn.md").write_text(page(RESULTS), encoding="utf-8")


main()
