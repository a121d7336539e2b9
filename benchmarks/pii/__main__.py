"""`make bench NAME=pii`: personal data found by Trimtab and by Presidio, on the same texts in one run."""

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks import pages
from benchmarks.lockstep import ROOT, Measured, Side, measure
from benchmarks.machine import describe
from benchmarks.peers import BENCH, peer_python, versions
from benchmarks.pii import report
from benchmarks.pii.data import Labelled, labelled, ordinary, shared_folder
from benchmarks.pii.door import door
from benchmarks.pii.figures import Scores, f1, scores

PEER = "presidio_analyzer"
REQUIREMENTS = Path(__file__).with_name("presidio_requirements.txt")
THRESHOLDS = (0.0, 0.05, 0.2, 0.35, 0.4, 0.5, 0.6)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One flat object on standard output instead of the tables.")
@click.option("--steps", default=5, show_default=True, help="Timed passes a side, in turns, after one to warm up.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of published data sets.")
@click.option("--out", type=click.Path(path_type=Path), help="Stem of the report (default: docs/results/pii).")
def main(as_json: bool, steps: int, data: Path | None, out: Path | None) -> None:
    """Measure, print, and write the report."""
    folder = shared_folder(data)
    rows = labelled(folder)
    found = _measured(rows, steps)
    threshold = max(THRESHOLDS, key=lambda bound: f1(_scores(rows, found["peer"], True, bound)))
    halves = {
        "Held-out templates": _sides(rows, found, False, threshold),
        "Tuned templates": _sides(rows, found, True, threshold),
    }
    held = list(halves["Held-out templates"].values())
    seconds = {name: _median(found[name]) for name in ("ours", "peer")}
    at_door = door(ordinary(folder))
    figures = report.headline(held[0], held[-1], seconds["peer"] / seconds["ours"], at_door)
    numbers = {
        "figures": figures,
        "halves": {half: {name: one.to_json() for name, one in sides.items()} for half, sides in halves.items()},
        "texts": len(rows),
        "threshold": threshold,
        "steps": steps,
        "seconds": seconds,
        "door": at_door,
        "recognisers": found["peer"].start["recognisers"],
        "machine": describe()
        | {"peer": versions(peer_python(PEER, REQUIREMENTS), "presidio-analyzer", "phonenumbers")},
    }
    report.write(out or ROOT / "docs" / "results" / "pii", report.page(figures, halves, numbers), numbers)
    if as_json:
        print(json.dumps(figures))
    else:
        pages.show([*report.tables(halves), ("Goals", ("figure", "value", "goal"), report.goals(figures))])


def _measured(rows: Sequence[Labelled], steps: int) -> dict[str, Measured]:
    """Three sides: ours without and with years, and the peer; all warm, in turns, on one thread each."""
    peer, job = peer_python(PEER, REQUIREMENTS), {"texts": [row.text for row in rows], "steps": steps}
    one = {"OMP_NUM_THREADS": "1"}
    sides = [
        Side("ours", Path(sys.executable), "benchmarks.pii.ours", {**job, "years": False}, one),
        Side("years", Path(sys.executable), "benchmarks.pii.ours", {**job, "years": True}, one),
        Side("peer", peer, "benchmarks.pii.peer", {**job, "threshold": 0.35}, one),
    ]
    return measure(sides, steps, BENCH / "pii")


def _sides(rows: Sequence[Labelled], found: dict[str, Measured], tuned: bool, threshold: float) -> dict[str, Scores]:
    return {
        "Trimtab": _scores(rows, found["ours"], tuned, 0.0),
        "Trimtab with years": _scores(rows, found["years"], tuned, 0.0),
        f"Presidio (score ≥ {threshold:g})": _scores(rows, found["peer"], tuned, threshold),
    }


def _scores(rows: Sequence[Labelled], measured: Measured, tuned: bool, threshold: float) -> Scores:
    chosen = [(row, spans) for row, spans in zip(rows, measured.start["found"], strict=True) if row.tuned == tuned]
    return scores([row for row, _ in chosen], [spans for _, spans in chosen], threshold)


def _median(measured: Measured) -> float:
    return float(statistics.median(step["cpu_seconds"] for step in measured.steps))


if __name__ == "__main__":
    main()
