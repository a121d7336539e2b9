"""Difficulty measured on π0, as a bucket in the row's labels and the measured values in its provenance."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trimtab.curate.place import Placed
from trimtab.curate.stage import Repair, Staged, repaired
from trimtab.curate.strata.config import DifficultyConfig, Signal
from trimtab.records import Example, Message

LEVELS = ("easy", "medium", "hard")
HARDER_UP: Mapping[Signal, bool] = {"loss": True, "pass_rate": False, "margin": False}
"""Whether a row is harder the higher the value."""


@dataclass(frozen=True, slots=True)
class Difficulty:
    """``loss`` and ``margin`` in nats a token; ``pass_rate`` None where no evidence tells right from wrong."""

    loss: float | None = None
    pass_rate: float | None = None
    margin: float | None = None
    samples: int = 0
    failed: tuple[tuple[Message, ...], ...] = ()
    """π0's answers that were wrong, each once."""
    model: str = ""
    """Digest of π0."""

    @property
    def values(self) -> dict[Signal, float]:
        """What was measured. NaN counts as not measured."""
        given: dict[Signal, float | None] = {"loss": self.loss, "pass_rate": self.pass_rate, "margin": self.margin}
        return {name: value for name, value in given.items() if value is not None and not math.isnan(value)}


Measure = Callable[[Sequence[Placed]], Mapping[str, Difficulty]]
"""Rows to the difficulty of those that could be measured, by ``Placed.key``."""
Bounds = Mapping[tuple[str, Signal], tuple[float, float]]


def difficulty_stage(rows: Sequence[Placed], config: DifficultyConfig, measure: Measure | None) -> Staged:
    """Labels every measured row easy, medium or hard; by two signals, it is as hard as the harder one says.

    A label that the row came with is replaced, and that is a repair. What is not measured keeps what it has.
    """
    if config.measure == "off" or measure is None:
        return Staged(rows)
    known = measure(rows)
    bounds = bounds_of(rows, known, config)
    done: list[Placed] = []
    repairs: list[Repair] = []
    levels: Counter[str] = Counter()
    for placed in rows:
        found = known.get(placed.key)
        level = None if found is None else level_of(found, _group(placed, config), bounds)
        levels[level or "unknown"] += 1
        if found is None or level is None:
            done.append(placed)
            continue
        done.append(_labelled(placed, found, level, config.companions))
        repairs += _changes(placed, done[-1], level)
    findings = {
        "measure": config.measure,
        "levels": dict(sorted(levels.items())),
        "bounds": {f"{group or 'all'}/{name}": list(pair) for (group, name), pair in sorted(bounds.items())},
    }
    return Staged(done, repairs=repairs, findings=findings)


def bounds_of(rows: Sequence[Placed], known: Mapping[str, Difficulty], config: DifficultyConfig) -> Bounds:
    """Group and signal -> the two values between which a row is medium: fixed, or quantiles of what was measured."""
    values: dict[tuple[str, Signal], list[float]] = defaultdict(list)
    for placed in rows:
        for name, value in known[placed.key].values.items() if placed.key in known else ():
            values[_group(placed, config), name].append(value)
    return {key: config.fixed.get(key[1]) or _between(sorted(found), config, key[1]) for key, found in values.items()}


def level_of(found: Difficulty, group: str, bounds: Bounds) -> str | None:
    """The hardest level that any measured signal gives; None where nothing was measured."""
    places = [_place(value, name, bounds[group, name]) for name, value in found.values.items()]
    return LEVELS[max(places)] if places else None


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of sorted values, interpolated linearly (Hyndman and Fan 1996, type 7)."""
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def _between(ordered: Sequence[float], config: DifficultyConfig, name: Signal) -> tuple[float, float]:
    easy, hard = config.cuts if HARDER_UP[name] else (1 - config.cuts[1], 1 - config.cuts[0])
    return quantile(ordered, easy), quantile(ordered, hard)


def _place(value: float, name: Signal, bounds: tuple[float, float]) -> int:
    """0 easy, 1 medium, 2 hard; a value on a bound is medium, on both at once too (all rows are alike)."""
    below, above = value < bounds[0], value > bounds[1]
    return 1 + (above - below) * (1 if HARDER_UP[name] else -1)


def _group(placed: Placed, config: DifficultyConfig) -> str:
    return "/".join(str(placed.row.labels.get(name, "none")) for name in config.within)


def _labelled(placed: Placed, found: Difficulty, level: str, most: int) -> Placed:
    row = placed.row
    said: dict[str, Any] = {str(name): value for name, value in found.values.items()}
    said |= {"samples": found.samples, "model": found.model}
    if before := row.labels.get("difficulty"):
        said["label_before"] = before
    labels, provenance = {**row.labels, "difficulty": level}, {**row.provenance, "difficulty": said}
    if isinstance(row, Example) and (fresh := _fresh(row, found.failed, most)):
        provenance["companions"] = {"from": "samples of π0 that failed", "model": found.model, "count": len(fresh)}
        return replace(placed, row=replace(row, labels=labels, provenance=provenance, rejected=(*row.rejected, *fresh)))
    return replace(placed, row=replace(row, labels=labels, provenance=provenance))


def _fresh(row: Example, failed: Iterable[tuple[Message, ...]], most: int) -> list[tuple[Message, ...]]:
    fresh: list[tuple[Message, ...]] = []
    for turns in failed:
        if turns not in row.rejected and turns not in fresh:
            fresh.append(turns)
    return fresh[:most]


def _changes(before: Placed, after: Placed, level: str) -> list[Repair]:
    old, found = before.row.labels.get("difficulty"), []
    if old not in (None, level):
        found.append(repaired(before, "difficulty", f"labelled {old}, measured {level}"))
    if isinstance(before.row, Example) and isinstance(after.row, Example):
        added = len(after.row.rejected) - len(before.row.rejected)
        if added:
            found.append(repaired(before, "companion", f"{added} failed sample(s) of π0 as rejected companions"))
    return found
