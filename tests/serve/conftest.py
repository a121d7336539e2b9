"""A release that says what the test wants, and a sink that remembers what it was given."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.testclient import TestClient

from trimtab.engine.core import Sampling
from trimtab.engine.pieces import Piece
from trimtab.records import Feedback, Message, ToolCall, ToolSchema, Trace
from trimtab.serve import Gateway, ServeConfig, Served, create_app
from trimtab.tools import Assistant, Guards, Limits, NoGuards, Toolbox


@dataclass(frozen=True)
class Spoken:
    """What the chat layer returns."""

    message: Message
    text: str
    finish: str = "stop"
    prompt_tokens: int = 7
    token_ids: Sequence[int] = (1, 2, 3)
    logprobs: Sequence[float] = (-0.1, -0.2, -0.3)
    malformed: bool = False
    error: str = ""
    pieces: Sequence[Piece] | None = (Piece(b"Hello from", -0.1), Piece(b" here.", -99999.0))


@dataclass
class Model:
    """Says ``lines`` one after the other (the last one for ever): a text, calls, or an exception.

    ``pause``: seconds before each word. ``gate``: when given, the model waits for it after its first word.
    """

    lines: Sequence[str | ToolCall | Exception] = ("Hello from here.",)
    pause: float = 0.0
    gate: asyncio.Event | None = None
    seen: list[tuple[tuple[Message, ...], tuple[ToolSchema, ...], Sampling]] = field(default_factory=list)
    running: int = 0
    cancelled: int = 0

    async def __call__(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = Sampling(),  # noqa: B008
        on_text: Callable[[str], None] | None = None,
    ) -> Spoken:
        line = self.lines[min(len(self.seen), len(self.lines) - 1)]
        self.seen.append((tuple(messages), tuple(tools), sampling))
        self.running += 1
        try:
            return await self._say(line, on_text)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def _say(self, line: str | ToolCall | Exception, on_text: Callable[[str], None] | None) -> Spoken:
        if isinstance(line, ToolCall):
            return Spoken(Message("assistant", tool_calls=(line,)), "")
        text = "" if isinstance(line, Exception) else line
        for i, word in enumerate(text.split(" ")):
            await asyncio.sleep(self.pause)
            if on_text is not None and text:
                on_text(word if i == 0 else f" {word}")
            if self.gate is not None:
                await self.gate.wait()
        if isinstance(line, Exception):
            raise line
        return Spoken(Message("assistant", text), text)


@dataclass
class Memory:
    """A sink; ``failures`` is how many writes fail before one succeeds."""

    traces: list[Trace] = field(default_factory=list)
    said: list[Feedback] = field(default_factory=list)
    failures: int = 0

    def trace(self, trace: Trace) -> None:
        self._fail()
        self.traces.append(trace)

    def feedback(self, feedback: Feedback) -> None:
        self._fail()
        if feedback.id not in {known.id for known in self.said}:
            self.said.append(feedback)

    def _fail(self) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise OSError("disk full")


@dataclass
class Bench:
    """A gateway under test with its model, its sink and a client of it."""

    gateway: Gateway
    model: Model
    sink: Memory
    client: TestClient

    def ask(self, text: str = "hi", **fields: Any) -> Any:
        headers = fields.pop("headers", None)
        body = {"model": "trimtab", "messages": [{"role": "user", "content": text}]} | fields
        return self.client.post("/v1/chat/completions", json=body, headers=headers)

    def settle(self) -> list[Trace]:
        """The traces, once all are written."""
        self.gateway.outbox.close()
        return self.sink.traces


def make_served(release: str, model: Model, **fields: Any) -> Served:
    async def complete(prompt: str, sampling: Sampling = Sampling(), on_text: Any = None) -> Spoken:  # noqa: B008
        return await model((Message("user", prompt),), (), sampling, on_text)

    toolbox: Toolbox = fields.pop("toolbox", Toolbox())
    guards: Guards = fields.pop("guards", NoGuards())
    limits: Limits = fields.pop("limits", Limits())
    assistant = Assistant(model, toolbox, guards, limits, "Be kind.")
    return Served(release, assistant, **{"complete": complete, **fields})


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real engine and chat layer over a tiny random model: it says nonsense, and holds to a form."""
    from trimtab.engine import Chat, TorchEngine
    from trimtab.model import Dialect, tiny_random_model

    folder = tiny_random_model(tmp_path_factory.mktemp("served") / "tiny")
    engine = TorchEngine(folder)
    chat = Chat(engine, Dialect.of(folder))
    yield Served("c" * 64, Assistant(chat.reply, sampling=Sampling(160, 1.0)), complete=chat.complete)
    engine.close()


@pytest.fixture
def served() -> Callable[..., Served]:
    """``served(release, model, toolbox=…, guards=…, close=…)``."""
    return make_served


@pytest.fixture
def model_of() -> type[Model]:
    return Model


@pytest.fixture(scope="session")
def memory_of() -> type[Memory]:
    return Memory


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """``bench(model=…, sink=…, config={…}, toolbox=…, guards=…, tasks=…, …)``; the rest goes to the Gateway."""
    clients: list[TestClient] = []

    def make(**fields: Any) -> Bench:
        model, sink = fields.pop("model", Model()), fields.pop("sink", Memory())
        stable = fields.pop("stable", None)
        arm = {name: fields.pop(name) for name in ("toolbox", "guards", "limits") if name in fields}
        tasks = fields.pop("tasks", None)
        gateway = Gateway(sink, config=ServeConfig(**fields.pop("config", {})), clock=lambda: 1000.0, **fields)
        gateway.outbox._retry_seconds = (0.0, 0.0)
        gateway.set_arms(stable or make_served("a" * 64, model, **arm))
        client = TestClient(create_app(gateway, tasks=tasks), raise_server_exceptions=False)
        clients.append(client.__enter__())
        return Bench(gateway, model, sink, client)

    yield make
    for client in clients:
        client.__exit__(None, None, None)
