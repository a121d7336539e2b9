"""`make bench NAME=gateway`: the gateway's overhead beside LiteLLM's in one run, then ten times its capacity."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks.gateway import report
from benchmarks.gateway.figures import headline, overhead_figures, overload_figures
from benchmarks.gateway.plan import PARTS, QUICK, SIDES, Flood, Scale, blocks, job
from benchmarks.gateway.servers import Server, litellm_server, own_server
from benchmarks.lockstep import ROOT
from benchmarks.machine import describe
from benchmarks.peers import BENCH, peer_python, versions

REQUIREMENTS = Path(__file__).with_name("litellm_requirements.txt")
PACKAGES = ("starlette", "uvicorn", "pydantic")
_SPARE_SECONDS = 90.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One flat object on standard output instead of the tables.")
@click.option("--only", default=",".join(PARTS), help=f"Parts to run, by comma: {', '.join(PARTS)}.")
@click.option("--sides", default=",".join(SIDES), help=f"Sides of the overhead, by comma: {', '.join(SIDES)}.")
@click.option("--quick", is_flag=True, help="Short blocks, once: whether it runs, not how fast.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Stem of the written report (default: docs/results/gateway)."
)
def main(as_json: bool, only: str, sides: str, quick: bool, out: Path | None) -> None:
    """Measure, print, and write the report."""
    scale, chosen, parts = QUICK if quick else Scale(), _names(sides, SIDES), _names(only, PARTS)
    peer = peer_python("litellm", REQUIREMENTS) if "litellm" in chosen and "overhead" in parts else None
    folder = BENCH / "gateway"
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    if "overhead" in parts:
        found |= _overhead(chosen, scale, peer, folder)
    if "overload" in parts:
        found |= _overload(Flood(), scale, folder)
    machine = describe(*PACKAGES)
    if peer is not None:
        machine |= {"peer": versions(peer, "litellm", "uvicorn", "uvloop", "httptools")}
    if as_json:
        print(json.dumps(report.flat(found)))
    else:
        report.show(found)
    if not quick:
        report.write(out or ROOT / "docs" / "results" / "gateway", found, machine, "make bench NAME=gateway")


def _overhead(sides: list[str], scale: Scale, peer: Path | None, folder: Path) -> dict[str, Any]:
    with ExitStack() as stack:
        mock = stack.enter_context(own_server("mock", "benchmarks.gateway.mock", {}, folder))
        servers: dict[str, Server] = {"direct": mock}
        for side in [side for side in sides if side.startswith("ours")]:
            upstream = {"upstream": mock.url} if side == "ours_http" else {}
            ours = {"folder": str(folder / side), "tenants": ["north", "south", "east", "west"], **upstream}
            servers[side] = stack.enter_context(own_server(side, "benchmarks.gateway.ours", ours, folder))
        if peer is not None:
            servers["litellm"] = stack.enter_context(litellm_server(peer, mock.url, folder))
        plan = blocks(servers, scale)
        print(f"overhead: {len(plan)} blocks of {', '.join(servers)}", file=sys.stderr)
        seconds = sum(block.seconds for block in plan)
        timed = _load("benchmarks.gateway.load", job(plan), seconds, folder / "load")
    found = overhead_figures(timed, warm=len(plan) // (scale.rounds + 1))
    return headline(found) | found


def _overload(flood: Flood, scale: Scale, folder: Path) -> dict[str, Any]:
    print(f"overload: {flood.times:g} × {flood.capacity:.1f} requests/s", file=sys.stderr)
    given = flood.server_job(str(folder / "flooded"))
    with own_server("flooded", "benchmarks.gateway.ours", given, folder) as server:
        seconds = scale.flood_seconds + scale.probe_seconds + scale.recovery_seconds
        (seen,) = _load("benchmarks.gateway.flood", flood.load_job(server, scale), seconds, folder / "flood")
    (folder / "flood.seen.json").write_text(json.dumps({"flood": asdict(flood), **seen}), encoding="utf-8")
    found = overload_figures(seen, dict(flood.weights), flood.rates, scale.flood_seconds, flood.budget_ms)
    return found | {"capacity_per_second": flood.capacity, "used_capacity": found["served_per_second"] / flood.capacity}


def _load(module: str, given: dict[str, Any], seconds: float, stem: Path) -> list[dict[str, Any]]:
    """What a load generator said, a line each; it has twice the planned ``seconds`` and some to spare."""
    file = stem.with_suffix(".job.json")
    file.write_text(json.dumps(given), encoding="utf-8")
    command = [sys.executable, "-m", module, str(file)]
    limit = 2 * seconds + _SPARE_SECONDS
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=limit, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _names(given: str, known: tuple[str, ...]) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    if odd := [name for name in names if name not in known]:
        raise click.BadParameter(f"there is no {', '.join(odd)}; there are {', '.join(known)}")
    return names


if __name__ == "__main__":
    main()
