"""How often nominal 95 % intervals hold the truth, 10,000 simulations a cell. `make bench NAME=coverage`.

Every interval is made by the function that scorecards and gates call. Unclustered shares and pairs of shares have few
distinct samples (a count, or counts of wins and losses), so that each is computed once.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from benchmarks.coverage.worlds import Floats, World, grid, hard
from benchmarks.lockstep import ROOT
from benchmarks.machine import describe
from benchmarks.pages import markdown, show, write
from trimtab.stats import Interval, mean_interval, paired_interval, wilson

LEVEL = 0.95


def held(world: World, times: int, seed: int = 0) -> float:
    """Share of ``times`` simulations whose interval holds the truth."""
    rng, found = np.random.default_rng([seed, *_words(world)]), 0
    make = interval_of(world)
    for done in range(0, times, 500):
        first, second = world.draw(rng, min(500, times - done))
        for i in range(len(first)):
            one = make(first[i], None if second is None else second[i])
            found += one.low <= world.truth <= one.high
    return found / times


def interval_of(world: World) -> Callable[[Floats, Floats | None], Interval]:
    """The interval that a scorecard or a gate would give such scores."""
    clusters = world.clusters.tolist() if world.clustered else None

    @cache
    def share(successes: int) -> Interval:
        return wilson(successes, world.n, LEVEL)

    @cache
    def pair(wins: int, losses: int) -> Interval:
        ties = world.n - wins - losses
        return paired_interval([1.0] * wins + [0.0] * (losses + ties), [0.0] * wins + [1.0] * losses + [0.0] * ties)

    def made(first: Floats, second: Floats | None) -> Interval:
        if second is None:
            if world.shape == "share" and clusters is None:
                return share(int(first.sum()))
            return mean_interval(first, clusters, LEVEL, 0.0, 1.0)
        if world.shape == "pair share" and clusters is None:
            return pair(int((first > second).sum()), int((first < second).sum()))
        return paired_interval(first, second, clusters, LEVEL)

    return made


def _words(world: World) -> list[int]:
    return list(repr(world).encode())


def measure(times: int, cells: Sequence[World], workers: int = 2) -> dict[str, Any]:
    """Every cell's coverage; mean and least over the grid."""
    began = time.perf_counter()
    with ProcessPoolExecutor(workers) as pool:
        shares = list(pool.map(held, cells, [times] * len(cells)))
        harder = list(pool.map(held, hard(), [times] * len(hard())))
    rows = [{**asdict(cell), "name": cell.name, "held": share} for cell, share in zip(cells, shares, strict=True)]
    worst = min(rows, key=lambda row: float(row["held"]))
    return {
        "cells": len(rows),
        "simulations": times,
        "mean": float(np.mean(shares)),
        "least": float(worst["held"]),
        "least_in": f"{worst['shape']}: {worst['name']}",
        "within_94_96": float(np.mean([0.94 <= share <= 0.96 for share in shares])),
        "rows": rows,
        "hard": {cell.name: share for cell, share in zip(hard(), harder, strict=True)},
        "seconds": time.perf_counter() - began,
        "machine": describe("numpy"),
    }


def _by_shape(found: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: dict[str, list[float]] = {}
    for row in found["rows"]:
        kind = f"{row['shape']}{', clustered' if row['size'] > 1 else ''}"
        rows.setdefault(kind, []).append(row["held"])
    total = [row["held"] for row in found["rows"]]
    return [
        (kind, str(len(held)), f"{np.mean(held):.4f}", f"{min(held):.4f}", f"{max(held):.4f}")
        for kind, held in [*rows.items(), ("all", total)]
    ]


def page(found: dict[str, Any]) -> str:
    """The page of results."""
    machine, columns = found["machine"], ("scores", "cells", "mean", "least", "most")
    cells = [(row["shape"], row["name"], f"{row['held']:.4f}") for row in found["rows"]]
    lines = [
        "# Coverage of our intervals",
        "",
        f"Command: `make bench NAME=coverage`. Machine: {machine['cores']} cores of {machine['cpu']};"
        f" {found['seconds']:.0f} s; {machine['date']}. {found['simulations']:,} simulations a cell; nominal 95 %.",
        "",
        *markdown(columns, _by_shape(found)),
        "",
        f"Least: {found['least_in']}.",
        "",
        "Outside the grid, where each cluster of 20 is nearly all right or all wrong (a mixture of two points): "
        + "; ".join(f"{name} {share:.3f}" for name, share in found["hard"].items())
        + ". With 15 such clusters it may be that no right one is seen, and then nothing in the data says that they"
        " agree.",
        "",
        str(__doc__).split("\n\n", 1)[1].strip(),
        "",
        *markdown(("scores", "cell", "held"), cells),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split(".")[0])
    parser.add_argument("--times", type=int, default=10_000, help="simulations a cell")
    parser.add_argument("--json", action="store_true", help="print one object only")
    asked = parser.parse_args()
    found = measure(asked.times, grid())
    if asked.json:
        print(json.dumps(found))
        return
    show([("coverage", ("scores", "cells", "mean", "least", "most"), _by_shape(found))])
    write(ROOT / "docs" / "results" / "coverage", page(found), found)


if __name__ == "__main__":
    main()
