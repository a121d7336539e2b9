"""Requests with tools: call, ask for what is missing, or say that no tool fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from trimtab.curate.adapters.base import AdapterOptions, JsonRow, meta
from trimtab.curate.adapters.parameters import missing_parameter
from trimtab.curate.chats import modern_messages, tool_schemas
from trimtab.curate.hashing import pick
from trimtab.records import (
    Action,
    Case,
    Example,
    Expected,
    Message,
    ToolCall,
    ToolSchema,
    UserError,
    messages_from_json,
    tool_call_from_json,
    tools_from_json,
)

# What sets call the behaviours in which nothing is called.
_QUIET: dict[str, Action] = {"request_for_info": "clarify", "cannot_answer": "defer", "no_call": "defer"}


@dataclass(frozen=True, slots=True)
class ToolRouting:
    """``{"messages", "tools", "expected_calls", "meta": {"expected_behavior", "target_tool"?, "reference_reply"?}}``.

    Calls are expected → action call_tool. None: request_for_info → clarify, by a text that names a missing required
    parameter; cannot_answer or no_call → defer, by a text that says so. A ``reference_reply`` is used as it stands.
    """

    options: AdapterOptions
    name: ClassVar[str] = "tool_routing"
    skipped: ClassVar[str] = "no call is expected, and no text says what to do instead"

    def example(self, row: JsonRow) -> Example | None:
        read = _read(row)
        if read.calls:
            turn = Message("assistant", tool_calls=read.calls)
        elif text := self._text(row, read):
            turn = Message("assistant", text)
        else:
            return None
        return Example(messages=(*read.messages, turn), tools=read.tools, labels={"action": read.action, **read.labels})

    def case(self, row: JsonRow) -> Case | None:
        read = _read(row)
        calls = tuple(ToolCall(call.name, call.arguments) for call in read.calls)
        expected = Expected(action=read.action, calls=calls, check=_accepted(row, calls))
        return Case(read.messages, expected, tools=read.tools, labels=read.labels)

    def _text(self, row: JsonRow, read: "_Read") -> str:
        if isinstance(reply := meta(row).get("reference_reply"), str) and reply.strip():
            return reply
        asked = read.messages[-1].content
        if read.action == "clarify":
            name = missing_parameter(row, asked)
            return pick(self.options.texts.clarify, "clarify", asked).format(parameter=name) if name else ""
        return pick(self.options.texts.cannot, "cannot", asked)


@dataclass(frozen=True, slots=True)
class _Read:
    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...]
    calls: tuple[ToolCall, ...]
    action: Action
    labels: dict[str, Any]


def _read(row: JsonRow) -> _Read:
    messages = messages_from_json(modern_messages(row.get("messages")))
    if messages[-1].role == "assistant":
        raise UserError("the request must end before the assistant acts", field=f"messages[{len(messages) - 1}].role")
    about, calls = meta(row), _calls(row)
    behaviour = str(about.get("expected_behavior") or "no_call")
    if not calls and behaviour not in _QUIET:
        raise UserError(
            f"no calls are given for {behaviour!r}", field="meta.expected_behavior", expected=" | ".join(_QUIET)
        )
    domain = about.get("domain") or about.get("source")
    return _Read(
        messages=messages,
        tools=tools_from_json(tool_schemas(row)),
        calls=calls,
        action="call_tool" if calls else _QUIET[behaviour],
        labels={"kind": "tool_routing", **({"domain": str(domain)} if domain else {})},
    )


def _accepted(row: JsonRow, calls: Sequence[ToolCall]) -> dict[str, Any]:
    """The check of a set that lists every accepted value (``allowed``) of each call; none where one lists nothing."""
    rows = row["expected_calls"]
    if not rows or not all(isinstance(call.get("allowed"), Mapping) for call in rows):
        return {}
    return {"kind": "calls", "calls": [_due(*pair) for pair in zip(calls, rows, strict=True)]}


def _due(call: ToolCall, row: JsonRow) -> dict[str, Any]:
    return {"name": call.name, "allowed": dict(row["allowed"])}


def _calls(row: JsonRow) -> tuple[ToolCall, ...]:
    rows = row.get("expected_calls")
    if not isinstance(rows, list):
        raise UserError("expected_calls must be a list", field="expected_calls", expected="[] where none is expected")
    calls = [tool_call_from_json(call, f"expected_calls[{i}]") for i, call in enumerate(rows)]
    return tuple(ToolCall(call.name, call.arguments, id=f"call_{n}") for n, call in enumerate(calls, start=1))
