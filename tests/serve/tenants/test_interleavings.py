"""Tenants at once, in any order, with failures and hang-ups: none sees another's things or overruns its budget."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.serve.conftest import Spoken
from tests.serve.tenants.office import Office, Price

from trimtab.records import Message, ToolCall
from trimtab.serve import Gateway, create_app
from trimtab.tools import Tool, Toolbox, ToolContext, make_schema

Make = Callable[..., Any]


class Wire:
    """One raw request; what came back is in ``status`` and ``body``."""

    def __init__(self, app: Any, path: str, headers: dict[str, str], body: Any) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.inbox.put_nowait({"type": "http.request", "body": json.dumps(body).encode(), "more_body": False})
        self.status, self.body = 0, b""
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": b"", "query_string": b"", "headers": raw,
            "http_version": "1.1", "scheme": "http", "asgi": {"version": "3.0"},
        }  # fmt: skip
        self.task = asyncio.ensure_future(app(scope, self.inbox.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


_NAMES = ("acme", "other", "third")
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "stream", "hang up", "feedback", "feedback", "go on"]),
        st.integers(0, 2),
        st.integers(0, 7),
    ),
    min_size=8,
    max_size=40,
)


class Play:
    """Tenants that ask, stream, hang up and give feedback on anything they can name, all at once."""

    def __init__(self, office: Office, gateway: Gateway, sink: Any, effects: list[tuple[str, str]]) -> None:
        self.office, self.gateway, self.sink, self.effects = office, gateway, sink, effects
        self.app = create_app(gateway)
        self.keys = {name: office.key(name, daily_dollars=2.5, parallel=4) for name in _NAMES}
        self.calls: list[tuple[str, Wire]] = []
        self.feedback: list[tuple[str, str, Wire]] = []

    async def step(self, kind: str, who: int, pick: int) -> None:
        name = _NAMES[who]
        if kind in ("ask", "stream"):
            body: dict[str, Any] = {
                "model": "trimtab",
                "messages": [{"role": "user", "content": f"I am {name}"}],
                "user": "bob",
            }
            headers = {**self.keys[name], "idempotency-key": "same", "x-session": "same"}
            wire = Wire(self.app, "/v1/chat/completions", headers, body | {"stream": kind == "stream"})
            self.calls.append((name, wire))
        elif kind == "hang up" and self.calls:
            self.calls[pick % len(self.calls)][1].inbox.put_nowait({"type": "http.disconnect"})
        elif kind == "feedback" and self.gateway.outbox._recent:
            trace = list(self.gateway.outbox._recent)[pick % len(self.gateway.outbox._recent)]
            body = {"id": "f", "trace": trace, "thumb": False, "comment": name}
            self.feedback.append((name, trace, Wire(self.app, "/v1/feedback", self.keys[name], body)))
        for _ in range(pick):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        await asyncio.gather(*(wire.task for _, wire in self.calls), *(wire.task for *_, wire in self.feedback))
        await self.gateway.close()

    def check(self) -> None:
        owners = {trace.id: trace.tenant for trace in self.sink.traces}
        for trace in self.sink.traces:
            assert trace.prompt[-1].content == f"I am {trace.tenant}"
        for name, wire in self.calls:
            assert wire.status in (0, 200, 429, 500)  # 0: it hung up first
            assert not any(f"for {other}".encode() in wire.body for other in _NAMES if other != name)
        for name, trace, wire in self.feedback:
            assert wire.status == (200 if owners[trace] == name else 404)
        assert all(said.comment == owners[said.trace] for said in self.sink.said)
        for name in _NAMES:
            assert sum(trace.cost for trace in self.sink.traces if trace.tenant == name) <= 2.5 + 1.0
        keys = [key for key, _ in self.effects]
        assert len({*self.effects}) == len({*keys}), "two tenants share an effect's key"
        assert (self.gateway.in_flight, sum(self.gateway.arms._leases.values())) == (0, 0)
        assert all(not account.under_way for account in self.office.door._accounts.values())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_no_interleaving_lets_a_tenant_read_another_or_overrun_its_budget(
    served: Make, memory_of: Any, steps: list[tuple[str, int, int]]
) -> None:
    effects: list[tuple[str, str]] = []

    async def main(office: Office) -> None:
        sink = memory_of()
        gateway = Gateway(sink, tenants=office.door, meter=Price(1.0), clock=lambda: office.now, share=lambda: 0.5)
        toolbox = Toolbox([Tool(_NOTE, _noted(effects))])
        gateway.set_arms(served("a" * 64, Mirror(), toolbox=toolbox), served("b" * 64, Mirror(), toolbox=toolbox))
        play = Play(office, gateway, sink, effects)
        for step in steps:
            await play.step(*step)
        await play.finish()
        play.check()

    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        with contextlib.closing(office.store):
            asyncio.run(main(office))


_NOTE = make_schema("note", "Note.", {"type": "object", "properties": {}})


def _noted(effects: list[tuple[str, str]]) -> Callable[[Any, ToolContext], str]:
    def note(arguments: Any, context: ToolContext) -> str:
        effects.append((context.idempotency, context.messages[-2].content))
        return "noted"

    return note


class Mirror:
    """A model that notes, then answers each tenant by its name, and fails every fifth time."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, messages: Any, tools: Any = (), sampling: Any = None, on_text: Any = None) -> Any:
        self.count += 1
        await asyncio.sleep(0)
        if self.count % 5 == 0:
            raise RuntimeError("engine lost")
        if messages[-1].role == "user":
            return Spoken(Message("assistant", tool_calls=(ToolCall("note", {}),)), "")
        text = messages[-3].content.replace("I am", "for")
        if on_text is not None:
            on_text(text)
        await asyncio.sleep(0)
        return Spoken(Message("assistant", text), text)
