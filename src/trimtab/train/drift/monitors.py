"""Monitors: every few steps the current weights answer a probe set, are measured, and a verdict follows."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from trimtab.engine.memory import give_back
from trimtab.model import Dialect, load
from trimtab.records import Case, UserError, iter_jsonl, write_jsonl
from trimtab.train.config import MonitorConfig
from trimtab.train.course import Line
from trimtab.train.drift.answers import Answers, kl_to, live_answers
from trimtab.train.drift.measures import Judge, Probe, Reading, read_answers
from trimtab.train.drift.snapshot import Snapshots
from trimtab.train.drift.watch import READING, START, STEPPED_BACK_TO, STOPPED_AT, Verdict, breaches, history, verdict
from trimtab.train.forest.precision import Precision
from trimtab.train.processes.sharding import everyones, gather
from trimtab.train.processes.world import world


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """What a run is watched on: prompts that are in no training set and no quarantine, and who measures the answers.

    ``key`` names the callables and their versions: a run with another key is another run.
    """

    cases: Sequence[Case]
    probe: Probe | None = None
    proxy: Judge | None = None
    judge: Judge | None = None
    answers: Answers | None = None
    """Who answers; the engine room's sampler where none is given."""
    key: str = ""

    def __post_init__(self) -> None:
        if not self.cases:
            raise UserError("the probe set is empty", expected="at least one prompt to watch the run on")


Measure = Callable[[Any], Reading]
"""``(model) -> metrics`` of the weights as they are."""


def measure_of(
    probes: ProbeSet, config: MonitorConfig, anchor_folder: Path, *, seed: int, numbers: Precision
) -> Measure:
    """Answers, then numbers. π0 is read from ``anchor_folder`` each time, so that it takes no memory in between."""
    answers = probes.answers or live_answers(
        probes.cases,
        Dialect.of(anchor_folder),
        dtype=numbers.compute,
        max_new_tokens=config.max_new_tokens,
        temperature=config.temperature,
        seed=seed,
    )

    def measure(model: Any) -> Reading:
        given = answers(model)
        anchor: Any = load(anchor_folder, dtype="float64" if numbers.compute == torch.float64 else "float32")
        kl = kl_to(model, anchor.to(model.device), given)
        vocabulary = int(anchor.get_output_embeddings().weight.shape[0])
        del anchor
        give_back()
        return read_answers(given, kl, vocabulary, probe=probes.probe, proxy=probes.proxy, judge=probes.judge)

    return measure


class Monitor:
    """A Watch: measures every ``every`` steps and after the last, and carries the verdict out.

    ``file`` gets a line for each measurement, with counts and intervals. ``snapshots`` hold the last parameters that
    were within every bound; the model as it came is the first. A run resumed from a checkpoint finds its history in
    the log.
    """

    def __init__(self, config: MonitorConfig, measure: Measure, snapshots: Snapshots, steps: int, file: Path) -> None:
        self._config = config
        self._measure = measure
        self._snapshots = snapshots
        self._steps = steps
        self._file = file

    def before(self, model: Any) -> Line:
        """The reading that the others are held against. Raises UserError on a bound for what is not measured."""
        reading = self._read(model)
        if unknown := sorted(set(self._config.thresholds) - set(reading)):
            raise UserError(
                f"a threshold for {', '.join(unknown)}, which this run does not measure",
                field="monitors.thresholds",
                expected=", ".join(sorted(reading)),
            )
        if self._config.action == "step_back":
            self._snapshots.keep(0, model)
        self._write(0, reading, Verdict())
        return _line(START, reading)

    def after(self, step: int, model: Any, log: Sequence[Line]) -> Verdict:
        """A reading where one is due, and what follows from it and those before."""
        done = step + 1
        if done % self._config.every and done != self._steps:
            return Verdict()
        reading = self._read(model)
        line = _line(READING, reading)
        read = [*log[:-1], log[-1] | line]
        found = verdict(read, self._config)
        ending = {} if found.action == "go" else {STOPPED_AT: float(done)}
        if found.action == "step_back":
            ending[STEPPED_BACK_TO] = float(self._snapshots.restore(done, model))
        elif self._config.action == "step_back" and not breaches(history(read), self._config.thresholds):
            self._snapshots.keep(done, model)
        self._write(done, reading, found)
        return replace(found, metrics=line | ending)

    def _read(self, model: Any) -> Reading:
        """What was measured, numbers only. Of several processes the one that leads has the whole model and measures."""
        here, whole = world(), gather(model)
        found = self._measure(whole) if here.leads else {}
        finite = {name: measured for name, measured in found.items() if math.isfinite(measured.value)}
        return everyones(finite, here)[0]

    def _write(self, done: int, reading: Reading, found: Verdict) -> None:
        """The file as of this measurement: lines of steps that are run again are replaced."""
        if not world().leads:
            return
        before = [row for _, row in iter_jsonl(self._file) if row["step"] < done] if self._file.is_file() else []
        metrics = {name: dataclasses.asdict(measured) for name, measured in sorted(reading.items())}
        row = {"step": done, "verdict": found.action, "reason": found.reason, "metrics": metrics}
        write_jsonl(self._file, [*before, row])


def _line(prefix: str, reading: Reading) -> Line:
    """The values under their names in the log, and how many there are: a reading of nothing is one, too."""
    values = {f"{prefix}{name}": measured.value for name, measured in reading.items()}
    return values | {f"{prefix}measures": float(len(reading))}
