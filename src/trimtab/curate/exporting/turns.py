"""Conversations in other tools' words, and a list of what those words cannot say."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from trimtab.records import Message, Row, ToolCall


@dataclass
class Lost:
    """What a format left out of one row, in words."""

    parts: list[str] = field(default_factory=list)

    def where(self, **parts: Any) -> None:
        """Note each part that is there at all."""
        self.parts += [name for name, value in parts.items() if value]

    def turns(self, messages: Sequence[Message]) -> None:
        """Note what a plain text turn has no place for."""
        for message in messages:
            for name in ("name", "tool_call_id", "reasoning"):
                self.where(**{name: getattr(message, name) is not None})

    def whole(self, why: str) -> dict[str, Any] | None:
        """Note why the row cannot be written at all; gives the row that is none."""
        self.parts.append(why)
        return None


def common(row: Row) -> dict[str, Any]:
    """Columns of ours that every format but OpenAI's has room for; our importer reads them back."""
    found = {"tools": list(row.tools), "labels": dict(row.labels), "provenance": dict(row.provenance)}
    return {key: value for key, value in found.items() if value}


def plain_pair(messages: Sequence[Message]) -> tuple[str, str] | None:
    """The two texts of a question with its answer, where nothing else is said."""
    if [message.role for message in messages] != ["user", "assistant"]:
        return None
    asked, answered = messages
    if asked != Message("user", asked.content) or answered != Message("assistant", answered.content):
        return None
    return (asked.content, answered.content) if asked.content.strip() and answered.content.strip() else None


def openai_turns(messages: Sequence[Message], lost: Lost) -> list[dict[str, Any]]:
    """Messages as OpenAI's files have them: arguments as text, no reasoning."""
    lost.where(reasoning=any(message.reasoning is not None for message in messages))
    return [replace(message, reasoning=None).to_json(wire=True) for message in messages]


def numbered_calls(messages: Sequence[Message], lost: Lost) -> list[Message]:
    """The same with an id for every call, as OpenAI demands; results without one answer the calls in their order."""
    found: list[Message] = []
    waiting: list[str] = []
    for i, message in enumerate(messages):
        if any(not call.id for call in message.tool_calls):
            calls = tuple(_with_id(call, f"call_{i}_{j}") for j, call in enumerate(message.tool_calls))
            message = replace(message, tool_calls=calls)
            lost.parts.append("calls without an id (given one)")
        if message.tool_calls:
            waiting = [call.id for call in message.tool_calls]
        if message.role == "tool" and message.tool_call_id is None and waiting:
            message = replace(message, tool_call_id=waiting.pop(0))
            lost.parts.append("results without an id (given one)")
        found.append(message)
    return found


def _with_id(call: ToolCall, name: str) -> ToolCall:
    return call if call.id else replace(call, id=name)


def sharegpt_turns(messages: Sequence[Message], lost: Lost) -> list[dict[str, Any]]:
    return [sharegpt_turn(message, lost) for message in messages]


_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def sharegpt_turn(message: Message, lost: Lost) -> dict[str, Any]:
    """One ``from``/``value`` turn; calls are a turn of their own kind, as JSON."""
    lost.turns([message])
    if not message.tool_calls:
        return {"from": _SPEAKERS[message.role], "value": message.content}
    lost.where(**{"text beside a tool call": message.content})
    calls = [_call(call) for call in message.tool_calls]
    return {"from": "function_call", "value": json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"name": call.name, "arguments": dict(call.arguments)} | ({"id": call.id} if call.id else {})
