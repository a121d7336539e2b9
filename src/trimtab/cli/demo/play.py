"""The play: one turn, a canary that is promoted, a sabotage that is not, and what was harvested."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trimtab.cli.demo.sabotage import gate_sabotage, sabotage
from trimtab.cli.demo.stage import Stage
from trimtab.cli.demo.traffic import Audience
from trimtab.cli.template import tool_caller, write_template
from trimtab.loop.judging import judged
from trimtab.loop.meter import metered
from trimtab.loop.reap import Reaped, reap
from trimtab.loop.steps import TURN
from trimtab.loop.turn import StepRun, run_turn
from trimtab.loop.workspace import CONFIG_NAME, Workspace, find_workspace
from trimtab.records import Progress, Scorecard, Stopped

_SETTINGS = ("canary.settle_seconds=1", "gateway.port=0")
"""Simulated users answer at once, so a request has settled a second after its answer."""


@dataclass(frozen=True, slots=True)
class CanaryRun:
    """How a canary ended: its verdict, what drove it, and settled requests by arm (0 where it never started)."""

    verdict: str
    drivers: tuple[str, ...]
    requests: int
    stable_requests: int = 0
    gate: str = ""

    def to_json(self) -> dict[str, Any]:
        row = {
            "verdict": self.verdict,
            "requests": self.requests,
            "stable_requests": self.stable_requests,
            "drivers": list(self.drivers),
        }
        return row | ({"gate": self.gate} if self.gate else {})

    @classmethod
    def of(cls, row: dict[str, Any]) -> "CanaryRun":
        """The inverse of ``to_json``."""
        return cls(**{**row, "drivers": tuple(row["drivers"])})


@dataclass(slots=True)
class Result:
    """What the demo found; ``steps`` are name, seconds and peak memory in the order of the play."""

    release: str
    base: Scorecard
    candidate: Scorecard
    gate: dict[str, Any]
    canary: CanaryRun
    sabotage: CanaryRun
    harvest: Reaped
    steps: list[StepRun] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def peak_rss_mb(self) -> float:
        return max(step.peak_rss_mb for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        return {
            "release": self.release,
            "base": _metrics(self.base),
            "candidate": _metrics(self.candidate),
            "gate": self.gate,
            "canary": self.canary.to_json(),
            "sabotage": self.sabotage.to_json(),
            "harvest": {name: getattr(self.harvest, name) for name in ("sft", "preference", "unpaired")},
            "seconds": self.seconds,
            "peak_rss_mb": self.peak_rss_mb,
            "steps": [
                {"step": step.name, "seconds": step.seconds, "peak_rss_mb": step.peak_rss_mb, "skipped": step.skipped}
                for step in self.steps
            ],
        }


def play(folder: Path, overrides: tuple[str, ...], progress: Progress, say: Callable[[str], None]) -> Result:
    """Run the whole play in ``folder``. Raises Stopped where a check or the gate says no to the honest candidate."""
    begun = time.perf_counter()
    steps: list[StepRun] = []

    def act(name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Run an act once: a demo that was stopped goes on after the acts that are known."""
        if (known := workspace.store.get("demo", name)) is not None:
            steps.append(StepRun(name, True, {}, 0.0, 0.0))
            return known
        with metered() as meter:
            value = run()
        workspace.store.put("demo", name, value)
        steps.append(StepRun(name, False, {}, meter.seconds, meter.peak_rss_mb))
        return value

    if not (folder / CONFIG_NAME).exists():
        say(f"workspace: {write_template(folder)}")
    workspace = find_workspace(folder, (*_SETTINGS, *overrides))
    runs = run_turn(workspace, TURN, progress)
    steps += runs
    outputs = {run.name: run.outputs for run in runs}
    release = str(outputs["release"]["release"])
    say(f"release {release[:12]}: the gate says {outputs['gate']['verdict']}")
    if outputs["gate"]["verdict"] != "passed":
        raise Stopped(f"the gate blocked the candidate: see `trimtab gate -w {folder}`")
    audience = Audience(tool_caller(folder))
    canary = CanaryRun.of(act("canary", lambda: _canary(workspace, release, audience, progress, forced=False)))
    say(f"canary: {canary.verdict} after {canary.requests} canary requests")
    bad = str(act("sabotage", lambda: {"release": sabotage(workspace, release)})["release"])
    base = str(outputs["base"]["model"])
    blocked = act("sabotage gate", lambda: gate_sabotage(workspace, bad, base, progress))
    say(f"sabotage {bad[:12]}: the gate says {blocked['verdict']}; forced past it, to see the canary")
    wrecked = CanaryRun.of(act("sabotage canary", lambda: _canary(workspace, bad, audience, progress, forced=True)))
    say(f"sabotage: {wrecked.verdict} after {wrecked.requests} canary requests")
    harvested = act("harvest", lambda: reap(workspace, who="demo", now=time.time()).to_json())
    return Result(
        release=release,
        base=_scorecard(workspace, outputs["evaluate"]["base"]),
        candidate=_scorecard(workspace, outputs["evaluate"]["candidate"]),
        gate=dict(outputs["gate"]),
        canary=canary,
        sabotage=replace(wrecked, gate=blocked["verdict"]),
        harvest=Reaped(**harvested),
        steps=steps,
        seconds=time.perf_counter() - begun,
    )


def _canary(
    workspace: Workspace, release: str, audience: Audience, progress: Progress, *, forced: bool
) -> dict[str, Any]:
    """Serve, start the canary, let the users come until it has a verdict."""
    from trimtab.loop.steer import steer

    with Stage(workspace) as stage:
        state = stage.live.controller.state
        if state is None or state.release != release:
            steer(workspace, "canary_start", {"release": release, "force": "yes" if forced else ""})
        audience.come(stage, progress, f"users, {'sabotaged' if forced else 'honest'} canary")
        state = stage.live.controller.state
    assert state is not None
    return CanaryRun(state.verdict, state.drivers, state.requests["canary"], state.requests["stable"]).to_json()


def _scorecard(workspace: Workspace, key: str) -> Scorecard:
    found = judged(workspace.store, key)
    assert found is not None
    return found.scorecard


def _metrics(card: Scorecard) -> dict[str, Any]:
    return {name: metric.to_json() for name, metric in card.metrics.items()}
