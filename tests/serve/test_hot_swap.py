"""Releases change under traffic over a real socket: nobody is dropped, mixed up, or left in memory."""

import gc
import json
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from trimtab.engine import Chat, Sampling, TorchEngine
from trimtab.model import Dialect, tiny_random_model
from trimtab.serve import Gateway, ServeConfig, Served, bind, create_app, url_of
from trimtab.tools import Assistant

_PROMPTS = ("one", "two and three", "a longer question about the tool")
_SAMPLING = Sampling(max_tokens=24)


@dataclass
class Fleet:
    """Releases of different random weights; each load is an engine of its own, watched until it is freed."""

    folders: list[Path]
    models: list["weakref.ref[Any]"] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    closed: int = 0
    heard: list[tuple[str, str]] = field(default_factory=list)
    """The release that was leased, and the weights that its reply says."""

    def load(self, number: int) -> Served:
        engine = TorchEngine(self.folders[number % len(self.folders)])
        self.models.append(weakref.ref(engine._stepper._model))
        chat, release = Chat(engine, Dialect.of(self.folders[0])), engine.weights
        self.numbers[release] = number

        async def reply(*args: Any, **fields: Any) -> Any:
            said = await chat.reply(*args, **fields)
            self.heard.append((release, said.weights))
            return said

        def close() -> None:
            self.closed += 1
            engine.close()

        return Served(release, Assistant(reply, sampling=_SAMPLING), close, chat.complete)

    @property
    def living(self) -> int:
        gc.collect()
        return sum(model() is not None for model in self.models)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    home = tmp_path_factory.mktemp("fleet")
    return [tiny_random_model(home / str(seed), seed=seed) for seed in range(4)]


@pytest.fixture(scope="module")
def expected(folders: list[Path]) -> dict[tuple[str, str], str]:
    """What each release says to each prompt when nothing else happens."""
    import asyncio

    from trimtab.records import Message

    said = {}
    for folder in folders:
        engine = TorchEngine(folder)
        chat = Chat(engine, Dialect.of(folder))
        for prompt in _PROMPTS:
            reply = asyncio.run(chat.reply([Message("user", prompt)], (), _SAMPLING))
            said[engine.weights, prompt] = reply.message.content
        engine.close()
    assert len(set(said.values())) == len(said), "every release says something of its own"
    return said


class Site:
    """A gateway behind uvicorn on a loopback port."""

    def __init__(self, gateway: Gateway) -> None:
        listener = bind("127.0.0.1", 0)
        self.url = url_of(listener)
        config = uvicorn.Config(create_app(gateway), log_level="critical", timeout_graceful_shutdown=5)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()


class Traffic:
    """Clients that ask without a pause, every other one for a stream; what went wrong is kept."""

    def __init__(self, url: str, expected: dict[tuple[str, str], str], clients: int = 4) -> None:
        self.wrong: list[str] = []
        self.answered = 0
        self.releases: set[str] = set()
        self._expected, self._url, self._over = expected, url, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(clients)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def more(self, answers: int) -> None:
        """Wait until so many more requests have been answered, or one went wrong."""
        until, deadline = self.answered + answers, time.monotonic() + 30
        while self.answered < until and not self.wrong:
            assert time.monotonic() < deadline, "nobody is answered any more"
            time.sleep(0.005)

    def _ask(self, client: int) -> None:
        with httpx.Client(base_url=self._url, timeout=30, verify=False) as http:
            for i in range(10_000):
                if self._over.is_set():
                    return
                prompt = _PROMPTS[(client + i) % len(_PROMPTS)]
                try:
                    self._check(*_answer(http, prompt, client, stream=client % 2 == 0), prompt)
                except Exception as error:  # whatever a dropped request looks like
                    self.wrong.append(f"{type(error).__name__}: {error}")
                self.answered += 1

    def _check(self, release: str, text: str, prompt: str) -> None:
        self.releases.add(release)
        if text != self._expected[release, prompt]:
            self.wrong.append(f"{release[:8]} would have said {self._expected[release, prompt]!r}, not {text!r}")


