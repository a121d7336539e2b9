"""Measure, keep the numbers, and write the page that shows them."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.preferences.detection import detected
from benchmarks.preferences.page import page
from benchmarks.preferences.runs import compared, run
from trimtab.model import DEFAULT_MODEL, resolve

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="preferences", description=__doc__)
    parser.add_argument("--only", choices=("detection", "runs"))
    parser.add_argument("--draws", type=int, default=60, help="seeds of the detection")
    parser.add_argument(
        "--seeds", type=int, default=4, help="seeds of the DPO runs, five to ten minutes each on one core"
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIMTAB_DATA", ROOT.parent / "shared/data")))
    parser.add_argument("--work", type=Path, default=ROOT / ".bench" / "preferences")
    parser.add_argument("--json", action="store_true", help="one flat object of figures")
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"no data sets at {given.data}; set TRIMTAB_DATA or give --data")
    kept = RESULTS / "preferences.json"
    document: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    document["machine"] = describe("torch", "transformers", "numpy")
    if given.only != "runs":
        document["detection"] = detected(given.data, given.draws)
    if given.only != "detection":
        documents = run(given.data, resolve(DEFAULT_MODEL), given.work, given.seeds)
        document["runs"] = {"compared": compared(documents), "documents": [brief(one) for one in documents]}
    kept.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "preferences.md").write_text(page(document), encoding="utf-8")
    found = figures(document)
    print(json.dumps(found) if given.json else "\n".join(f"{name:<32} {value:.4g}" for name, value in found.items()))


def brief(document: Mapping[str, Any]) -> dict[str, Any]:
    """A seed's document without what is long."""
    arms = {
        arm: {name: value for name, value in document[arm].items() if name != "margins"}
        for arm in ("raw", "cleaned", "truth")
    }
    return {**{name: document[name] for name in ("seed", "drops", "raw_right", "cleaned_right")}, **arms}


def figures(document: Mapping[str, Any]) -> dict[str, float]:
    """The headline: the worst set's rate of each pathology, the highest of false alarms, and what cleaning gained."""
    found: dict[str, float] = {}
    if detection := document.get("detection"):
        for name, rate in (("length", "found"), ("careless", "found"), ("templates", "recall")):
            found[f"{name}_found"] = min(one[rate]["value"] for one in detection[name].values())
        for name in ("length", "careless"):
            found[f"{name}_cried_wolf"] = max(one["cried_wolf"]["value"] for one in detection[name].values())
    if runs := document.get("runs"):
        gap = runs["compared"]["accuracy"]["cleaned_minus_raw"]
        found["accuracy_cleaned_minus_raw"] = gap["over_pairs"]["value"]
        found["accuracy_cleaned_minus_raw_low"] = min(gap[over]["low"] for over in ("over_pairs", "over_seeds"))
    return found


if __name__ == "__main__":
    main()
