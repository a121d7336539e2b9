"""A run's log as panels of curves: what is drawn where, with thresholds, starting points and SFT refreshes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trimtab.records import UserError, write_bytes

Line = Mapping[str, float]
LOG, CONFIG, PAGE, PICTURE = "metrics.jsonl", "config.json", "curves.html", "curves.png"
READING, START, REFRESH = "monitor/", "start/", "refresh"
"""Names of the log, as ``watch`` and ``course`` have them (they need torch, this does not)."""

_FIRST = ("loss", "learning_rate", "grad_norm", "tokens_per_second")
_HIDDEN = frozenset({"step", "seconds", "tokens_real", "tokens_processed", REFRESH, "stopped_at", "stepped_back_to"})
_POINTS = 800
"""More than a panel has pixels: longer curves are drawn as means of equal stretches."""
_SMOOTH = 0.07
"""Share of the steps on each side that a noisy curve's trend looks at."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold over the steps; ``side`` is the one that is out of bounds, ``""`` where neither is."""

    points: tuple[tuple[float, float], ...]
    side: Literal["above", "below", ""]


@dataclass(frozen=True, slots=True)
class Panel:
    """One curve. ``points`` are (step, value), ascending; step 0 is before the first step."""

    name: str
    points: tuple[tuple[float, float], ...]
    trend: tuple[tuple[float, float], ...] = ()
    limits: tuple[Limit, ...] = ()
    monitor: bool = False

    @property
    def last(self) -> float:
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Curves:
    """What a page or a picture draws. ``refreshes`` are stretches of steps (first, last)."""

    method: str
    steps: int
    panels: tuple[Panel, ...]
    refreshes: tuple[tuple[int, int], ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)


def write_curves(work: Path, *, png: bool = False) -> Path:
    """The page (or picture) of the run in ``work``, beside its log. Raises UserError where there is no log."""
    curves = curves_of(*_run(work))
    if png:
        from trimtab.train.curves.png import picture

        write_bytes(work / PICTURE, picture(curves))
        return work / PICTURE
    from trimtab.train.curves.page import page

    write_bytes(work / PAGE, page(curves).encode())
    return work / PAGE


def curves_of(log: Sequence[Line], config: Mapping[str, Any]) -> Curves:
    """Pure: the log's lines and the resolved configuration to panels, the common ones first, monitors last."""
    own = [line for line in log if not line.get(REFRESH)]
    names = sorted({name for line in own for name in line} - _HIDDEN - set(_FIRST))
    panels = [_panel(name, own, config) for name in (*_FIRST, *(n for n in names if not _is_reading(n)))]
    if len(own) < len(log):
        panels.insert(1, _curve("refresh_loss", _values("loss", [line for line in log if line.get(REFRESH)])))
    bounds = (config.get("monitors") or {}).get("thresholds") or {}
    readings = sorted({_bare(name) for line in log for name in line if _is_reading(name)})
    panels += [_monitor(name, log, bounds.get(name) or {}) for name in readings]
    return Curves(
        method=str(config.get("method", "")),
        steps=int(log[-1]["step"]) + 1,
        panels=tuple(panel for panel in panels if panel.points),
        refreshes=_stretches([int(line["step"]) for line in log if line.get(REFRESH)]),
        facts=_facts(log),
    )


def _run(work: Path) -> tuple[list[Line], dict[str, Any]]:
    """The log of a run and its configuration, from the run's folder, the model's or their parent."""
    log = work / LOG
    if not log.is_file():
        raise UserError("no run's log here", file=log, expected="the --work folder of a run", fix="It is OUT.work")
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.endswith("}")]
    if not lines:
        raise UserError("the run has made no step yet", file=log)
    config = work / CONFIG
    return lines, json.loads(config.read_text("utf-8")) if config.is_file() else {}


