"""Two products on one gateway: what the one's users notice while the other's canary is rolled back (mock engine).

Both ask at a steady rate from another process (open loop: a late answer does not delay the next question). ``desk`` is
timed before, during and after; meanwhile canaries of ``shop``, of which people complain, are rolled back one after the
other by its own controller. The engine is a sleep, so that what is measured is the gateway's doing.
"""

import argparse
import asyncio
import json
import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from trimtab.engine.core import Sampling
from trimtab.loop import products
from trimtab.loop.steer import steer
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.records import Behaviour, Message, Release, ToolSchema
from trimtab.release import promote, register
from trimtab.serve import Served, bind, run_server, url_of
from trimtab.tools import Assistant

_CONFIG = """
data: {{sources: [{{path: none.jsonl}}]}}
canary: {{settle_seconds: 0.5, ramps: [0.5, 1.0], alpha_ramps: [1.0e-9]}}
gateway: {{name: {name}, port: 0}}
"""
_ANSWER_SECONDS = 0.02
_LOAD_SECONDS = 0.2
Times = list[float]


@dataclass
class Tally:
    """What one product's users saw: seconds an answer by phase, and every release that answered."""

    phase: str = "warm"
    seconds: dict[str, Times] = field(default_factory=dict)
    releases: set[str] = field(default_factory=set)
    failed: int = 0


@dataclass(frozen=True)
class _Said:
    message: Message
    text: str
    finish: str = "stop"
    prompt_tokens: int = 16
    token_ids: Sequence[int] = tuple(range(16))
    logprobs: Sequence[float] = (-0.1,) * 16
    malformed: bool = False
    error: str = ""


async def _reply(
    messages: Sequence[Message],
    tools: Sequence[ToolSchema] = (),
    sampling: Sampling = Sampling(),  # noqa: B008
    on_text: Callable[[str], None] | None = None,
) -> _Said:
    await asyncio.sleep(_ANSWER_SECONDS)
    return _Said(Message("assistant", "It is blue."), "It is blue.")


class _Mocked(products.Beside):
    """A product whose releases load by a sleep and answer by one."""

    def _served(self, digest: str) -> Served:
        time.sleep(_LOAD_SECONDS)
        return Served(digest, Assistant(_reply))


def workspace(root: Path, name: str) -> Workspace:
    """A workspace with two releases that differ by their prompt; the first is ``stable``."""
    root.mkdir()
    (root / "trimtab.yaml").write_text(_CONFIG.format(name=name))
    made = find_workspace(root)
    weights = made.store.folder / "weights"
    weights.write_text(name)
    model = made.store.artefacts.put(weights)
    digests = [register(made.store, Release(_behaviour(model, prompt))) for prompt in ("first", "second")]
    promote(made.store, digests[0], reason="first", force=True)
    return made


def _behaviour(model: str, prompt: str) -> Behaviour:
    rest = dict.fromkeys(("chat_template", "tools", "policy", "guards", "index"), "none")
    return Behaviour(model=model, system_prompt=prompt, decoding={}, precision="f32", **rest)


def _serve(roots: Sequence[Path], told: Connection) -> None:
    products.Beside = _Mocked  # type: ignore[misc]
    both = products.Products([find_workspace(root) for root in roots])
    listener = bind("127.0.0.1", 0)
    told.send(url_of(listener))
    run_server(both.app, listener=listener, drain=both.router)


async def _ask(http: httpx.AsyncClient, model: str, number: int, tally: Tally, blamed: str = "") -> None:
    """One question, timed in the phase in which it was asked; an answer of ``blamed`` gets a thumb down."""
    phase, began = tally.phase, time.perf_counter()
    body = {"model": model, "messages": [{"role": "user", "content": "Which colour?"}], "user": f"user-{number}"}
    try:
        answer = await http.post("/v1/chat/completions", json=body)
    except httpx.HTTPError:
        tally.failed += 1
        return
    tally.seconds.setdefault(phase, []).append(time.perf_counter() - began)
    tally.failed += answer.status_code != 200
    release = answer.headers.get("x-trimtab-release", "")
    tally.releases.add(release)
    if blamed and release == blamed:
        with suppress(httpx.HTTPError):
            await http.post("/v1/feedback", json={"trace": answer.json()["id"], "thumb": False})


