"""A toolbox that changes nothing: what is irreversible answers from the record or not at all, the rest is watched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trimtab.records import Message
from trimtab.serve.body import fingerprint
from trimtab.tools import Tool, Toolbox
from trimtab.tools.effects import Row
from trimtab.tools.toolbox import Run, ToolContext, ToolError

_WHY = "this is a copy of a request, which has no effects"


@dataclass(frozen=True)
class Tripwire:
    """Effects of a tool that says it has none: each is refused, and ``caught`` hears of it."""

    caught: Callable[[], None]

    def add(self, kind: str, id: str, row: Row) -> bool:
        self.caught()
        raise ToolError("not_permitted", _WHY)

    def get(self, kind: str, id: str) -> dict[str, Any] | None:
        return None

    def list(self, kind: str) -> list[dict[str, Any]]:
        return []


def effectless(toolbox: Toolbox, turns: Sequence[Message], caught: Callable[[str], None]) -> Toolbox:
    """``toolbox`` for a copy of the request that ``turns`` answered.

    An irreversible tool is never run: the same call as the original's has the original's result, any other is refused.
    A tool that is declared to change nothing runs; where it writes an effect all the same, ``caught`` is told its name.
    """
    recorded = _results(turns)

    def still(tool: Tool) -> Tool:
        return replace(tool, run=_from(recorded, tool.name) if tool.irreversible else _watched(tool, caught))

    return toolbox.wrapped(still)


def _from(recorded: Mapping[str, str], name: str) -> Run:
    def run(arguments: Mapping[str, Any], context: ToolContext) -> str:
        result = recorded.get(fingerprint([name, arguments]))
        if result is None:
            raise ToolError("not_permitted", _WHY)
        return result

    return run


def _watched(tool: Tool, caught: Callable[[str], None]) -> Run:
    def run(arguments: Mapping[str, Any], context: ToolContext) -> str:
        return tool.run(arguments, replace(context, rehearsal=Tripwire(lambda: caught(tool.name))))

    return run


def _results(turns: Sequence[Message]) -> dict[str, str]:
    """Call → what it returned to the original."""
    calls = {call.id: fingerprint([call.name, call.arguments]) for turn in turns for call in turn.tool_calls if call.id}
    return {
        calls[turn.tool_call_id]: turn.content
        for turn in turns
        if turn.role == "tool" and turn.tool_call_id is not None and turn.tool_call_id in calls
    }
