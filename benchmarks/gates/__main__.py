"""What the gate does to releases whose truth is known. `make bench NAME=gates`.

A/A: two evaluations of one truth, twelve metrics correlated by case, Holm over the family at 5 %. Planted: one of
twelve metrics falls by 8 points, at the n that `needed_n` says shows it 8 times in 10 at the family's hardest level.
Overfitting: the default model taught 150 development questions by heart, and one taught 150 others; cases redrawn.
Decline: ten releases, each a point worse, a margin of 4 points to the incumbent, to π0 and to the best so far.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gates import overtrained, questions
from benchmarks.gates.releases import NAMES
from benchmarks.lockstep import ROOT
from benchmarks.machine import describe
from benchmarks.pages import markdown, show, write
from trimtab.stats import needed_n, wilson

POWER = 0.8


def _share(pool: ProcessPoolExecutor, question: Callable[[int], bool], times: int) -> dict[str, float]:
    found = wilson(sum(pool.map(question, range(times), chunksize=20)), times)
    return {"share": found.value, "low": found.low, "high": found.high, "times": times}


def measure(times: int, part: int) -> dict[str, Any]:
    """Every question, with its count and interval."""
    began = time.perf_counter()
    spread = questions.deviation(0.08)
    n = needed_n(0.08, spread, POWER, 0.05 / len(NAMES), sides=1)
    with ProcessPoolExecutor(2) as pool:
        equal = {
            f"n = {size}{f', clusters of {clusters}' if clusters > 1 else ''}": _share(
                pool, partial(questions.equal_is_blocked, n=size, cluster_size=clusters), times
            )
            for size, clusters in ((60, 1), (150, 1), (500, 1), (150, 5))
        }
        caught = _share(pool, partial(questions.regression_is_caught, n=n, points=0.08), times)
        decline = list(pool.map(partial(questions.slow_decline, n=1000), range(times // 4), chunksize=10))
        steady = list(pool.map(partial(questions.steady_is_blocked, n=1000), range(times // 4), chunksize=10))
    with tempfile.TemporaryDirectory() as folder:
        taught = overtrained.scores(Path(folder), part)
    return {
        "equal": equal,
        "planted": {"n": n, "deviation": spread, "promised": POWER, **caught},
        "overfitting": _overfitting(taught, times),
        "decline": {whom: [one[whom] for one in decline] for whom in decline[0]},
        "steady": {whom: sum(one[whom] for one in steady) / len(steady) for whom in steady[0]},
        "seconds": time.perf_counter() - began,
        "machine": describe("numpy", "torch"),
    }


def _overfitting(taught: dict[str, Any], times: int) -> dict[str, Any]:
    found = {}
    for name, parts in taught.items():
        means = {part: sum(scores) / len(scores) for part, scores in parts.items()}
        clean = name == "clean"
        share = overtrained.flagged(parts, times, shuffled=clean)
        found[name] = {**means, "n": len(parts["sealed"]), "flagged": share}
    return found


def _rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    def shown(one: dict[str, Any]) -> str:
        return f"{one['share']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"

    planted, over = found["planted"], found["overfitting"]
    rows: list[tuple[str, ...]] = []
    rows += [(f"A/A blocked by any of 12, {name}", shown(one), "at most 0.05") for name, one in found["equal"].items()]
    rows += [
        (f"8 points lost in one of 12 caught, n = {planted['n']}", shown(planted), f"{POWER:g} promised"),
        (_taught("overtrained", over), f"{over['overtrained']['flagged']:.3f}", "at least 0.95"),
        (_taught("clean", over), f"{over['clean']['flagged']:.3f}", "at most 0.05"),
    ]
    for whom, at in found["decline"].items():
        first = sorted(turn for turn in at if turn)
        middle = f", median release {first[len(first) // 2]}" if first else ""
        words = f"{len(first) / len(at):.3f} of {len(at)}{middle}"
        rows.append((f"ten releases a point worse each, held to {whom}: blocked", words, ""))
    rows += [
        (f"ten equal releases held to {whom}: any blocked", f"{share:.3f}", "")
        for whom, share in found["steady"].items()
    ]
    return rows


def _taught(name: str, over: dict[str, Any]) -> str:
    one = over[name]
    scores = f"development {one['development']:.2f}, sealed {one['sealed']:.2f}, n = {one['n']} each"
    return f"{name} model ({scores}) flagged as overfitted"


def page(found: dict[str, Any], columns: tuple[str, ...]) -> str:
    """The page of results."""
    machine = found["machine"]
    lines = [
        "# What the gate does to releases whose truth is known",
        "",
        f"Command: `make bench NAME=gates`. Machine: {machine['cores']} cores of {machine['cpu']};"
        f" {found['seconds']:.0f} s; {machine['date']}. Intervals are 95 %.",
        "",
        *markdown(columns, _rows(found)),
        "",
        str(__doc__).split("\n\n", 1)[1].strip(),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split(".")[0])
    parser.add_argument("--times", type=int, default=2000, help="simulations a figure")
    parser.add_argument("--part", type=int, default=150, help="questions a part for the overtrained model")
    parser.add_argument("--json", action="store_true", help="print one object only")
    asked = parser.parse_args()
    found = measure(asked.times, asked.part)
    if asked.json:
        print(json.dumps(found))
        return
    columns = ("", "measured", "goal")
    show([("gates", columns, _rows(found))])
    write(ROOT / "docs" / "results" / "gates", page(found, columns), found)


if __name__ == "__main__":
    main()
