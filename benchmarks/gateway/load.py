"""The open-loop load of the overhead's blocks: Poisson arrivals that wait for nobody, timed from when they were due.

Run as a process: its job in a file, a line of JSON for each block on standard output.
"""

import asyncio
import gc
import json
import random
import selectors
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.channel import Channel
from benchmarks.gateway.client import Answer, Pool, post
from benchmarks.gateway.workload import question

_CONNECTIONS = 32
_GRACE_SECONDS = 5.0
_LEAD_SECONDS = 0.05
_LOOK_SECONDS, _REST_LOOKS = 0.2, 40
_RESTING = 0.15  # of a core; ticks of 10 ms make it no finer


@dataclass(frozen=True, slots=True)
class Block:
    """``rate`` requests a second to one side for ``seconds``; ``headers`` are used in turn.

    ``kind``: what is asked and how fast; blocks of one kind are compared.
    """

    side: str
    kind: str
    url: str
    pid: int
    headers: Sequence[dict[str, str]]
    rate: float
    seconds: float
    seed: int
    stream: bool = False


@dataclass
class Timed:
    """What a block saw. ``latency``: ms from when a request was due; ``claimed``: the header's ms; ``cpu``: ms of the
    server a request; ``late``: ms by which the client sent too late."""

    side: str
    kind: str
    latency: list[float] = field(default_factory=list)
    claimed: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    offered: int = 0
    cpu: float = 0.0


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """A Poisson process: seconds from its start, in order."""
    rng, now, times = random.Random(seed), 0.0, list[float]()
    while (now := now + rng.expovariate(rate)) < seconds:
        times.append(now)
    return times


async def run_block(block: Block, pool: Pool) -> Timed:
    """Offer the block's requests and wait for their answers."""
    timed, seen = Timed(block.side, block.kind), Counter[str]()
    requests = [post(f"{block.url}/v1/chat/completions", question(stream=block.stream), h) for h in block.headers]
    due = arrivals(block.rate, block.seconds, block.seed)
    timed.offered, left = len(due), len(due)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_answer(answer: Answer) -> None:
        nonlocal left
        left -= 1
        seen[str(answer.status)] += 1
        if answer.status == 200:
            timed.latency.append(1000 * answer.seconds)
            if (claim := answer.header("x-trimtab-overhead-ms")) is not None:
                timed.claimed.append(float(claim))
        if not left and not done.done():
            done.set_result(None)

    process = psutil.Process(block.pid)
    before = cpu_seconds(process)
    start = time.perf_counter() + _LEAD_SECONDS
    for i, at in enumerate(due):
        if (wait := start + at - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        timed.late.append(1000 * (time.perf_counter() - start - at))
        pool.ask(requests[i % len(requests)], start + at, on_answer)
    await asyncio.wait({done}, timeout=_GRACE_SECONDS)
    timed.statuses = dict(seen) | ({"none": left} if left else {})
    timed.cpu = 1000 * (cpu_seconds(process) - before) / max(len(due), 1)
    return timed


def precise_loop() -> asyncio.AbstractEventLoop:
    """``select`` waits in microseconds, ``epoll`` rounds up to whole milliseconds: too coarse for what is measured."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def cpu_seconds(process: psutil.Process) -> float:
    """Seconds of CPU of a process and what it started."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))


async def _at_rest(process: psutil.Process) -> None:
    """Wait until the server has worked off what it still has: the next side's block must not pay for it."""
    for _ in range(_REST_LOOKS):
        before = cpu_seconds(process)
        await asyncio.sleep(_LOOK_SECONDS)
        if cpu_seconds(process) - before < _RESTING * _LOOK_SECONDS:
            return


async def _run(blocks: list[dict[str, Any]], channel: Channel) -> None:
    gc.freeze()
    for row in blocks:
        block = Block(**row)
        pool = Pool(block.url)
        await pool.open(_CONNECTIONS)
        timed = await run_block(block, pool)
        pool.close()
        await _at_rest(psutil.Process(block.pid))
        channel.say(**asdict(timed))


def main() -> None:
    channel, job = Channel(), json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        runner.run(_run(job["blocks"], channel))


if __name__ == "__main__":
    main()
