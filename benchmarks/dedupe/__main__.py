"""The sides in turn over the same documents at 100,000, 300,000 and a million; recall, memory, growth."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.dedupe.documents import Planted, make, recall, wrongly_dropped
from benchmarks.dedupe.pairs import found_in
from benchmarks.dedupe.report import figures, page, tables
from benchmarks.lockstep import ROOT
from benchmarks.machine import describe
from benchmarks.pages import show, write
from benchmarks.peers import BENCH, peer_python, versions

HERE = Path(__file__).parent
RESULT = ROOT / "docs" / "results" / "dedupe"
WAYS = {
    "ours": ("join",),
    "rensa": ("deduplicator", "batch", "screened", "screened_rho"),
    "datasketch": ("lsh",),
    "datatrove": ("minhash",),
}
SLOW = frozenset({"datasketch", "datatrove"})
"""Measured once, and at a million only with ``--all``: minutes each."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Medians over ``runs``; ``found`` of ``alike`` planted copies, ``wrong`` documents that nothing is like."""

    side: str
    documents: int
    runs: int
    seconds: float
    cpu_seconds: float
    peak_gb: float
    kept: int
    found: int
    alike: int
    wrong: int


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One flat object on standard output.")
@click.option("--sizes", default="100000,300000,1000000", show_default=True)
@click.option("--repeats", default=3, show_default=True, help="Runs of each fast side; the sides take turns.")
@click.option("--all", "everything", is_flag=True, help="The slow peers at the largest size too.")
@click.option("--keep/--no-keep", default=True, help="Write docs/results/dedupe.{md,json}.")
def main(as_json: bool, sizes: str, repeats: int, everything: bool, keep: bool) -> None:
    """Deduplicate the same documents by every side, taking turns."""
    pythons = _pythons()
    counts = sorted(int(size) for size in sizes.split(","))
    rows: list[Timed] = []
    for count in counts:
        documents = BENCH / f"documents-{count}.txt"
        planted = make(count, seed=count, path=documents)
        slow = count == counts[0] or everything
        rows += _measured(pythons, documents, planted, count, repeats, slow=slow)
        documents.unlink()
    numbers = figures(rows)
    about = describe("numpy") | {"peers": {name: versions(python, name)[name] for name, python in pythons.items()}}
    if keep:
        pairs = found_in(ROOT.parent / "shared" / "data" / "neardup_pairs")
        data = {"figures": numbers, "rows": [asdict(row) for row in rows], "pairs": [asdict(row) for row in pairs]}
        write(RESULT, page(rows, numbers, about, pairs), data | about)
    if as_json:
        print(json.dumps(numbers))
    else:
        show(tables(rows, numbers))


def _pythons() -> dict[str, Path]:
    return {name: peer_python(name, HERE / f"{name}_requirements.txt") for name in WAYS if name != "ours"}


def _measured(
    pythons: dict[str, Path], documents: Path, planted: Sequence[Planted], count: int, repeats: int, *, slow: bool
) -> list[Timed]:
    sides = [(name, way) for name, ways in WAYS.items() for way in ways if slow or name not in SLOW]
    said: dict[tuple[str, str], list[dict[str, Any]]] = {side: [] for side in sides}
    kept: dict[tuple[str, str], set[int]] = {}
    for turn in range(repeats):
        for name, way in sides:
            if turn == 0 or name not in SLOW:
                said[name, way].append(_run(pythons.get(name), name, way, documents))
                kept[name, way] = {int(line) for line in _kept(documents).read_text().split()}
    _kept(documents).unlink()
    return [_timed(side, count, said[side], planted, kept[side]) for side in sides]


def _run(python: Path | None, name: str, way: str, documents: Path) -> dict[str, Any]:
    if python is None:
        command = [sys.executable, "-m", "benchmarks.dedupe.ours"]
    else:
        command = [str(python), str(HERE / f"{name}_side.py")]
    done = subprocess.run(
        [*command, way, str(documents), str(_kept(documents))],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"src:.:{os.environ.get('PYTHONPATH', '')}" if python is None else ""},
    )
    print(f"{name} {way}: {done.stdout.strip()}", file=sys.stderr, flush=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _kept(documents: Path) -> Path:
    return documents.with_suffix(".kept")


def _timed(
    side: tuple[str, str], count: int, said: Sequence[dict[str, Any]], planted: Sequence[Planted], kept: set[int]
) -> Timed:
    found, alike = recall(planted, kept)
    middle = {key: statistics.median(row[key] for row in said) for key in ("seconds", "cpu_seconds", "peak_gb")}
    wrong = wrongly_dropped(planted, kept, count)
    return Timed(" ".join(side), count, len(said), **middle, kept=len(kept), found=found, alike=alike, wrong=wrong)


if __name__ == "__main__":
    main()
