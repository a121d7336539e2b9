"""An outcome in OpenAI's words: the completion object, and the chunks of a stream."""

import json
from collections.abc import Iterator
from typing import Any

from trimtab.records import ToolCall
from trimtab.tools import Outcome, PlanFinish

_FINISH: dict[PlanFinish, str] = {
    "stop": "stop",
    "length": "length",
    "tokens": "length",
    "steps": "length",
    "seconds": "length",
    "client_tools": "tool_calls",
    "blocked": "content_filter",
}
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": still working\n\n"


def finish_reason(outcome: Outcome) -> str:
    return _FINISH[outcome.finish]


def client_calls(outcome: Outcome) -> tuple[ToolCall, ...]:
    """The calls that the client has to run."""
    return outcome.turns[-1].tool_calls if outcome.finish == "client_tools" else ()


def usage(outcome: Outcome) -> dict[str, int]:
    """Tokens of the whole plan: what its replies read and wrote."""
    return {
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.completion_tokens,
        "total_tokens": outcome.prompt_tokens + outcome.completion_tokens,
    }


def completion(outcome: Outcome, *, id: str, created: int, model: str) -> dict[str, Any]:
    """The ``chat.completion`` object."""
    calls = client_calls(outcome)
    message: dict[str, Any] = {"role": "assistant", "content": outcome.answer or (None if calls else "")}
    message["refusal"] = None
    if calls:
        message["tool_calls"] = [call.to_json(wire=True) for call in calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(outcome)}
    head = {"id": id, "object": "chat.completion", "created": created, "model": model}
    return {**head, "choices": [choice], "usage": usage(outcome)}


class Chunks:
    """The ``chat.completion.chunk`` events of one stream: role first, then deltas, the finish, the usage if asked."""

    def __init__(self, *, id: str, created: int, model: str, include_usage: bool) -> None:
        self._head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage

    def role(self) -> bytes:
        return self._delta({"role": "assistant", "content": ""})

    def text(self, text: str) -> bytes:
        return self._delta({"content": text})

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        """Tool calls, the finish, the usage chunk and the end mark."""
        for index, call in enumerate(client_calls(outcome)):
            yield self._delta({"tool_calls": [{"index": index, **_opened(call)}]})
            arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
            yield self._delta({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
        yield self._delta({}, finish_reason(outcome))
        if self._include_usage:
            yield event({**self._head, "choices": [], "usage": usage(outcome)})
        yield DONE

    def _delta(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        extra = {"usage": None} if self._include_usage else {}
        return event({**self._head, "choices": [choice], **extra})


def event(value: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _opened(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
