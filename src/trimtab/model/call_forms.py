"""How a dialect writes one call: the text before its arguments and the text after them, learned from its template."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from trimtab.model.calls import OPEN
from trimtab.model.dialect import Dialect
from trimtab.records import Message, ToolCall, ToolSchema, UserError

_NAME = "probe_tool"
_ARGUMENTS = re.compile(r'\{\s*"key"\s*:\s*"probe value"\s*\}')
_ASK = Message("user", "probe question")
_CALL = Message("assistant", tool_calls=(ToolCall(_NAME, {"key": "probe value"}),))


class CallText(NamedTuple):
    """A call is ``begin``, a JSON object of ``schema``, ``end``; ``Dialect.parse`` reads it back."""

    begin: str
    schema: dict[str, Any]
    end: str


def call_texts(dialect: Dialect, tools: Sequence[ToolSchema]) -> list[CallText]:
    """How each tool would be called. Raises UserError where the dialect's calls have no such form."""
    begin, end = _frame(dialect)
    return [
        CallText(begin.replace(f'"{_NAME}"', _quoted(str(tool["function"]["name"]))), _schema(tool), end)
        for tool in tools
    ]


def _frame(dialect: Dialect) -> tuple[str, str]:
    prompt = dialect.render([_ASK], reply=True)
    turn = dialect.render([_ASK, _CALL]).removeprefix(prompt).split(dialect.end_of_turn, 1)[0]
    parts = _ARGUMENTS.split(turn)
    if len(parts) != 2 or f'"{_NAME}"' not in parts[0] or OPEN not in parts[0]:
        raise UserError("this model's template has no form of call that could be required", field="tool_choice")
    return parts[0].lstrip(), parts[1].rstrip()


def _schema(tool: ToolSchema) -> dict[str, Any]:
    """The arguments' schema; arguments are an object, whatever else it says."""
    given = tool["function"].get("parameters") or {}
    if not isinstance(given, Mapping):
        raise UserError("a tool's parameters must be a JSON schema", field="tools", expected="an object")
    return {**given, "type": "object"}


def _quoted(name: str) -> str:
    """A name in JSON that can spell no marker."""
    return json.dumps(name, ensure_ascii=False).replace("<", "\\u003c")
