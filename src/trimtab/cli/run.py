"""`run`: one turn of the loop, or what it would take."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options
from trimtab.cli.main import EXIT_NO

if TYPE_CHECKING:
    from trimtab.loop.turn import StepRun


@click.command()
@click.option("--dry-run", is_flag=True, help="Time, disk and memory of the turn, without running it.")
@workspace_options
@json_option
def run(dry_run: bool, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """One turn: curate, teach, align, evaluate, gate, and release as `candidate`. Killed, it goes on where it was."""
    from trimtab.records import Stopped

    found = open_workspace(workspace, overrides)
    if dry_run:
        _estimate(workspace, overrides, as_json)
        return
    from trimtab.loop.steps import TURN
    from trimtab.loop.turn import run_turn

    with progress_display(quiet=as_json) as progress:
        try:
            runs = run_turn(found, TURN, progress)
        except Stopped as stop:
            if as_json:
                emit({"verdict": "stopped", "reason": str(stop)})
            else:
                say(f"stopped: {stop}")
            raise click.exceptions.Exit(EXIT_NO) from stop
    _report(runs, as_json)


def _report(runs: "list[StepRun]", as_json: bool) -> None:
    outputs = {run.name: dict(run.outputs) for run in runs}
    blocked = outputs["gate"]["verdict"] != "passed"
    if as_json:
        steps = [
            {"step": run.name, "skipped": run.skipped, "seconds": run.seconds, "peak_rss_mb": run.peak_rss_mb}
            for run in runs
        ]
        emit({"release": outputs["release"]["release"], "gate": outputs["gate"], "steps": steps})
    else:
        for run in runs:
            took = "known, skipped" if run.skipped else f"{run.seconds:7.1f} s  {run.peak_rss_mb:6.0f} MB"
            say(f"{run.name:<10} {took}")
        for check in outputs["gate"]["checks"]:
            say(f"  {'ok ' if check['passed'] else 'NO '} {check['name']}: {check['reason']}")
        say(f"release {outputs['release']['release'][:12]}: the gate says {outputs['gate']['verdict']}")
        say("next: `trimtab card`, `trimtab serve`, `trimtab canary start`" if not blocked else "next: `trimtab gate`")
    if blocked:
        raise click.exceptions.Exit(EXIT_NO)


def _estimate(folder: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    from trimtab.loop.estimate import estimate

    plan = estimate(open_workspace(folder, overrides))
    if as_json:
        emit(plan.to_json())
        return
    for part in plan.parts:
        say(f"{part.name:<10} {part.seconds / 60:6.1f} min   {part.what}")
    sizes = f"{plan.disk_gb:.1f} GB of disk, {plan.memory_gb:.1f} GB of memory"
    say(f"{'in all':<10} {plan.seconds / 60:6.1f} min   {sizes}")
    for sight in plan.sights:
        say(f"gate: {sight.sentence}")
    for warning in plan.warnings:
        say(f"careful: {warning}")
