"""An outcome in OpenAI's words: the completion object, and the chunks of a stream."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.records import ToolCall
from trimtab.serve.choices import Choice
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
_LEAST = -9999.0  # OpenAI's own floor: JSON has no infinity
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": still working\n\n"


def finish_reason(outcome: Outcome) -> str:
    return _FINISH[outcome.finish]


def client_calls(outcome: Outcome) -> tuple[ToolCall, ...]:
    """The calls that the client has to run."""
    return outcome.turns[-1].tool_calls if outcome.finish == "client_tools" else ()


def usage(choices: Sequence[Choice]) -> dict[str, int]:
    """Tokens of every choice's whole plan: what its replies read and wrote."""
    read = sum(choice.outcome.prompt_tokens for choice in choices)
    written = sum(choice.outcome.completion_tokens for choice in choices)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def completion(choices: Sequence[Choice], *, id: str, created: int, model: str) -> dict[str, Any]:
    """The ``chat.completion`` object."""
    head = {"id": id, "object": "chat.completion", "created": created, "model": model}
    return {**head, "choices": [_choice(choice) for choice in choices], "usage": usage(choices)}


def logprobs(choice: Choice) -> dict[str, Any] | None:
    """Log-probs (nats) of the final answer's tokens; the choice's ``pieces`` are None where there are none to give."""
    if choice.pieces is None:
        return None
    content = [
        {
            "token": piece.data.decode("utf-8", "replace"),
            "logprob": max(piece.logprob, _LEAST),
            "bytes": list(piece.data),
            "top_logprobs": [],
        }
        for piece in choice.pieces
    ]
    return {"content": content, "refusal": None}


def _choice(choice: Choice) -> dict[str, Any]:
    calls, answer = client_calls(choice.outcome), choice.outcome.answer
    message: dict[str, Any] = {"role": "assistant", "content": answer or (None if calls else "")}
    message["refusal"] = choice.refusal
    if choice.refusal is not None:
        message["content"] = None
    if calls:
        message["tool_calls"] = [call.to_json(wire=True) for call in calls]
    finish = finish_reason(choice.outcome)
    return {"index": choice.index, "message": message, "logprobs": logprobs(choice), "finish_reason": finish}


_EMPTY = b'"content":""'


class Chunks:
    """The ``chat.completion.chunk`` events of a stream: per choice its role, deltas and finish; the usage if asked.

    Log-probs come in one piece before the finish: only then it is known which of a plan's replies is the answer.
    """

    kind = "chat.completion.chunk"

    def __init__(self, *, id: str, created: int, model: str, include_usage: bool) -> None:
        self._head = {"id": id, "object": self.kind, "created": created, "model": model}
        self._include_usage = include_usage
        self._around: dict[int, tuple[bytes, bytes]] = {}

    def role(self, index: int = 0) -> bytes:
        return self._delta(index, {"role": "assistant", "content": ""})

    def text(self, index: int, text: str) -> bytes:
        """The event of a piece of text; all but the text is written once a choice."""
        if index not in self._around:
            before, _, after = self._delta(index, {"content": ""}).partition(_EMPTY)
            self._around[index] = before + _EMPTY[:-2], after
        before, after = self._around[index]
        return before + json.dumps(text).encode() + after

    def end(self, choices: Sequence[Choice]) -> Iterator[bytes]:
        """Each choice's calls, refusal, log-probs and finish; then the usage chunk and the end mark."""
        for choice in choices:
            yield from self._last(choice)
        if self._include_usage:
            yield event({**self._head, "choices": [], "usage": usage(choices)})
        yield DONE

    def _last(self, choice: Choice) -> Iterator[bytes]:
        for place, call in enumerate(client_calls(choice.outcome)):
            yield self._delta(choice.index, {"tool_calls": [{"index": place, **_opened(call)}]})
            arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
            yield self._delta(choice.index, {"tool_calls": [{"index": place, "function": {"arguments": arguments}}]})
        if choice.refusal is not None:
            yield self._delta(choice.index, {"refusal": choice.refusal})
        if choice.pieces is not None:
            yield self._delta(choice.index, {}, logprobs=logprobs(choice))
        yield self._delta(choice.index, {}, finish_reason(choice.outcome))

    def _delta(
        self, index: int, delta: dict[str, Any], finish: str | None = None, logprobs: dict[str, Any] | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        extra = {"usage": None} if self._include_usage else {}
        return event({**self._head, "choices": [choice], **extra})


@dataclass(frozen=True, slots=True)
class Wire:
    """How one route's choices are written: as one object, and as a stream."""

    whole: Callable[..., dict[str, Any]]
    chunks: Callable[..., Chunks]


CHAT = Wire(completion, Chunks)


def event(value: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _opened(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
