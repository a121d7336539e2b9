"""Legacy completions pass the same door, the same guards and leave the same trace as a chat, without its plan."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from trimtab.records import Message
from trimtab.tools import NoGuards, Tool, Toolbox, make_schema

Make = Callable[..., Any]
_LOOK = Tool(make_schema("look", "Look.", {"type": "object"}), lambda arguments, context: "{}")


def ask(made: Any, **fields: Any) -> Any:
    return made.client.post("/v1/completions", json={"model": "trimtab", "prompt": "Once"} | fields)


def test_a_prompt_reaches_the_model_as_it_is_and_is_traced(bench: Make) -> None:
    made = bench(toolbox=Toolbox([_LOOK]))
    answer = ask(made, max_tokens=5, stop="END", user="bob")
    body = answer.json()
    choice = {"text": "Hello from here.", "index": 0, "logprobs": None, "finish_reason": "stop"}
    assert (body["object"], body["choices"]) == ("text_completion", [choice])
    ((messages, tools, sampling),) = made.model.seen
    assert (messages, tools) == ((Message("user", "Once"),), ())
    assert (sampling.max_tokens, sampling.stop) == (5, ("END",))
    (trace,) = made.settle()
    assert (trace.id, trace.user, trace.release) == (body["id"], "bob", answer.headers["x-trimtab-release"])
    assert made.gateway.in_flight == 0
    assert not made.gateway.arms._leases


def test_several_prompts_each_get_a_choice_and_a_trace(bench: Make) -> None:
    made = bench()
    body = ask(made, prompt=["one", "two", "three"]).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert body["usage"]["total_tokens"] == 30
    assert sorted(trace.prompt[0].content for trace in made.settle()) == ["one", "three", "two"]
    assert not made.gateway.arms._leases


def test_a_stream_says_the_same_and_ends_with_its_usage(bench: Make) -> None:
    lines = ask(bench(), stream=True, stream_options={"include_usage": True}).text.strip().split("\n\n")
    assert lines[-1] == "data: [DONE]"
    assert '"usage":{"prompt_tokens":7' in lines[-2]
    assert '"finish_reason":"stop"' in lines[-3]
    assert all('"object":"text_completion"' in line for line in lines[:-1])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": ["x"] * 17}, "prompt"),
        ({"echo": True}, "echo"),
        ({"logprobs": 1}, "logprobs"),
        ({"n": 2}, "n"),
        ({"best_of": 2}, "best_of"),
        ({"suffix": "x"}, "suffix"),
        ({"stop": ""}, "stop"),
        ({"messages": []}, "messages"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(bench: Make, fields: dict[str, Any], param: str) -> None:
    made = bench()
    refused = ask(made, **fields)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    assert made.gateway.in_flight == 0


def test_the_guards_words_stand_in_for_a_completion(bench: Make) -> None:
    class Watch(NoGuards):
        buffers = True

        def after(self, messages: Any, turns: Any, answer: str) -> Any:
            return replace(super().after(messages, turns, answer), answer="Ask a person.")  # type: ignore[type-var]

    made = bench(guards=Watch())
    assert ask(made).json()["choices"][0]["text"] == "Ask a person."
    assert "Hello" not in ask(made, stream=True).text


def test_a_release_that_only_chats_says_so_and_is_free_again(bench: Make, served: Make, model_of: Any) -> None:
    made = bench(stable=served("a" * 64, model_of(), complete=None))
    assert ask(made).json()["error"]["param"] == "model"
    assert made.gateway.in_flight == 0
    assert not made.gateway.arms._leases


def test_embeddings_are_not_there_until_a_model_is(bench: Make) -> None:
    made = bench(tenants={"key-1": "acme"}.get)
    key = {"authorization": "Bearer key-1"}
    assert made.client.post("/v1/embeddings", json={"model": "e", "input": "x"}).status_code == 401
    missing = made.client.post("/v1/embeddings", json={"model": "e", "input": "x"}, headers=key)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert made.client.post("/v1/embeddings", json=[], headers=key).status_code == 400
