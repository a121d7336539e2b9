"""An exchange ends with one trace and a free arm, whatever its client does in the meantime."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from trimtab.serve import Gateway, ServeConfig, create_app

Make = Callable[..., Any]


class Call:
    """One raw ASGI request; ``hang_up`` sends the disconnect."""

    def __init__(self, app: Any, **fields: Any) -> None:
        body = {"model": "trimtab", "messages": [{"role": "user", "content": "hi"}]} | fields
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.inbox.put_nowait({"type": "http.request", "body": json.dumps(body).encode(), "more_body": False})
        self.sent: list[dict[str, Any]] = []
        scope = {
            "type": "http", "method": "POST", "path": "/v1/chat/completions", "raw_path": b"", "query_string": b"",
            "headers": [], "http_version": "1.1", "scheme": "http", "asgi": {"version": "3.0"},
        }  # fmt: skip
        self.task = asyncio.ensure_future(app(scope, self.inbox.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def hang_up(self) -> None:
        self.inbox.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


@pytest.fixture
def scene(served: Make, model_of: Any, memory_of: Any) -> Make:
    """``scene(play, config)``: runs ``play(gateway, app, model, sink)`` with a model that waits for its gate."""

    def run(play: Callable[..., Coroutine[Any, Any, None]], **config: Any) -> Any:
        async def main() -> Any:
            model, sink = model_of(gate=asyncio.Event()), memory_of()
            gateway = Gateway(sink, config=ServeConfig(**config))
            gateway.set_arms(served("a" * 64, model))
            await play(gateway, create_app(gateway), model)
            await gateway.close()
            assert gateway.in_flight == 0
            return sink.traces

        return asyncio.run(main())

    return run


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_stops_the_generation(scene: Make, stream: bool) -> None:
    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        call = Call(app, stream=stream)
        await _until(lambda: model.running == 1)
        call.hang_up()
        await call.task
        assert (model.running, model.cancelled) == (0, 1)

    (trace,) = scene(play)
    assert (trace.finish, trace.error, trace.failed) == ("cancelled", "", False)
    assert trace.turns[0].content == "Hello", "what was said so far is kept"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("patience", range(8))
def test_a_request_cut_off_at_any_moment_leaves_one_trace_or_never_began(
    scene: Make, stream: bool, patience: int
) -> None:
    began = []

    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        call = Call(app, stream=stream)
        for _ in range(patience):
            await asyncio.sleep(0)
        call.task.cancel()
        await asyncio.wait({call.task})
        began.append(bool(gateway.arms._leases) or bool(gateway.outbox._recent))
        assert gateway.in_flight == 0
        assert sum(gateway.arms._leases.values()) == 0

    assert len(scene(play)) == began[0]


def test_beyond_the_limit_requests_are_turned_away_and_the_others_are_not(scene: Make) -> None:
    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        calls = [Call(app), Call(app)]
        await _until(lambda: model.running == 2)
        third = Call(app)
        await third.task
        assert third.status == 429
        assert (b"retry-after", b"1") in third.sent[0]["headers"]
        assert json.loads(third.body)["error"]["code"] == "rate_limit_exceeded"
        model.gate.set()
        for call in calls:
            await call.task
            assert call.status == 200
        fourth = Call(app)
        await fourth.task
        assert fourth.status == 200

    assert len(scene(play, max_in_flight=2, admission={"queue": 0})) == 3


def test_arms_are_swapped_without_dropping_a_request(scene: Make, served: Make, model_of: Any) -> None:
    closed: list[str] = []

    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        old = served("b" * 64, model, close=lambda: closed.append("b"))
        gateway.set_arms(old)
        calls = [Call(app), Call(app, stream=True)]
        await _until(lambda: model.running == 2)
        gateway.set_arms(served("c" * 64, model_of(["new"])))
        later = Call(app)
        await later.task
        assert b'"new"' in later.body
        assert closed == []
        model.gate.set()
        for call in calls:
            await call.task
            assert call.status == 200
        assert b"[DONE]" in calls[1].body
        await asyncio.to_thread(gateway.arms.close)
        assert closed == ["b"]

    assert sorted(trace.release[0] for trace in scene(play)) == ["b", "b", "c"]


def test_an_error_after_the_first_text_ends_the_stream_without_its_end_mark(
    scene: Make, served: Make, model_of: Any
) -> None:
    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        gateway.set_arms(served("b" * 64, model), None)
        call = Call(app, stream=True)
        await _until(lambda: any(b"Hello" in message.get("body", b"") for message in call.sent))
        model.gate.wait = _broken
        model.gate.set()
        await call.task
        assert call.status == 200
        assert b'"code":"internal_error"' in call.body
        assert b"[DONE]" not in call.body

    (trace,) = scene(play)
    assert trace.failed


async def _broken() -> None:
    raise RuntimeError("engine lost")


def test_a_stream_that_waits_is_kept_alive(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.serve.replies._KEEP_ALIVE_SECONDS", 0.01)

    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        call = Call(app, stream=True)
        await _until(lambda: b": still working" in call.body)
        model.gate.set()
        await call.task
        assert call.body.rstrip().endswith(b"[DONE]")

    scene(play)
