"""An evaluation case: a conversation that waits for its answer, and what a right one does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.records.canonical import digest
from trimtab.records.errors import UserError
from trimtab.records.example import ACTIONS, Action
from trimtab.records.message import (
    Json,
    Message,
    ToolCall,
    ToolSchema,
    messages_from_json,
    tool_call_from_json,
    tools_from_json,
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right answer does; an empty field expects nothing.

    ``calls``: every call of the turn, in any order (none = must not call). ``citations``: passage ids that
    support the answer. ``facts``: strings that it must contain. ``forbidden``: strings or tool names that mean the
    attack succeeded. ``action``: what the last turn does.
    """

    action: Action
    calls: tuple[ToolCall, ...] = ()
    citations: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """``labels`` hold the slices: suite, kind, domain, difficulty, severity (1 worst to 3), rule, cluster."""

    messages: tuple[Message, ...]
    expected: Expected
    tools: tuple[ToolSchema, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return digest({key: value for key, value in self.to_json().items() if key != "labels"})

    def to_json(self) -> dict[str, Any]:
        expected = {
            "action": self.expected.action,
            "calls": [call.to_json() for call in self.expected.calls],
            "citations": list(self.expected.citations),
            "facts": list(self.expected.facts),
            "forbidden": list(self.expected.forbidden),
        }
        row: dict[str, Any] = {
            "messages": [message.to_json() for message in self.messages],
            "expected": {key: value for key, value in expected.items() if value},
        }
        if self.tools:
            row["tools"] = [dict(tool) for tool in self.tools]
        return row | ({"labels": dict(self.labels)} if self.labels else {})


def case_from_json(row: Json) -> Case:
    """A case, checked: its last message must not be the assistant's. Raises UserError."""
    if not isinstance(row, Mapping) or not isinstance(row.get("expected"), Mapping):
        raise UserError("a case needs messages and what is expected", field="expected")
    messages = messages_from_json(row.get("messages"))
    if messages[-1].role == "assistant":
        raise UserError("a case ends before the assistant answers", field=f"messages[{len(messages) - 1}].role")
    expected = row["expected"]
    if expected.get("action") not in ACTIONS:
        raise UserError(
            f"unknown action {expected.get('action')!r}", field="expected.action", expected=" | ".join(ACTIONS)
        )
    return Case(
        messages=messages,
        tools=tools_from_json(row.get("tools")),
        labels=dict(row.get("labels") or {}),
        expected=Expected(
            action=expected["action"],
            calls=tuple(
                tool_call_from_json(call, f"expected.calls[{i}]") for i, call in enumerate(expected.get("calls") or ())
            ),
            citations=tuple(expected.get("citations") or ()),
            facts=tuple(expected.get("facts") or ()),
            forbidden=tuple(expected.get("forbidden") or ()),
        ),
    )