def _panel(name: str, log: Sequence[Line], config: Mapping[str, Any]) -> Panel:
    if name == "tokens_per_second":
        return _curve(name, [(line["step"] + 1, line["tokens_real"] / line["seconds"]) for line in log])
    clip = config.get("clip") if name == "grad_norm" else None
    curve = _curve(name, _values(name, log), smooth=name != "learning_rate")
    if clip is None or not curve.points or max(value for _, value in curve.points) < clip:
        return curve
    limit = Limit(((curve.points[0][0], clip), (curve.points[-1][0], clip)), "")
    return Panel(name, curve.points, curve.trend, (limit,))


def _curve(name: str, points: Sequence[tuple[float, float]], *, smooth: bool = True) -> Panel:
    drawn = _thinned(points)
    return Panel(name, drawn, _trend(drawn) if smooth and len(drawn) >= 12 else ())


def _monitor(name: str, log: Sequence[Line], bound: Mapping[str, float | None]) -> Panel:
    start = [(0.0, line[START + name]) for line in log[:1] if START + name in line]
    points = (*start, *_values(READING + name, log))
    return Panel(name, points, (), tuple(_limits(points, bound)), monitor=True)


def _limits(points: Sequence[tuple[float, float]], bound: Mapping[str, float | None]) -> list[Limit]:
    """``max_drop`` follows the best value seen so far; the others are level."""
    if not points:
        return []
    first, last, start = points[0][0], points[-1][0], points[0][1]
    level = {"min": 0.0, "max": 0.0, "max_rise": start, "max_fall": start}
    sign = {"min": 1, "max": 1, "max_rise": 1, "max_fall": -1}
    found = []
    for kind, base in level.items():
        if (by := bound.get(kind)) is not None:
            value = base + sign[kind] * by
            found.append(Limit(((first, value), (last, value)), "below" if kind in ("min", "max_fall") else "above"))
    if (drop := bound.get("max_drop")) is not None:
        best = accumulate((value for _, value in points), max)
        found.append(Limit(tuple((x, top - drop) for (x, _), top in zip(points, best, strict=True)), "below"))
    return found


def _values(name: str, log: Sequence[Line]) -> list[tuple[float, float]]:
    return [(line["step"] + 1, line[name]) for line in log if name in line]


def _thinned(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """At most ``_POINTS``, each the mean of equally many neighbours, at the last one's step."""
    stride = -(-len(points) // _POINTS) or 1
    parts = [points[start : start + stride] for start in range(0, len(points), stride)]
    return tuple((part[-1][0], sum(value for _, value in part) / len(part)) for part in parts)


def _trend(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Local lines under tricube weights (Cleveland 1979): no lag behind the curve, no pull at its ends."""
    x, y = np.array(points, float).T
    reach = max(4, round(_SMOOTH * len(points)))
    found = []
    for place, step in enumerate(x):
        near = slice(max(0, place - reach), place + reach + 1)
        away = x[near] - step
        weight = (1 - (np.abs(away) / (np.abs(away).max() * 1.001)) ** 3) ** 3
        mean_x, mean_y = np.average(away, weights=weight), np.average(y[near], weights=weight)
        spread = np.average((away - mean_x) ** 2, weights=weight)
        slope = np.average((away - mean_x) * (y[near] - mean_y), weights=weight) / spread
        found.append((float(step), float(mean_y - slope * mean_x)))
    return tuple(found)


def _stretches(steps: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Runs of neighbouring steps as (first, last), both counted from 1."""
    found: list[tuple[int, int]] = []
    for step in steps:
        if found and step == found[-1][1]:
            found[-1] = (found[-1][0], step + 1)
        else:
            found.append((step + 1, step + 1))
    return tuple(found)


def _facts(log: Sequence[Line]) -> dict[str, float]:
    real, processed, seconds = (sum(line[name] for line in log) for name in _SUMMED)
    return {"tokens": real, "computed": processed, "seconds": seconds, "speed": real / max(seconds, 1e-9)}


_SUMMED = ("tokens_real", "tokens_processed", "seconds")


def _is_reading(name: str) -> bool:
    return name.startswith((READING, START))


def _bare(name: str) -> str:
    return name.removeprefix(READING).removeprefix(START)
