"""A turn: steps in order, each journaled by a key of its inputs, skipped where the key is known."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.loop.meter import metered
from trimtab.loop.workspace import RUNS, Workspace
from trimtab.records import Progress, digest

Outputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What a step runs with: the workspace, what earlier steps gave, and where it reports."""

    workspace: Workspace
    outputs: Mapping[str, Outputs]
    progress: Progress
    key: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Its key is the digest of name, ``version``, config section, watched inputs and needed outputs.

    ``version`` is raised by hand when the code's output changes. ``run`` returns plain JSON (artefact digests and
    counts, no clock), so that equal inputs give equal keys downstream.
    """

    name: str
    version: int
    run: Callable[[Context], dict[str, Any]]
    needs: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    watch: Callable[[Workspace], Any] | None = None


@dataclass(frozen=True, slots=True)
class StepRun:
    """What became of one step in this turn."""

    name: str
    skipped: bool
    outputs: Outputs
    seconds: float
    peak_rss_mb: float


def run_turn(workspace: Workspace, steps: Sequence[Step], progress: Progress) -> list[StepRun]:
    """Run the steps in order; the scratch folders go when all are done. Killed at any instant, the same call goes on.

    Raises Stopped where a check says no, UserError where a person must mend something.
    """
    outputs: dict[str, Outputs] = {}
    runs = []
    for step in steps:
        run = _one(workspace, step, outputs, progress)
        outputs[step.name] = run.outputs
        runs.append(run)
    shutil.rmtree(workspace.state / RUNS, ignore_errors=True)
    return runs


def step_key(workspace: Workspace, step: Step, outputs: Mapping[str, Outputs]) -> str:
    """The digest that decides whether a step's result is already known."""
    return digest(
        {
            "step": step.name,
            "version": step.version,
            "config": {name: workspace.config.section(name) for name in step.sections},
            "watched": None if step.watch is None else step.watch(workspace),
            "needs": {name: outputs[name] for name in step.needs},
        }
    )


def _one(workspace: Workspace, step: Step, outputs: Mapping[str, Outputs], progress: Progress) -> StepRun:
    key = step_key(workspace, step, outputs)
    known = workspace.store.journal.find(step.name, key)
    if known is not None and _present(workspace, known):
        return StepRun(step.name, True, known, 0.0, 0.0)
    with metered() as meter:
        result = step.run(Context(workspace, outputs, progress, key))
    workspace.store.journal.finish(step.name, key, result, meter.seconds, meter.peak_rss_mb)
    return StepRun(step.name, False, result, meter.seconds, meter.peak_rss_mb)


def _present(workspace: Workspace, outputs: Outputs) -> bool:
    """Whether the artefacts that a known step gave are still here (``gc`` may have taken them)."""
    return all(workspace.store.artefacts.has(outputs[name]) for name in ("model", "rows") if _named(outputs.get(name)))


def _named(value: Any) -> bool:
    return isinstance(value, str)
