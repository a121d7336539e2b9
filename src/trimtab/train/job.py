"""One run in its folder: it goes on where it was, returns at once when it is done, and leaves a model and a report."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.engine.memory import give_back
from trimtab.model import merge, save, weights_digest
from trimtab.records import Progress, Silent, UserError, digest, write_json
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import TrainConfig, TrainReport, report_from_json
from trimtab.train.course import Line
from trimtab.train.curves.panels import CONFIG
from trimtab.train.curves.writers import check_writers, publish
from trimtab.train.drift.watch import ending
from trimtab.train.forest.kernels import why_not
from trimtab.train.processes.sharding import gather, join, wait
from trimtab.train.processes.world import world
from trimtab.train.summary import measures, own_losses

VERSION = 2
"""Raised by hand when the same inputs would give other weights."""


@dataclass(frozen=True, slots=True)
class Job:
    """Where a run reads and writes. ``work`` holds its checkpoints and ``metrics.jsonl``, ``out`` the model."""

    model_folder: Path
    config: TrainConfig
    work: Path
    out: Path
    progress: Progress

    def __post_init__(self) -> None:
        if not world().leads:
            object.__setattr__(self, "progress", Silent())

    @property
    def finished(self) -> Path:
        return self.work / "report.json"

    @property
    def log(self) -> Path:
        return self.work / "metrics.jsonl"

    @property
    def drift(self) -> Path:
        """What the control of drift keeps while the run lasts: snapshots, log-probs of a reference that moves."""
        return self.work / "drift"

    def check(self, method: str) -> None:
        """Raises UserError where the configuration is for another method."""
        if self.config.method != method:
            raise UserError(f"the configuration is for {self.config.method}", field="method", expected=method)

    def identity(self, **facts: Any) -> str:
        """Digest of everything that shapes the weights that come out; ``facts`` are the method's own."""
        config = self.config.model_dump(mode="json", exclude={"writers"})
        own = {"config": config, "weights": weights_digest(self.model_folder)}
        return digest({"version": VERSION, **own, **facts})


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a run's fitting gave. ``metrics`` join those of the log in the report."""

    model: Any
    log: list[Line]
    rows: int
    metrics: dict[str, float]
    notes: tuple[str, ...] = ()


Saver = Callable[[Any, Path, Path], None]
"""``(model, folder it came from, out)``: writes the trained model."""


def complete(job: Job, identity: str, fit: Callable[[Checkpoints], Fitted], write: Saver | None = None) -> TrainReport:
    """The job's report: the one on disk where this very run is complete, else that of ``fit``, model written.

    Of several processes the one that leads writes, and the others wait for it.
    """
    here = join()
    if (done := _done(job, identity)) is not None:
        return done
    if here.leads:
        check_writers(job.config.writers)
        write_json(job.work / CONFIG, job.config.model_dump(mode="json"))
    checkpoints = Checkpoints(job.work / "checkpoint", identity)
    fitted = fit(checkpoints)
    report, whole = report_of(fitted, ending(fitted.log, job.config.monitors)), gather(fitted.model)
    if here.leads:
        (write or _write_policy)(whole, job.model_folder, job.out)
    del fitted, whole
    give_back()
    if here.leads:
        publish(job.work)
        written = {"identity": identity, "weights": weights_digest(job.out), "report": report.to_json()}
        write_json(job.finished, written)
        checkpoints.clear()
        shutil.rmtree(job.drift, ignore_errors=True)
    wait(here)
    return report


def _write_policy(model: Any, source: Path, out: Path) -> None:
    save(merge(model), source, out)


def _done(job: Job, identity: str) -> TrainReport | None:
    """The report of a run that is complete: the same run, and its output still what it wrote."""
    if not job.finished.is_file() or not job.out.is_dir():
        return None
    written = json.loads(job.finished.read_text(encoding="utf-8"))
    if written["identity"] != identity or written["weights"] != weights_digest(job.out):
        return None
    return report_from_json(written["report"])


def report_of(fitted: Fitted, notes: tuple[str, ...] = ()) -> TrainReport:
    """The report: ``summary.measures`` of the log, and the fit's own; ``notes`` come before the fit's."""
    log = fitted.log
    real, processed, seconds = (
        sum(line[name] for line in log) for name in ("tokens_real", "tokens_processed", "seconds")
    )
    return TrainReport(
        steps=len(log),
        losses=own_losses(log),
        tokens_real=int(real),
        tokens_processed=int(processed),
        seconds=seconds,
        notes=(*notes, *fitted.notes),
        metrics={
            **measures(log),
            "sharing": real / processed,
            "tokens_per_second": real / seconds,
            "rows": float(fitted.rows),
            "kernels": float(not why_not()),
            **fitted.metrics,
        },
    )
