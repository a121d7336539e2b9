"""Admission by the gateway's wire: queue time apart from overhead, refusals at once, hang-ups, draining."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.serve.test_exchange import Call, _until

from trimtab.serve import Gateway, ServeConfig, create_app

Make = Callable[..., Any]
_ONE = {"max_in_flight": 1, "admission": {"min_in_flight": 1}}


@pytest.fixture
def scene(served: Make, model_of: Any, memory_of: Any) -> Make:
    """``scene(play, **config)``: runs ``play(gateway, app, model)`` with a model that waits for its gate."""

    def run(play: Callable[..., Coroutine[Any, Any, None]], **config: Any) -> Any:
        async def main() -> Any:
            model, sink = model_of(gate=asyncio.Event()), memory_of()
            gateway = Gateway(sink, config=ServeConfig(**config))
            gateway.set_arms(served("a" * 64, model))
            await play(gateway, create_app(gateway), model)
            await gateway.close()
            snapshot = gateway.admission.snapshot()
            assert (gateway.in_flight, snapshot.in_flight, snapshot.queued, snapshot.kv_tokens_held) == (0, 0, 0, 0)
            assert sum(gateway.arms._leases.values()) == 0
            return sink.traces

        return asyncio.run(main())

    return run


def _headers(call: Call) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in call.sent[0]["headers"]}


@pytest.mark.parametrize("stream", [False, True])
def test_the_wait_is_told_apart_from_the_overhead(scene: Make, stream: bool) -> None:
    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        first = Call(app, stream=stream)
        await _until(lambda: model.running == 1)
        second = Call(app, stream=stream)
        await _until(lambda: gateway.admission.snapshot().queued == 1)
        assert model.running == 1, "one at a time"
        await asyncio.sleep(0.05)
        model.gate.set()
        for call in (first, second):
            await call.task
            assert call.status == 200
        told.extend(_headers(call) for call in (first, second))

    told: list[dict[str, str]] = []
    first, second = scene(play, **_ONE)
    assert first.timing.queue < 0.05 <= second.timing.queue
    assert second.timing.queue + second.timing.overhead <= second.timing.total, "no second counts twice"
    queue, overhead = (float(told[1][f"x-trimtab-{name}-ms"]) for name in ("queue", "overhead"))
    assert float(told[0]["x-trimtab-queue-ms"]) < 50 <= queue
    assert queue + overhead <= 1000 * second.timing.total + 1
    assert second.timing.first_token >= second.timing.queue


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_in_the_queue_leaves_it_at_once(scene: Make, stream: bool) -> None:
    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        first = Call(app)
        await _until(lambda: model.running == 1)
        gone, third = Call(app, stream=stream), Call(app)
        await _until(lambda: gateway.admission.snapshot().queued == 2)
        gone.hang_up()
        await gone.task
        assert gateway.admission.snapshot().queued == 1
        assert gone.sent == []
        model.gate.set()
        await asyncio.gather(first.task, third.task)
        assert len(model.seen) == 2, "it was never answered"

    assert sorted(trace.finish for trace in scene(play, **_ONE)) == ["cancelled", "stop", "stop"]


@pytest.mark.parametrize("stream", [False, True])
def test_who_waited_too_long_gets_a_503_and_a_trace_that_blames_no_arm(scene: Make, stream: bool) -> None:
    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        first = Call(app)
        await _until(lambda: model.running == 1)
        late = Call(app, stream=stream)
        await late.task
        assert (late.status, json.loads(late.body)["error"]["code"]) == (503, "overloaded")
        assert int(_headers(late)["retry-after"]) >= 1
        model.gate.set()
        await first.task

    config = {"max_in_flight": 1, "admission": {"min_in_flight": 1, "queue_seconds": 0.02}}
    late, first = scene(play, **config)
    assert (late.finish, late.failed, first.finish) == ("refused", False, "stop")


@pytest.mark.parametrize("patience", range(10))
def test_cut_off_at_any_moment_in_the_queue_it_holds_nothing(scene: Make, patience: int) -> None:
    async def play(gateway: Gateway, app: Any, model: Any) -> None:
        first, second, third = Call(app), Call(app), Call(app)
        for _ in range(patience):
            await asyncio.sleep(0)
        second.task.cancel()
        model.gate.set()
        await asyncio.wait({first.task, second.task, third.task})
        assert (first.status, third.status) == (200, 200)

    scene(play, **_ONE)


def test_what_the_cache_can_never_hold_is_a_400(bench: Make) -> None:
    made = bench(config={"admission": {"kv_tokens": 200}})
    response = made.ask("word " * 200)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert response.json()["error"]["param"] == "messages"
    assert made.ask("hi").status_code == 200
    assert made.ask("hi", max_tokens=10_000).status_code == 400
    assert len(made.settle()) == 1, "a refused request leaves no trace"
    assert sum(made.gateway.arms._leases.values()) == 0


def test_the_budget_is_what_the_loaded_engines_hold(bench: Make, served: Make, model_of: Any) -> None:
    from dataclasses import replace

    made = bench()
    assert made.gateway.admission.snapshot().kv_tokens == 0, "no bound is known"
    stable, canary = (replace(served(name * 64, model_of()), kv_tokens=size) for name, size in (("b", 900), ("c", 700)))
    made.gateway.set_arms(stable)
    assert made.gateway.admission.snapshot().kv_tokens == 900
    made.gateway.set_arms(stable, canary)
    assert made.gateway.admission.snapshot().kv_tokens == 700


def test_a_clients_own_deadline_is_kept_and_checked(bench: Make, model_of: Any) -> None:
    made = bench(model=model_of(pause=5.0))
    late = made.ask(headers={"x-request-timeout-ms": "30"})
    assert (late.status_code, late.json()["error"]["code"]) == (504, "timeout")
    assert "0.03 seconds" in late.json()["error"]["message"]
    wrong = made.ask(headers={"x-request-timeout-ms": "soon"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "x-request-timeout-ms")


def test_ready_tells_of_the_queue_and_says_draining(bench: Make) -> None:
    made = bench()
    made.ask()
    body = made.client.get("/ready").json()
    assert body["status"] == "ready"
    told = body["admission"]
    assert (told["queued"], told["in_flight"], told["kv_tokens_held"], told["refused"]) == (0, 0, 0, {})
    assert told["limit"] >= 1
    made.gateway.admission.drain(10.0)
    ready = made.client.get("/ready")
    assert (ready.status_code, ready.json()["status"], ready.json()["reasons"]) == (503, "draining", ["draining"])
    refused = made.ask()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    unread = made.client.post("/v1/chat/completions", content=b"{")
    assert unread.status_code == 503, "its body is not even looked at"
    assert made.gateway.admission.snapshot().refused == {"draining": 2}
    assert made.client.get("/health").status_code == 200


def test_answers_are_measured_and_those_that_do_not_come_lower_the_limit(bench: Make, model_of: Any) -> None:
    made = bench(config={"admission": {"window_seconds": 1e-6}})
    for _ in range(20):
        made.ask()
    assert made.client.get("/ready").json()["admission"]["idle_seconds_per_token"] > 0
    stuck = bench(model=model_of(pause=5.0), config={"timeout_seconds": 0.02})
    before = stuck.gateway.admission.snapshot().limit
    assert stuck.ask(headers={"x-request-timeout-ms": "10"}).status_code == 504
    assert stuck.gateway.admission.snapshot().limit == before, "a client's own haste says nothing"
    assert stuck.ask().status_code == 504
    assert stuck.gateway.admission.snapshot().limit < before


def test_an_old_trace_without_a_wait_still_loads(bench: Make) -> None:
    from trimtab.records.trace import trace_from_json

    made = bench()
    made.ask()
    (trace,) = made.settle()
    row = trace.to_json()
    assert trace_from_json(row).timing.queue == trace.timing.queue
    del row["timing"]["queue"]
    assert trace_from_json(row).timing.queue == 0.0
