"""Ten times the capacity, open loop, by tenants of different greed: then silence, and how soon all is well again.

Run as a process: its job in a file, one line of JSON on standard output.
"""

import asyncio
import heapq
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.channel import Channel
from benchmarks.gateway.client import Answer, Pool, post
from benchmarks.gateway.load import cpu_seconds, precise_loop
from benchmarks.gateway.workload import question

_SAMPLE_SECONDS = 0.5
_GRACE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Row:
    """One request: when it was due (seconds from the phase's start), whose, what came back, after how many seconds."""

    at: float
    tenant: str
    status: int
    seconds: float


@dataclass
class Phase:
    """What one phase saw; ``memory``: (seconds, MB resident); ``unanswered``: still under way at the end; ``cpu``:
    seconds that the server computed; ``late``: seconds by which the client sent too late, at worst."""

    rows: list[Row] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    unanswered: int = 0
    cpu: float = 0.0
    late: float = 0.0


def schedule(rates: dict[str, float], seconds: float, seed: int) -> Iterator[tuple[float, str]]:
    """Poisson arrivals of every tenant, merged in order."""
    return heapq.merge(*(_arrivals(tenant, rate, seconds, f"{seed}{tenant}") for tenant, rate in rates.items()))


def _arrivals(tenant: str, rate: float, seconds: float, seed: str) -> Iterator[tuple[float, str]]:
    rng, now = random.Random(seed), 0.0
    while (now := now + rng.expovariate(rate)) < seconds:
        yield now, tenant


async def run_phase(
    pool: Pool, requests: dict[str, bytes], rates: dict[str, float], seconds: float, pid: int, seed: int
) -> Phase:
    """Offer ``rates`` for so long. Ends when the last request was sent, a grace for answers is given apart."""
    phase, start = Phase(), time.perf_counter()
    process, sampled = psutil.Process(pid), 0.0
    before = cpu_seconds(process)
    for at, tenant in schedule(rates, seconds, seed):
        if (wait := start + at - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        if at >= sampled:
            phase.memory.append((at, process.memory_info().rss / 1e6))
            sampled = at + _SAMPLE_SECONDS
        phase.late = max(phase.late, time.perf_counter() - start - at)
        phase.unanswered += 1
        pool.ask(requests[tenant], start + at, _noted(phase, at, tenant))
    phase.cpu = cpu_seconds(process) - before
    return phase


def _noted(phase: Phase, at: float, tenant: str) -> Any:
    def on_answer(answer: Answer) -> None:
        phase.unanswered -= 1
        phase.rows.append(Row(at, tenant, answer.status, answer.seconds))

    return on_answer


async def _run(job: dict[str, Any]) -> dict[str, Any]:
    headers = {"x-request-timeout-ms": str(job["budget_ms"])}
    url, keys, pid = job["url"], job["keys"], job["pid"]
    requests = {
        tenant: post(f"{url}/v1/chat/completions", question(), headers | {"authorization": f"Bearer {key}"})
        for tenant, key in keys.items()
    }
    pool = Pool(url)
    await pool.open(64)
    quiet = {next(iter(keys)): job["probe_rate"]}
    before = await run_phase(pool, requests, quiet, job["probe_seconds"], pid, 1)
    await asyncio.sleep(1.0)
    flood = await run_phase(pool, requests, job["rates"], job["seconds"], pid, 2)
    after = await run_phase(pool, requests, quiet, job["recovery_seconds"], pid, 3)
    await asyncio.sleep(_GRACE_SECONDS if flood.unanswered or after.unanswered else 1.0)
    pool.close()
    return {"before": asdict(before), "flood": asdict(flood), "after": asdict(after)}


def main() -> None:
    channel, job = Channel(), json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        channel.say(**runner.run(_run(job)))


if __name__ == "__main__":
    main()