def _answer(http: httpx.Client, prompt: str, client: int, *, stream: bool) -> tuple[str, str]:
    """The release in the header, and the whole text. Raises where the answer is an error or ends early."""
    body = {"model": "trimtab", "messages": [{"role": "user", "content": prompt}], "user": f"u{client}"}
    if not stream:
        answer = http.post("/v1/chat/completions", json=body).raise_for_status()
        return answer.headers["x-trimtab-release"], answer.json()["choices"][0]["message"]["content"]
    text = ""
    with http.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as answer:
        answer.raise_for_status()
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
    if events[-1] != "[DONE]":
        raise AssertionError(f"the stream broke off: {events[-1]}")
    for event in events[:-1]:
        text += json.loads(event)["choices"][0]["delta"].get("content") or ""
    return answer.headers["x-trimtab-release"], text


def swap_ten_times(
    gateway: Gateway, fleet: Fleet, share: list[float], traffic: Traffic, swap: Callable[..., None]
) -> None:
    """Canaries begun, promoted and rolled back, new releases and engines reopened, each amid answers."""
    stable = gateway.arms.get("stable")
    canary: Served | None = None
    steps = ("canary", "promote", "release", "canary", "roll back", "reopen", "canary", "promote", "reopen", "release")
    for number, step in enumerate(steps):
        before = (stable, canary)
        if step == "canary":
            canary = fleet.load(number + 1)
        elif step == "promote":
            stable, canary = canary, None
        elif step == "roll back":
            canary = None
        else:
            assert stable is not None
            stable = fleet.load(number + 1 if step == "release" else fleet.numbers[stable.release])
        share[0] = 0.5 if canary is not None else 0.0
        swap(before, stable, canary)
        traffic.more(6)
        share[0] = 1.0 if canary is not None else 0.0  # changed under way, without a swap
        traffic.more(2)


@pytest.fixture
def ten(folders: list[Path], expected: Any, memory_of: Any) -> Iterator[Callable[..., tuple[Fleet, Traffic, Gateway]]]:
    sites: list[Site] = []

    def run(at_once: bool) -> tuple[Fleet, Traffic, Gateway]:
        fleet, share = Fleet(folders), [0.0]
        gateway = Gateway(memory_of(), config=ServeConfig(), share=lambda: share[0])
        gateway.set_arms(fleet.load(0))
        sites.append(Site(gateway))
        traffic = Traffic(sites[0].url, expected)

        def swap(before: tuple[Served | None, ...], stable: Served | None, canary: Served | None) -> None:
            gateway.set_arms(stable, canary)
            for old in before if at_once else ():  # the planted fault: what runs there is not waited for
                if old is not None and old not in (stable, canary):
                    old.close()

        try:
            traffic.more(4)
            swap_ten_times(gateway, fleet, share, traffic, swap)
        finally:
            traffic.end()
        return fleet, traffic, gateway

    yield run
    for site in sites:
        site.stop()


def test_ten_swaps_under_traffic_drop_nobody_and_free_what_they_replace(ten: Any) -> None:
    fleet, traffic, gateway = ten(False)
    assert traffic.wrong == []
    assert len(traffic.releases) >= 4, "the traffic met every release"
    assert traffic.answered >= 80
    assert fleet.heard
    assert all(release == weights for release, weights in fleet.heard), "the tokens are of the release leased"
    for thread in gateway.arms._closers:
        thread.join()
    assert (len(fleet.models), fleet.closed, fleet.living) == (8, 7, 1), "one engine is left, and one model in memory"
    gateway.outbox.close()
    traces = gateway.outbox._sink.traces
    assert len(traces) == traffic.answered, "every request has its trace"
    assert all(trace.finish in ("stop", "length") for trace in traces)


def test_closing_the_old_engine_at_once_would_be_noticed(ten: Any) -> None:
    _, traffic, _ = ten(True)
    assert traffic.wrong, "requests under way were cut"
