"""`make bench NAME=serve`: the gateway against its own engine and against Transformers' static batches."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks.lockstep import ROOT, Side, measure
from benchmarks.machine import describe, read_bandwidth
from benchmarks.peers import BENCH
from benchmarks.serve import report
from benchmarks.serve.figures import BYTES_A_WEIGHT, figures
from benchmarks.serve.workload import QUICK, Prompt, Scale, long_answers, rounds_of
from trimtab.model import DEFAULT_MODEL, resolve
from trimtab.records import UserError, digest

PACKAGES = ("torch", "transformers", "openvino-genai", "uvicorn", "uvloop")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One flat object on standard output instead of the tables.")
@click.option("--quick", is_flag=True, help="A few tokens a side: whether it runs, not how fast.")
@click.option("--rounds", default=3, show_default=True, help="Measured rounds of each number of streams.")
@click.option("--precisions", default="bf16,int8", show_default=True, help="Served weights, by comma, slowest first.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of published data (default: $TRIMTAB_DATA).")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model that every side serves.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Stem of the written report (default: docs/results/serve)."
)
def main(
    as_json: bool, quick: bool, rounds: int, precisions: str, data: Path | None, model: str, out: Path | None
) -> None:
    """Measure, print, and write the report."""
    folder, scale = resolve(model), QUICK if quick else Scale(rounds=rounds)
    work = BENCH / "serve"
    work.mkdir(parents=True, exist_ok=True)
    plan = rounds_of(scale, _prompts(folder, published(data), scale, work))
    steps = work / "rounds.json"
    steps.write_text(json.dumps(plan), encoding="utf-8")
    bandwidth = read_bandwidth()
    sides = _sides(_known(precisions), {"model": str(folder), "new_tokens": scale.new_tokens, "workload": str(steps)})
    results = {name: each.to_json() for name, each in measure(sides, len(plan), work).items()}
    (work / "measured.json").write_text(json.dumps(results), encoding="utf-8")
    found = figures(results, plan, int(results["static"]["start"]["parameters"]), bandwidth)
    if as_json:
        print(json.dumps(found))
    else:
        report.show(results, plan, found)
    if not quick:
        report.write(out or ROOT / "docs" / "results" / "serve", results, plan, found, describe(*PACKAGES))


def published(folder: Path | None) -> Path:
    """The folder of published data: as named, $TRIMTAB_DATA, or beside the repository. Raises UserError."""
    found = folder or Path(os.environ.get("TRIMTAB_DATA") or ROOT.parent / "shared" / "data")
    if not found.is_dir():
        raise UserError("no published data", file=found, fix="Name its folder by --data or TRIMTAB_DATA")
    return found


def _known(precisions: str) -> list[str]:
    names = [name.strip() for name in precisions.split(",") if name.strip()]
    if not names or set(names) - set(BYTES_A_WEIGHT):
        raise click.BadParameter(f"expected some of {', '.join(BYTES_A_WEIGHT)}, by comma")
    return names


def _prompts(model: Path, data: Path, scale: Scale, work: Path) -> list[Prompt]:
    """Chosen once for a model and a scale: finding them takes as long as a measurement."""
    kept = work / f"prompts-{digest({'model': model.name, 'data': data.name, 'scale': repr(scale)})[:16]}.json"
    if not kept.is_file():
        print("choosing prompts with long answers", file=sys.stderr)
        kept.write_text(json.dumps(long_answers(model, data, scale)), encoding="utf-8")
    prompts: list[Prompt] = json.loads(kept.read_text(encoding="utf-8"))
    return prompts


def _sides(precisions: list[str], job: dict[str, Any]) -> list[Side]:
    ours = [
        Side(f"{who}_{precision}", Path(sys.executable), f"benchmarks.serve.{who}", {**job, "precision": precision})
        for precision in precisions
        for who in ("bare", "gateway")
    ]
    return [*ours, Side("static", Path(sys.executable), "benchmarks.serve.static", job)]


if __name__ == "__main__":
    main()
