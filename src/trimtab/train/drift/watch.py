"""What may end a run early: the verdict over a run's monitor readings, a pure function of its log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from trimtab.train.config import MonitorConfig, Threshold
from trimtab.train.course import Line

READING, START = "monitor/", "start/"
"""Prefixes of the log's names: a reading after a step, and the one before the first step (in the first line)."""
STOPPED_AT, STEPPED_BACK_TO = "stopped_at", "stepped_back_to"
"""Names in the last line of a run that ended early: optimiser steps done, and those of the model that was kept."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a watch says after a step. Anything but ``go`` ends the run; ``metrics`` join the step's line."""

    action: Literal["go", "stop", "step_back"] = "go"
    reason: str = ""
    metrics: Line = field(default_factory=dict)


class Watch(Protocol):
    """What the loop asks. A function of the model's state and the log alone, so that a resumed run hears the same."""

    def before(self, model: Any) -> Line:
        """What is known before the first step; joins the first line."""

    def after(self, step: int, model: Any, log: Sequence[Line]) -> Verdict:
        """Asked after every step; ``log`` ends with the step's own line."""


def history(log: Sequence[Line]) -> list[Line]:
    """The readings so far: first the one before training, then each that was taken after a step."""
    start = [_named(line, START) for line in log[:1]]
    return start + [reading for line in log if (reading := _named(line, READING))]


def newest(log: Sequence[Line], name: str) -> float | None:
    """The last reading of ``name``, before training included; None where it was never taken."""
    return next((reading[name] for reading in reversed(history(log)) if name in reading), None)


def verdict(log: Sequence[Line], config: MonitorConfig) -> Verdict:
    """The configured action where one metric is out of bounds in each of the last ``patience`` readings, else go.

    The reading before training bounds the others and is never judged itself.
    """
    readings = history(log)
    if len(readings) - 1 < config.patience:
        return Verdict()
    judged = range(len(readings) - config.patience, len(readings))
    found = [breaches(readings[: place + 1], config.thresholds) for place in judged]
    lasting = [text for name, text in found[-1].items() if all(name in each for each in found)]
    return Verdict(config.action, "; ".join(lasting)) if lasting else Verdict()


def breaches(readings: Sequence[Line], thresholds: Mapping[str, Threshold]) -> dict[str, str]:
    """Metric to what is wrong with it in the last of ``readings``; one that was not measured is wrong."""
    found = {name: _breach([reading.get(name) for reading in readings], bound) for name, bound in thresholds.items()}
    return {name: f"{name} {text}" for name, text in found.items() if text}


def _breach(values: Sequence[float | None], bound: Threshold) -> str:
    """What the last value is out of bounds by; empty where it is within them all. Comparisons fail on NaN, too."""
    now, start = values[-1], values[0]
    if now is None:
        return "was not measured"
    if bound.min is not None and not now >= bound.min:
        return f"{now:.4g} is below {bound.min:g}"
    if bound.max is not None and not now <= bound.max:
        return f"{now:.4g} is above {bound.max:g}"
    best = max(value for value in values if value is not None)
    if bound.max_drop is not None and not best - now <= bound.max_drop:
        return f"{now:.4g} is more than {bound.max_drop:g} below its best, {best:.4g}"
    if bound.max_rise is None and bound.max_fall is None:
        return ""
    if start is None:
        return "has no value from before training"
    if bound.max_rise is not None and not now - start <= bound.max_rise:
        return f"{now:.4g} rose by more than {bound.max_rise:g} from {start:.4g}"
    if bound.max_fall is not None and not start - now <= bound.max_fall:
        return f"{now:.4g} fell by more than {bound.max_fall:g} from {start:.4g}"
    return ""


def ending(log: Sequence[Line], config: MonitorConfig | None) -> tuple[str, ...]:
    """A note for the report of a run that ended early; none for one that went through."""
    if config is None or not log or STOPPED_AT not in log[-1]:
        return ()
    last = log[-1]
    done, kept = int(last[STOPPED_AT]), last.get(STEPPED_BACK_TO)
    what = "kept as it stood" if kept is None else f"stepped back to the model after step {int(kept)}"
    return (f"a monitor ended the run after step {done}, {what}: {verdict(log, config).reason}",)


def _named(line: Line, prefix: str) -> Line:
    return {name.removeprefix(prefix): value for name, value in line.items() if name.startswith(prefix)}
