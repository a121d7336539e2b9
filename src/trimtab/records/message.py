"""A message of a conversation, its tool calls, and the forms in which they come and go."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from trimtab.records.errors import UserError
from trimtab.records.strict import strict_loads

Role = Literal["system", "user", "assistant", "tool"]
Json = Any
ToolSchema = Mapping[str, Any]
"""OpenAI's tool schema: ``{"type": "function", "function": {name, description, parameters}}``."""

_ROLES = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call; ``arguments`` is always an object here, a string only on OpenAI's wire."""

    name: str
    arguments: Mapping[str, Any]
    id: str = ""

    def to_json(self, *, wire: bool = False) -> dict[str, Any]:
        arguments = json.dumps(self.arguments, ensure_ascii=False) if wire else dict(self.arguments)
        call = {"type": "function", "function": {"name": self.name, "arguments": arguments}}
        return {"id": self.id, **call} if self.id else call


@dataclass(frozen=True, slots=True)
class Message:
    """One turn; ``tool_call_id`` and ``name`` belong to tool results, ``reasoning`` to assistants."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    reasoning: str | None = field(default=None)

    def to_json(self, *, wire: bool = False) -> dict[str, Any]:
        """The ecosystem's ``messages`` entry; ``wire=True`` writes arguments as OpenAI does."""
        row: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            row["tool_calls"] = [call.to_json(wire=wire) for call in self.tool_calls]
        for key in ("tool_call_id", "name", "reasoning"):
            if (value := getattr(self, key)) is not None:
                row[key] = value
        return row


def message_from_json(row: Json, field: str = "messages[0]") -> Message:
    """One ``messages`` entry, checked. Raises UserError that names the field."""
    if not isinstance(row, Mapping):
        raise UserError("a message must be an object", field=field, expected='{"role", "content"}')
    role = row.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise UserError(f"unknown role {role!r}", field=f"{field}.role", expected=" | ".join(sorted(_ROLES)))
    calls = row.get("tool_calls") or ()
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise UserError("tool_calls must be a list", field=f"{field}.tool_calls")
    if calls and role != "assistant":
        raise UserError(f"a {role} turn cannot call tools", field=f"{field}.tool_calls")
    return Message(
        role=cast(Role, role),
        content=_content(row.get("content"), f"{field}.content"),
        tool_calls=tuple(tool_call_from_json(call, f"{field}.tool_calls[{i}]") for i, call in enumerate(calls)),
        tool_call_id=_text(row, "tool_call_id", field),
        name=_text(row, "name", field),
        reasoning=_text(row, "reasoning", field) or _text(row, "reasoning_content", field),
    )


def messages_from_json(rows: Json, field: str = "messages") -> tuple[Message, ...]:
    """A list of messages, checked. Raises UserError on an empty list or a bad entry."""
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise UserError("must be a list with at least one message", field=field)
    return tuple(message_from_json(row, f"{field}[{i}]") for i, row in enumerate(rows))


def tool_call_from_json(row: Json, field: str = "tool_calls[0]") -> ToolCall:
    """A call as OpenAI writes it or with a plain ``{name, arguments}``; both kinds of arguments."""
    body = row.get("function", row) if isinstance(row, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(body.get("name"), str) or not body["name"]:
        raise UserError("a tool call needs a name", field=field, expected='{"function": {"name", "arguments"}}')
    arguments, reason = body.get("arguments", {}), ""
    if isinstance(arguments, str):
        try:
            arguments = strict_loads(arguments or "{}")
        except ValueError as error:
            arguments, reason = None, f" ({error})"
    if not isinstance(arguments, Mapping):
        raise UserError(
            f"tool call arguments are no object{reason}",
            field=f"{field}.function.arguments",
            expected='an object such as {"query": "..."}, or that object as a JSON string',
        )
    return ToolCall(name=body["name"], arguments=dict(arguments), id=str(row.get("id") or ""))


def tools_from_json(rows: Json, field: str = "tools") -> tuple[ToolSchema, ...]:
    """Tool schemas, each with a function name. Raises UserError."""
    if rows is None:
        return ()
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise UserError("must be a list of tool schemas", field=field)
    for i, row in enumerate(rows):
        function = row.get("function") if isinstance(row, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise UserError(
                "a tool needs a function with a name",
                field=f"{field}[{i}]",
                expected='{"type": "function", "function": {"name", "description", "parameters"}}',
            )
    return tuple(rows)


def _content(value: Json, field: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(
        isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str) for part in value
    ):
        return "".join(part["text"] for part in value)
    raise UserError("content must be text", field=field, expected="a string or a list of text parts")


def _text(row: Mapping[str, Any], key: str, field: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise UserError(f"{key} must be text", field=f"{field}.{key}")
    return value
