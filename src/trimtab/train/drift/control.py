"""What holds a run near where it began, put round any method: π0, refresh rows, a probe set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.model import Dialect, weights_digest
from trimtab.records import Example, UserError
from trimtab.train.config import AnchoredConfig, TrainConfig
from trimtab.train.course import Course
from trimtab.train.drift.courses import MovingReference, refreshed
from trimtab.train.drift.monitors import Monitor, ProbeSet, measure_of
from trimtab.train.drift.snapshot import Snapshots
from trimtab.train.drift.watch import Watch
from trimtab.train.forest.precision import Precision
from trimtab.train.forest.score import Scorer
from trimtab.train.job import Job
from trimtab.train.reference import WindowStore
from trimtab.train.rows import example_group, groups_of


@dataclass(frozen=True, slots=True)
class DriftControl:
    """What the configuration's ``reference``, ``refresh_every`` and ``monitors`` need beside numbers."""

    anchor_folder: Path | None = None
    """π0; the model as it came where none is given."""
    refresh: Sequence[Example] = ()
    """The rows of the SFT refreshes."""
    probes: ProbeSet | None = None
    """What the monitors watch."""


UNCONTROLLED = DriftControl()


def check_control(config: TrainConfig, control: DriftControl) -> None:
    """Raises UserError where the configuration asks for what is not there."""
    if config.monitors is not None and control.probes is None:
        raise UserError("monitors need a probe set", field="monitors", fix="Give probe prompts, or remove monitors")
    if not isinstance(config, AnchoredConfig):
        return
    if config.refresh_every and not control.refresh:
        raise UserError("a refresh needs rows", field="refresh_every", fix="Give SFT rows, or set refresh_every to 0")
    if config.reference in ("fixed", "reanchor") and control.anchor_folder is None:
        raise UserError(
            f"reference: {config.reference} needs π0", field="reference", expected="the base model's folder"
        )
    if config.reference == "reanchor" and config.monitors is None:
        raise UserError("reference: reanchor needs the KL to π0", field="monitors", fix="Turn monitors on")


def reference_folder_of(job: Job, control: DriftControl, given: Path | None) -> Path | None:
    """The folder of a reference that stays for the whole run; None where it moves. ``given`` is the SFT checkpoint."""
    config = job.config
    assert isinstance(config, AnchoredConfig)
    if config.reference in ("every", "reanchor"):
        return None
    return control.anchor_folder if config.reference == "fixed" else given or job.model_folder


def control_facts(job: Job, control: DriftControl) -> dict[str, Any]:
    """What of the control shapes the weights that come out, for the run's identity; empty where nothing does."""
    config, facts = job.config, dict[str, Any]()
    if isinstance(config, AnchoredConfig) and config.refresh_every:
        facts["refresh"] = [(row.id, row.labels.get("weight")) for row in control.refresh]
    if config.monitors is not None and control.probes is not None:
        facts["probes"] = {"key": control.probes.key, "cases": [case.id for case in control.probes.cases]}
    if control.anchor_folder is not None and (config.monitors is not None or _moves(config)):
        facts["anchor"] = weights_digest(control.anchor_folder)
    return {"control": facts} if facts else {}


def moving(
    job: Job, rows: Course, score: Scorer, identity: str, anchor: Callable[[Path], Scorer], control: DriftControl
) -> Course:
    """``rows`` under a reference that moves, where the configuration says so. ``anchor`` opens a folder's scorer."""
    config, folder = job.config, control.anchor_folder
    if not isinstance(config, AnchoredConfig) or not _moves(config):
        return rows
    store = WindowStore(job.drift / f"reference-{identity[:16]}")
    return MovingReference(rows, config, score, store, (lambda: anchor(folder)) if folder is not None else None)


def with_refreshes(
    job: Job, course: Course, control: DriftControl, dialect: Dialect, share: bool
) -> tuple[Course, tuple[str, ...]]:
    """``course`` with the SFT refreshes of the configuration, and a note for each row that was dropped."""
    config = job.config
    if not isinstance(config, AnchoredConfig) or not config.refresh_every:
        return course, ()
    groups, dropped = groups_of(control.refresh, lambda row: example_group(row, dialect), config)
    return refreshed(course, groups, config, share=share), dropped


def watch_of(job: Job, control: DriftControl, steps: int, identity: str, numbers: Precision) -> Watch | None:
    """The monitor of a run of ``steps`` steps; None where the configuration has none."""
    config = job.config.monitors
    if config is None or control.probes is None:
        return None
    anchor = control.anchor_folder or job.model_folder
    measure = measure_of(control.probes, config, anchor, seed=job.config.seed, numbers=numbers)
    return Monitor(config, measure, Snapshots(job.drift, identity), steps, job.work / "monitors.jsonl")


def _moves(config: TrainConfig) -> bool:
    return isinstance(config, AnchoredConfig) and config.reference in ("every", "reanchor")
