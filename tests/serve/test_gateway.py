"""The gateway by its wire: answers, streams, tools, refusals, feedback, and a trace of each request."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from trimtab.records import Message, ToolCall, Trace, UserError, Verdict
from trimtab.tools import Limits, NoGuards, Tool, Toolbox, ToolContext, make_schema

Make = Callable[..., Any]
_WEATHER = make_schema("weather", "Weather.", {"type": "object", "properties": {"city": {"type": "string"}}})


def _events(text: str) -> list[Any]:
    """The parsed events of a stream, without comments; the end mark stays a string."""
    rows = [part.removeprefix("data: ") for part in text.split("\n\n") if part.startswith("data: ")]
    return [row if row == "[DONE]" else json.loads(row) for row in rows]


def _said(events: list[Any]) -> str:
    deltas = [event["choices"][0]["delta"] for event in events if event != "[DONE]" and event.get("choices")]
    return "".join(delta.get("content") or "" for delta in deltas)


@dataclass(frozen=True)
class _Word:
    answer: str
    verdicts: tuple[Verdict, ...]


class Redactor(NoGuards):
    """Replaces every answer: whoever sees the original has seen what must not leave."""

    buffers = True

    def after(self, messages: tuple[Message, ...], turns: tuple[Message, ...], answer: str) -> Any:
        return _Word("[removed]", (Verdict("pii", "modify", "R1", "a secret"),))


def test_an_answer_has_openais_shape_its_headers_and_its_trace(bench: Make) -> None:
    made = bench()
    response = made.ask("hi", user="bob")
    body = response.json()
    assert body == {
        "id": body["id"],
        "object": "chat.completion",
        "created": 1000,
        "model": "trimtab@" + "a" * 12,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello from here.", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }
    assert response.headers["x-request-id"] == body["id"]
    assert response.headers["x-trimtab-release"] == "a" * 64
    assert response.headers["x-trimtab-arm"] == "stable"
    assert float(response.headers["x-trimtab-overhead-ms"]) >= 0
    (trace,) = made.settle()
    assert (trace.id, trace.user, trace.arm, trace.release) == (body["id"], "bob", "stable", "a" * 64)
    assert trace.prompt == (Message("user", "hi"),)
    assert trace.turns == (Message("assistant", "Hello from here."),)
    assert (trace.finish, trace.error, trace.pinned, trace.time) == ("stop", "", False, 1000.0)
    assert (trace.token_ids, trace.logprobs) == ((1, 2, 3), (-0.1, -0.2, -0.3))
    assert 0 < trace.timing.first_token <= trace.timing.total
    assert 0 < trace.timing.overhead < trace.timing.total
    assert made.model.seen[0][0][0] == Message("system", "Be kind.")


def test_a_request_without_tools_is_served_by_the_workspaces_plan(bench: Make, model_of: Any) -> None:
    toolbox = Toolbox([Tool(_WEATHER, lambda arguments, context: f"sunny in {arguments['city']}")])
    made = bench(model=model_of([ToolCall("weather", {"city": "Oslo"}), "It is sunny."]), toolbox=toolbox)
    body = made.ask("weather?").json()
    assert body["choices"][0]["message"]["content"] == "It is sunny."
    assert "tool_calls" not in body["choices"][0]["message"]
    assert body["usage"]["completion_tokens"] == 6
    (trace,) = made.settle()
    assert [turn.role for turn in trace.turns] == ["assistant", "tool", "assistant"]
    assert trace.turns[1].content == "sunny in Oslo"


def test_a_request_with_tools_gets_its_calls_back_and_sees_no_tool_of_ours(bench: Make, model_of: Any) -> None:
    def forbidden(arguments: Any, context: Any) -> str:
        raise AssertionError("a client's tool is never run here")

    made = bench(model=model_of([ToolCall("weather", {"city": "Åre"})]), toolbox=Toolbox([Tool(_WEATHER, forbidden)]))
    choice = made.ask("weather?", tools=[_WEATHER]).json()["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert json.loads(call["function"]["arguments"]) == {"city": "Åre"}
    assert call["id"]
    assert made.model.seen[0][1] == (_WEATHER,)
    made.ask("weather?", tools=[_WEATHER], tool_choice="none")
    assert made.model.seen[1][1] == ()


def test_a_stream_says_the_role_first_and_the_same_as_a_whole_answer(bench: Make) -> None:
    made = bench()
    response = made.ask("hi", stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = _events(response.text)
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert _said(events) == "Hello from here."
    assert len([event for event in events[1:-3] if event["choices"][0]["delta"]["content"]]) == 3
    assert events[-3]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert (events[-2]["choices"], events[-2]["usage"]["total_tokens"]) == ([], 10)
    assert all(event["usage"] is None for event in events[:-2])
    assert events[-1] == "[DONE]"
    assert {event["id"] for event in events[:-1]} == {response.headers["x-request-id"]} == {made.settle()[0].id}


def test_a_stream_carries_no_usage_that_nobody_asked_for(bench: Make) -> None:
    events = _events(bench().ask(stream=True).text)
    assert all("usage" not in event for event in events[:-1])


def test_a_stream_brings_tool_calls_as_deltas(bench: Make, model_of: Any) -> None:
    made = bench(model=model_of([ToolCall("weather", {"city": "Oslo"})]))
    events = _events(made.ask(stream=True, tools=[_WEATHER]).text)
    deltas = [call for event in events[:-1] for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert (deltas[0]["index"], deltas[0]["function"]["name"], deltas[0]["type"]) == (0, "weather", "function")
    assert json.loads("".join(delta["function"]["arguments"] for delta in deltas)) == {"city": "Oslo"}
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_what_a_guard_removes_never_leaves_streamed_or_not(bench: Make, model_of: Any) -> None:
    made = bench(model=model_of(["the secret is out"]), guards=Redactor())
    streamed, whole = made.ask(stream=True).text, made.ask().text
    assert "secret" not in streamed + whole
    assert _said(_events(streamed)) == "[removed]" == json.loads(whole)["choices"][0]["message"]["content"]
    assert all(trace.tripped for trace in made.settle())
    assert "secret" in bench(model=model_of(["the secret is out"])).ask(stream=True).text  # without guards it does


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("line", "status", "finish", "code"),
    [
        (RuntimeError("engine lost at 0x7f"), 500, "error", "internal_error"),
        (UserError("too long", field="messages"), 400, "invalid", "invalid_value"),
    ],
)
def test_a_failure_has_its_status_and_its_trace(
    bench: Make, model_of: Any, line: Exception, status: int, finish: str, code: str, stream: bool
) -> None:
    made = bench(model=model_of([line, "fine again"]))
    response = made.ask(stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert "0x7f" not in response.text
    assert response.headers["x-trimtab-arm"] == "stable"
    assert made.ask().status_code == 200
    first, second = made.settle()
    assert (first.finish, bool(first.error), second.error) == (finish, True, "")
    assert first.failed == (status == 500)
    assert made.gateway.in_flight == 0


def test_no_answer_in_time_is_a_504_and_a_failure(bench: Make, model_of: Any) -> None:
    made = bench(model=model_of(pause=5.0), config={"timeout_seconds": 0.05})
    response = made.ask()
    assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")
    assert made.model.cancelled == 1
    assert made.settle()[0].failed


def test_a_plan_that_runs_out_says_so(bench: Make, model_of: Any) -> None:
    made = bench(model=model_of([ToolCall("weather", {})]), limits=Limits(steps=2), toolbox=Toolbox([
        Tool(_WEATHER, lambda arguments, context: "no idea")
    ]))  # fmt: skip
    assert made.ask().json()["choices"][0]["finish_reason"] == "length"
    assert made.settle()[0].finish == "steps"


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b'{"model": "trimtab"}', 400),
        ("POST", "/v1/chat/completions", b'{"model": "gpt-4", "messages": [{"role": "user", "content": "x"}]}', 404),
        ("POST", "/v1/chat/completions", b'{"x": "' + b"y" * 3000 + b'"}', 413),
        ("GET", "/v1/chat/completions", b"", 405),
        ("GET", "/v1/other", b"", 404),
        ("GET", "/v1/models/gpt-4", b"", 404),
        ("POST", "/v1/feedback", b"[]", 400),
        ("POST", "/v1/feedback", b'{"trace": "t", "thumbs": true}', 400),
        ("POST", "/v1/feedback", b'{"trace": "t"}', 400),
        ("POST", "/v1/feedback", b'{"trace": "t", "thumb": true}', 404),
    ],
)
def test_refusals_have_openais_shape_and_leave_no_trace(
    bench: Make, method: str, path: str, content: bytes, status: int
) -> None:
    made = bench(config={"body_bytes": 2048})
    response = made.client.request(method, path, content=content)
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert made.settle() == []
    assert made.gateway.in_flight == 0


def test_a_body_of_unknown_length_is_cut_at_the_limit(bench: Make) -> None:
    made = bench(config={"body_bytes": 2048})
    endless = (b"x" * 1000 for _ in range(1000))
    assert made.client.post("/v1/chat/completions", content=endless).status_code == 413


def test_only_a_known_key_gets_in_and_its_tenant_is_on_the_trace(bench: Make) -> None:
    made = bench(tenants={"key-1": "acme"}.get)
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic key-1"}):
        response = made.ask(headers=headers)
        assert (response.status_code, response.json()["error"]["type"]) == (401, "authentication_error")
    assert made.client.get("/v1/models").status_code == 401
    assert made.ask(headers={"authorization": "bearer key-1"}).status_code == 200
    assert [trace.tenant for trace in made.settle()] == ["acme"]


def test_one_user_or_session_stays_on_one_arm(bench: Make, served: Make, model_of: Any) -> None:
    made = bench(share=lambda: 0.5)
    made.gateway.set_arms(made.gateway.arms.get("stable"), served("c" * 64, model_of(["canary"])))

    def arms(**fields: Any) -> list[str]:
        return [made.ask(**fields).headers["x-trimtab-arm"] for _ in range(4)]

    users = [arms(user=f"u{i}") for i in range(12)]
    sessions = [arms(headers={"x-session": f"s{i}"}) for i in range(12)]
    assert all(len(set(row)) == 1 for row in users + sessions)
    assert {row[0] for row in users} == {row[0] for row in sessions} == {"stable", "canary"}
    assert len({made.ask().headers["x-trimtab-arm"] for _ in range(40)}) == 2
    assert {(trace.arm, trace.release[0]) for trace in made.settle()} == {("stable", "a"), ("canary", "c")}


def test_models_are_listed_and_a_release_can_be_asked_for(bench: Make, served: Make, model_of: Any) -> None:
    made = bench()
    made.gateway.set_arms(made.gateway.arms.get("stable"), served("c" * 64, model_of(["canary"])))
    names = [row["id"] for row in made.client.get("/v1/models").json()["data"]]
    assert names == ["trimtab", "trimtab@" + "a" * 12, "trimtab@" + "c" * 12]
    assert made.client.get(f"/v1/models/{names[2]}").json()["object"] == "model"
    response = made.ask(model="trimtab@ccc")
    assert response.headers["x-trimtab-arm"] == "canary"
    assert response.json()["choices"][0]["message"]["content"] == "canary"
    assert [trace.pinned for trace in made.settle()] == [True]


def test_feedback_is_taken_once_and_only_for_what_was_served(bench: Make) -> None:
    made = bench()
    trace = made.ask().json()["id"]
    said = {"trace": trace, "thumb": False, "edit": "Better.", "user": "bob"}
    first, again = (made.client.post("/v1/feedback", json=said) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json() == {"id": first.json()["id"], "object": "feedback", "trace": trace}
    other = made.client.post("/v1/feedback", json=said | {"edit": "Best."})
    assert other.json()["id"] != first.json()["id"]
    assert [feedback.edit for feedback in made.sink.said] == ["Better.", "Best."]
    assert [row.id for row in made.sink.traces] == [trace], "feedback comes after its trace"


def test_feedback_finds_traces_of_an_earlier_process_but_not_another_tenants(bench: Make) -> None:
    old = Trace("old", 0.0, "acme", "", "stable", "r", (Message("user", "x"),), (), "stop")
    made = bench(tenants={"k1": "acme", "k2": "other"}.get, find_trace={"old": old}.get)

    def say(key: str, trace: str) -> int:
        headers = {"authorization": f"Bearer {key}"}
        body = {"trace": trace, "thumb": True}
        return int(made.client.post("/v1/feedback", json=body, headers=headers).status_code)

    assert [say("k1", "old"), say("k2", "old"), say("k1", "new")] == [200, 404, 404]
    fresh = made.ask(headers={"authorization": "Bearer k1"}).json()["id"]
    assert [say("k2", fresh), say("k1", fresh)] == [404, 200]


def test_feedback_that_cannot_be_written_is_no_200(bench: Make, memory_of: Any) -> None:
    made = bench(sink=memory_of())
    trace = made.ask().json()["id"]
    made.settle()
    made.sink.failures = 99
    response = made.client.post("/v1/feedback", json={"trace": trace, "thumb": True})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "not_written")
    assert made.client.get("/health").status_code == 200
    ready = made.client.get("/ready")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["traces cannot be written"])


def test_no_request_is_served_unseen(bench: Make) -> None:
    made = bench(config={"max_backlog": 1})
    made.gateway.outbox._put = made.gateway.outbox._queue.put  # the writing thread never starts
    assert made.ask().status_code == 200
    response = made.ask()
    assert (response.status_code, response.json()["error"]["code"]) == (503, "backlog")


def test_readiness_needs_a_release(bench: Make) -> None:
    made = bench()
    assert made.client.get("/ready").json()["arms"] == {"stable": "a" * 64}
    made.gateway.set_arms(None)
    assert made.client.get("/ready").json()["reasons"] == ["no stable release"]
    assert (made.ask().status_code, made.client.get("/health").status_code) == (503, 200)


def test_a_task_beside_the_gateway_runs_and_its_end_is_seen(bench: Make) -> None:
    ran = []

    async def steady() -> None:
        ran.append("steady")
        await asyncio.Event().wait()

    async def broken() -> None:
        raise RuntimeError("lost")

    made = bench(tasks={"steady": steady, "controller": broken})
    assert made.ask().status_code == 200
    assert ran == ["steady"]
    assert made.client.get("/ready").json()["reasons"] == ["task controller ended"]


def test_each_request_pays_its_meter(bench: Make, model_of: Any) -> None:
    class Flat:
        def start(self) -> float:
            return 2.0

        def stop(self, mark: float) -> float:
            return mark + 1.0

    made = bench(model=model_of(["fine", RuntimeError()]), meter=Flat())
    made.ask()
    made.ask()
    assert [trace.cost for trace in made.settle()] == [3.0, 3.0]


def test_a_retry_of_the_same_conversation_has_the_same_effect_key(bench: Make, model_of: Any) -> None:
    keys: list[str] = []

    def effect(arguments: Any, context: ToolContext) -> str:
        keys.append(context.idempotency)
        return "ok"

    tool = Tool(_WEATHER, effect)
    call = ToolCall("weather", {})
    made = bench(model=model_of([call, "done"] * 6), toolbox=Toolbox([tool]))
    for text, headers in (
        ("a", {}),
        ("a", {}),
        ("b", {}),
        ("b", {"idempotency-key": "k"}),
        ("c", {"idempotency-key": "k"}),
    ):
        made.ask(text, user="u", headers=headers)
    made.ask("a", user="another")
    assert keys[0] == keys[1]
    assert keys[3] == keys[4]
    assert len(set(keys)) == 4
