"""`make bench NAME=train`: training against TRL 1.16, side by side in one run."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks.lockstep import ROOT, measure
from benchmarks.machine import describe
from benchmarks.peers import BENCH, peer_python, versions
from benchmarks.train import report
from benchmarks.train.figures import figures, raw
from benchmarks.train.plan import PARTS, RUNS, Run, Setting, missing, side
from benchmarks.train.workload import QUICK, Scale
from trimtab.model import DEFAULT_MODEL, resolve
from trimtab.records import digest

REQUIREMENTS = Path(__file__).with_name("trl_requirements.txt")
PACKAGES = ("torch", "transformers", "peft")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One flat object on standard output instead of the table.")
@click.option("--only", default=",".join(PARTS), help=f"Parts to run, by comma: {', '.join(PARTS)}.")
@click.option("--quick", is_flag=True, help="One tiny step a side: whether it runs, not how fast.")
@click.option("--resume", is_flag=True, help="Take finished measurements of the same settings as they are.")
@click.option("--steps", default=3, show_default=True, help="Measured steps a side, after one to warm up.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of published data (default: $TRIMTAB_DATA).")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model that both sides train.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Stem of the written report (default: docs/results/train)."
)
def main(
    as_json: bool, only: str, quick: bool, resume: bool, steps: int, data: Path | None, model: str, out: Path | None
) -> None:
    """Measure, print, and write the report."""
    setting = Setting(resolve(model), QUICK if quick else Scale(steps=steps + 1), published(data))
    chosen = [run for run in RUNS if run.part in _parts(only)]
    left_out = {run.name: why for run in chosen if (why := missing(run, setting))}
    peer = peer_python("trl", REQUIREMENTS)
    results = {run.name: _measured(run, setting, peer, resume) for run in chosen if run.name not in left_out}
    absent = {f"{name}_vs_default": None for name in left_out}
    reasons = {f"{name}_reason": why for name, why in left_out.items()}
    found = figures(results) | absent | raw(results) | reasons
    machine = describe(*PACKAGES) | {"peer": versions(peer, "trl", *PACKAGES)}
    if as_json:
        print(json.dumps(found))
    else:
        report.show(results, found)
    if not quick:
        report.write(out or ROOT / "docs" / "results" / "train", results, found, machine)


def published(folder: Path | None) -> Path | None:
    """The file of tool traces in the folder that was named, in $TRIMTAB_DATA, or beside the repository."""
    root = folder or Path(os.environ.get("TRIMTAB_DATA") or ROOT.parent / "shared" / "data")
    file = root / "sgd" / "tool_sft.jsonl.gz"
    return file if file.is_file() else None


def _parts(only: str) -> set[str]:
    parts = {part.strip() for part in only.split(",") if part.strip()}
    if odd := parts - set(PARTS):
        raise click.BadParameter(f"no part {', '.join(sorted(odd))}; there are {', '.join(PARTS)}")
    return parts


def _measured(run: Run, setting: Setting, peer: Path, resume: bool) -> dict[str, Any]:
    """The run's sides, measured now or, with ``resume``, as they were left by a run of the same settings."""
    folder = BENCH / "train" / digest(setting.to_json())[:16] / run.name
    kept = folder / "measured.json"
    if resume and kept.is_file():
        result: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return result
    print(f"measuring {run.name}: {', '.join(run.sides)}", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    rows = setting.steps(run.work)
    steps = folder / "steps.json"
    steps.write_text(json.dumps(rows), encoding="utf-8")
    sides = [side(run, name, steps, setting, peer) for name in run.sides]
    result = {name: measured.to_json() for name, measured in measure(sides, len(rows), folder).items()}
    kept.write_text(json.dumps(result), encoding="utf-8")
    return result


if __name__ == "__main__":
    main()