async def _steadily(ask: Callable[[int], Any], rate: float, stop: asyncio.Event) -> None:
    """Ask ``rate`` times a second until stopped, whatever the answers take."""
    loop, running, number = asyncio.get_running_loop(), set[asyncio.Task[None]](), 0
    began = loop.time()
    while not stop.is_set():
        task = asyncio.ensure_future(ask(number))
        running.add(task)
        task.add_done_callback(running.discard)
        number += 1
        await asyncio.sleep(max(began + number / rate - loop.time(), 0.0))
    await asyncio.gather(*running)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.05)


async def _roll_back(shop: Workspace, bad: str) -> None:
    """Start a canary and wait until its controller has rolled it back."""
    await asyncio.to_thread(steer, shop, "canary_start", {"release": bad, "force": "yes", "shadow": "0"})

    def verdict() -> str:
        return str((shop.store.canary.load() or {}).get("state", {}).get("verdict", ""))

    await _until(lambda: verdict() != "running")
    assert verdict() == "rolled_back", verdict()


async def _play(url: str, shop: Workspace, desk: Tally, requests: int, rate: float) -> int:
    """Warm-up and the three phases; returns how many canaries were rolled back."""
    bad = next(digest for digest in _digests(shop) if digest != shop.store.aliases.get("stable"))
    stop = asyncio.Event()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as http:
        await asyncio.gather(*(_ask(http, name, 0, Tally()) for name in ("shop", "desk") * 20))  # connections are open
        noise = Tally()
        asking = [
            asyncio.ensure_future(_steadily(lambda number: _ask(http, "desk", number % 50, desk), rate, stop)),
            asyncio.ensure_future(_steadily(lambda number: _ask(http, "shop", number, noise, bad), rate, stop)),
        ]
        try:
            rollbacks = await _phases(shop, bad, desk, requests)
        finally:
            stop.set()
            await asyncio.gather(*asking)
    return rollbacks


async def _phases(shop: Workspace, bad: str, desk: Tally, requests: int) -> int:
    async def enough(phase: str, share: float = 1.0) -> None:
        desk.phase = phase
        await _until(lambda: len(desk.seconds.get(phase, ())) >= share * requests)

    await enough("warm", 0.5)
    await enough("before")
    desk.phase, rollbacks = "during", 0
    while len(desk.seconds.get("during", ())) < requests:
        await _roll_back(shop, bad)
        rollbacks += 1
    await enough("after")
    return rollbacks


def _digests(workspace: Workspace) -> list[str]:
    from trimtab.release import releases

    return [release.digest for release in releases(workspace.store)]


def measure(requests: int = 500, rate: float = 25.0) -> dict[str, float]:
    """The other product's latency in milliseconds, each phase with at least ``requests`` requests at ``rate`` a second.

    ``b_p99_during_ratio`` is to before and after together. ``b_digests`` is 1 and ``b_failed`` 0 where nothing of the
    rollbacks reached the other product.
    """
    with tempfile.TemporaryDirectory() as folder:
        shop, desk = (workspace(Path(folder) / name, name) for name in ("shop", "desk"))
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        server = context.Process(target=_serve, args=([shop.root, desk.root], there))
        server.start()
        try:
            tally = Tally()
            rollbacks = asyncio.run(_play(here.recv(), shop, tally, requests, rate))
        finally:
            server.terminate()
            server.join()
            shop.store.close()
            desk.store.close()
    return _figures(tally, rollbacks)


def _figures(tally: Tally, rollbacks: int) -> dict[str, float]:
    figures = {"rollbacks": float(rollbacks), "b_digests": float(len(tally.releases)), "b_failed": float(tally.failed)}
    calm = [*tally.seconds["before"], *tally.seconds["after"]]
    for phase in ("before", "during", "after"):
        seconds = tally.seconds[phase]
        figures[f"b_requests_{phase}"] = float(len(seconds))
        for share in (50, 99):
            figures[f"b_p{share}_{phase}_ms"] = round(1000 * percentile(seconds, share / 100), 2)
    figures["b_p99_during_ratio"] = round(percentile(tally.seconds["during"], 0.99) / percentile(calm, 0.99), 3)
    return figures


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one flat object")
    parser.add_argument("--requests", type=int, default=500)
    arguments = parser.parse_args()
    figures = measure(arguments.requests)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<24} {value:g}")


if __name__ == "__main__":
    main()
