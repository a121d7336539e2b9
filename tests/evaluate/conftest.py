"""What the tests build with: cases, outcomes and a model that speaks from a script."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from trimtab.engine.core import Sampling
from trimtab.evaluate import Transcript
from trimtab.records import Action, Case, Expected, Message, ToolCall, ToolSchema
from trimtab.tools import Assistant, Outcome, Reply, Tool, Toolbox, ToolContext, calculator_tool, make_schema

PASSAGES = [
    {"id": "war-1", "title": "Guarantee", "text": "Every stove carries a seven-year guarantee against faults."},
    {"id": "ret-1", "title": "Returns", "text": "Unused goods may be sent back within 45 days. Postage costs $4.50."},
    {"id": "osp-1", "title": "Osprey", "text": "The Osprey weighs 540 grams and burns petrol or diesel."},
]


def make_case(action: Action = "answer", question: str = "How long is the guarantee?", **more: Any) -> Case:
    labels = more.pop("labels", {})
    tools = more.pop("tools", ())
    return Case((Message("user", question),), Expected(action, **more), tools=tools, labels=labels)


def make_outcome(said: str = "", *calls: ToolCall, result: str | None = None, **more: Any) -> Outcome:
    """The model makes ``calls``, each answered by ``result`` (the passages), then says ``said``."""
    turns: list[Message] = []
    for i, call in enumerate(calls, start=1):
        turns.append(Message("assistant", tool_calls=(ToolCall(call.name, call.arguments, id=f"call_{i}"),)))
        turns.append(Message("tool", json.dumps(PASSAGES) if result is None else result, tool_call_id=f"call_{i}"))
    if said:
        turns.append(Message("assistant", said))
    fields: dict[str, Any] = {
        "raw_answer": said,
        "answer": said,
        "finish": "stop",
        "token_ids": (1, 2),
        "logprobs": (-0.1, -0.3),
    }
    fields |= {"completion_tokens": 2} | more
    return Outcome(turns=tuple(turns), **fields)


SEARCH = ToolCall("search", {"query": "length of the guarantee"})


@dataclass(frozen=True)
class FakeReply:
    message: Message
    text: str = ""
    finish: str = "stop"
    prompt_tokens: int = 3
    token_ids: tuple[int, ...] = (5, 6)
    logprobs: tuple[float, ...] = (-0.2, -0.2)
    malformed: bool = False
    error: str = ""


@dataclass
class FakeModel:
    """Replies by the last user message and how many turns came after it; counts how often it was asked."""

    script: dict[str, list[Message | BaseException]]
    asked: list[str] = field(default_factory=list)
    offered: list[tuple[str, ...]] = field(default_factory=list)

    async def __call__(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = Sampling(),  # noqa: B008
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        last = max(i for i, message in enumerate(messages) if message.role == "user")
        question = messages[last].content
        self.asked.append(question)
        self.offered.append(tuple(tool["function"]["name"] for tool in tools))
        step = sum(message.role == "assistant" for message in messages[last:])
        said = self.script[question][step]
        if isinstance(said, BaseException):
            raise said
        return FakeReply(said, said.content)


def search_stub() -> Tool:
    schema = make_schema("search", "Find passages.", {"type": "object", "properties": {"query": {"type": "string"}}})

    def run(arguments: Any, context: ToolContext) -> str:
        return json.dumps(PASSAGES)

    return Tool(schema, run)


def make_assistant(model: FakeModel) -> Assistant:
    return Assistant(model, Toolbox([search_stub(), calculator_tool()]))


@dataclass(frozen=True)
class Build:
    """The builders, handed to tests as one fixture."""

    case: Callable[..., Case] = make_case
    outcome: Callable[..., Outcome] = make_outcome
    model: type[FakeModel] = FakeModel
    assistant: Callable[[FakeModel], Assistant] = make_assistant
    search: ToolCall = SEARCH

    def transcript(self, *args: Any, **more: Any) -> Transcript:
        return Transcript(make_outcome(*args, **more))


@pytest.fixture(scope="session")
def build() -> Build:
    return Build()
