"""Other tools' ways to write a conversation, rewritten as `messages` rows that records can check."""

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.records import UserError, strict_loads

_SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "system": "system",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
    "function_call": "function_call",
}
_OLD_ROLES = {"developer": "system", "function": "tool"}


def modern_messages(rows: Any, field: str = "messages") -> Any:
    """OpenAI-style messages, the older forms rewritten: ``developer``, ``function``, ``function_call``.

    Raises UserError on ``weight: 0`` (do not learn this turn): a row here is learnt whole.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return rows
    return [_modern(row, f"{field}[{i}]") for i, row in enumerate(rows)]


def tool_schemas(row: Mapping[str, Any]) -> Any:
    """``tools`` (schemas, plain functions or a JSON string of either) or the older ``functions``. Raises UserError."""
    value = row.get("tools", row.get("functions"))
    if isinstance(value, str):
        try:
            value = strict_loads(value) if value.strip() else None
        except ValueError as error:
            raise UserError(f"tools are no JSON ({error})", field="tools", expected="a list of tool schemas") from error
    return [_schema(tool) for tool in value] if isinstance(value, list) else value


def sharegpt_messages(rows: Any, field: str = "conversations") -> list[dict[str, Any]]:
    """``from``/``value`` turns; a ``function_call`` turn holds the call as JSON. Raises UserError."""
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise UserError("must be a list of turns", field=field, expected='[{"from": "human", "value": "..."}]')
    return [_sharegpt_turn(row, f"{field}[{i}]") for i, row in enumerate(rows)]


def _modern(row: Any, field: str) -> Any:
    if not isinstance(row, Mapping):
        return row
    if row.get("weight") == 0 and row.get("role") == "assistant":
        raise UserError(
            "a turn with weight 0 cannot be left unlearnt",
            field=f"{field}.weight",
            fix="Cut the conversation after the turn that is to be learnt, or give the turn as rejected",
        )
    row = {key: value for key, value in row.items() if value is not None}
    if call := row.pop("function_call", None):
        row["tool_calls"] = [{"type": "function", "function": call}]
    if isinstance(role := row.get("role"), str):
        row["role"] = _OLD_ROLES.get(role, role)
    return row


def _schema(tool: Any) -> Any:
    if isinstance(tool, Mapping) and "function" not in tool and "name" in tool:
        return {"type": "function", "function": dict(tool)}
    return tool


def _sharegpt_turn(row: Any, field: str) -> dict[str, Any]:
    if not isinstance(row, Mapping) or "value" not in row:
        raise UserError("a turn needs from and value", field=field, expected='{"from": "human", "value": "..."}')
    speaker, value = str(row.get("from")), row["value"]
    role = _SHAREGPT_ROLES.get(speaker.lower())
    if role is None:
        raise UserError(f"unknown speaker {speaker!r}", field=f"{field}.from", expected=" | ".join(_SHAREGPT_ROLES))
    if role != "function_call":
        return {"role": role, "content": value}
    return {"role": "assistant", "content": "", "tool_calls": _calls(value, f"{field}.value")}


def _calls(value: Any, field: str) -> list[Any]:
    try:
        calls = strict_loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise UserError(
            f"the call is no JSON ({error})", field=field, expected='{"name": "...", "arguments": {...}}'
        ) from error
    return calls if isinstance(calls, list) else [calls]
