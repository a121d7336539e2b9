"""Several answers to one request, each with its trace; and what a client that waits for a form gets instead of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from trimtab.records import Message, ToolCall, Verdict
from trimtab.serve.body import chat_request
from trimtab.serve.choices import seeded
from trimtab.tools import Tool, Toolbox, make_schema

_FORM: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
_HELD: Any = {"response_format": _FORM}


@dataclass(frozen=True)
class Said:
    answer: str
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True)
class Seen:
    messages: tuple[Message, ...]
    verdicts: tuple[Verdict, ...] = ()
    refusal: str | None = None


@dataclass
class Watch:
    """Guards that replace every answer by ``instead``, or refuse before."""

    instead: str | None = None
    refusal: str | None = None
    buffers: bool = True

    def before(self, messages: tuple[Message, ...]) -> Seen:
        return Seen(messages, refusal=self.refusal)

    def wrap(self, tool: Tool) -> Tool:
        return tool

    def after(self, messages: Any, turns: Any, answer: str) -> Said:
        return Said(answer if self.instead is None else self.instead)


def deltas(events: Sequence[dict[str, Any]], name: str) -> str:
    return "".join(part["delta"].get(name) or "" for event in events for part in event["choices"])


def streamed(made: Any, **fields: Any) -> list[dict[str, Any]]:
    import json

    lines = made.ask(stream=True, **fields).text.split("\n\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def test_each_sample_has_a_trace_and_the_usage_adds_up(bench: Callable[..., Any], model_of: Any) -> None:
    made = bench(model=model_of(("one", "two", "three")))
    body = made.ask(n=3, seed=5).json()
    assert sorted(choice["message"]["content"] for choice in body["choices"]) == ["one", "three", "two"]
    assert body["usage"] == {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30}
    assert sorted(trace.id for trace in made.settle()) == [body["id"], f"{body['id']}-1", f"{body['id']}-2"]
    assert len({sampling.seed for _, _, sampling in made.model.seen}) == 3
    assert made.gateway.in_flight == 0


def test_a_sample_that_fails_ends_all_and_nothing_is_left_under_way(bench: Callable[..., Any], model_of: Any) -> None:
    made = bench(model=model_of(("fine", RuntimeError("lost"))))
    assert made.ask(n=3).status_code == 500
    assert len(made.settle()) == 3
    assert made.gateway.in_flight == 0
    assert not made.gateway.arms._leases


def test_a_seed_gives_each_sample_its_own() -> None:
    request = chat_request({"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 8, "seed": 3})
    seeds = [seeded(request, i).changes["seed"] for i in range(8)]
    assert seeds[0] == 3
    assert len(set(seeds)) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_samples_that_would_each_act_are_refused(bench: Callable[..., Any]) -> None:
    refund = Tool(make_schema("refund", "Refund.", {"type": "object"}), lambda arguments, context: "{}", True)
    made = bench(toolbox=Toolbox([refund]))
    refused = made.ask(n=2)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "n")
    assert made.ask(n=2, tool_choice="none").status_code == 200
    assert made.gateway.in_flight == 0


@pytest.mark.parametrize("guards", [Watch("Ask a person."), Watch(refusal="Ask a person.", buffers=False)])
def test_a_guards_words_are_a_refusal_where_a_form_was_asked_for(
    bench: Callable[..., Any], model_of: Any, guards: Watch
) -> None:
    made = bench(model=model_of(('{"a": 1}',)), guards=guards)
    message = made.ask(**_HELD).json()["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, "Ask a person.")
    events = streamed(made, **_HELD)
    assert (deltas(events, "content"), deltas(events, "refusal")) == ("", "Ask a person.")
    free = made.ask().json()["choices"][0]["message"]
    assert (free["content"], free["refusal"]) == ("Ask a person.", None)


@pytest.mark.parametrize("guards", [Watch(), Watch(buffers=False), Watch('{"a": "[masked]"}')])
def test_an_answer_in_its_form_is_content_whether_guards_hold_it_or_mask_it(
    bench: Callable[..., Any], model_of: Any, guards: Watch
) -> None:
    made = bench(model=model_of(('{"a": "x y"}',)), guards=guards)
    message = made.ask(**_HELD).json()["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (guards.instead or '{"a": "x y"}', None)
    events = streamed(made, **_HELD)
    assert (deltas(events, "content"), deltas(events, "refusal")) == (message["content"], "")


def test_a_plan_that_runs_out_is_no_answer_in_the_form(bench: Callable[..., Any], model_of: Any) -> None:
    look = Tool(make_schema("look", "Look.", {"type": "object"}), lambda arguments, context: "{}")
    made = bench(model=model_of((ToolCall("look", {}),)), toolbox=Toolbox([look]))
    choice = made.ask(**_HELD).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (None, "length")
    assert "could not finish" in choice["message"]["refusal"]


def test_log_probs_are_the_final_answers_and_none_where_a_guard_spoke(bench: Callable[..., Any], model_of: Any) -> None:
    made = bench(model=model_of(("Hello from here.",)))
    entries = made.ask(logprobs=True).json()["choices"][0]["logprobs"]["content"]
    assert [entry["token"] for entry in entries] == ["Hello from", " here."]
    assert [entry["logprob"] for entry in entries] == [-0.1, -9999.0]
    assert bytes(entries[1]["bytes"]) == b" here."
    assert made.ask().json()["choices"][0]["logprobs"] is None
    events = streamed(made, logprobs=True)
    given = [part["logprobs"] for event in events for part in event["choices"] if part["logprobs"]]
    assert given == [{"content": entries, "refusal": None}]
    replaced = bench(model=model_of(("Hello from here.",)), guards=Watch("No."))
    assert replaced.ask(logprobs=True).json()["choices"][0]["logprobs"] is None
