"""Tool calls and their results: each call one that its tool would take, each result one that a call asked for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab.curate.cleaning.notes import Notes
from trimtab.curate.cleaning.schemas import Signature, coerced, signature_of
from trimtab.records import Message, ToolCall, ToolSchema

Turns = tuple[Message, ...]


class Signatures:
    """The tools by name as a row offers them: its own, else the product's. Read once for equal schemas."""

    def __init__(self, offered: Sequence[ToolSchema] = ()) -> None:
        self._known: dict[str, Signature] = {}
        self.product = {found.name: found for found in map(self._read, offered)}

    def of(self, tools: Sequence[ToolSchema]) -> Mapping[str, Signature]:
        """What may be called; empty where nothing is known."""
        return {found.name: found for found in map(self._read, tools)} if tools else self.product

    def _read(self, schema: ToolSchema) -> Signature:
        content = json.dumps(schema, sort_keys=True, default=dict)
        return self._known.get(content) or self._known.setdefault(content, signature_of(schema))


def check_calls(turns: Turns, field: str, tools: Mapping[str, Signature], notes: Notes, *, drop: bool) -> Turns:
    """The turns with lossless repairs of arguments and of repeated ids; refuses (or flags) what cannot be meant.

    A result that is an error stays: it is wanted. Calls are unchecked against schemas where no tool is known.
    """
    if not any(turn.tool_calls or turn.role == "tool" for turn in turns):
        return turns
    turns = _own_ids(turns, field, notes)
    if fault := _unpaired(turns, field):
        notes.refuse(*fault)
        return turns
    checked = []
    for i, turn in enumerate(turns):
        calls = tuple(
            _checked(call, f"{field}[{i}].tool_calls[{j}]", tools, notes, drop=drop)
            for j, call in enumerate(turn.tool_calls)
        )
        same = all(old is new for old, new in zip(turn.tool_calls, calls, strict=True))
        checked.append(turn if same else replace(turn, tool_calls=calls))
    same = all(old is new for old, new in zip(turns, checked, strict=True))
    return turns if same else tuple(checked)


def _checked(call: ToolCall, where: str, tools: Mapping[str, Signature], notes: Notes, *, drop: bool) -> ToolCall:
    if not tools:
        notes.unchecked += 1
        return call
    tool = tools.get(call.name)
    if tool is None:
        _fault(notes, "unknown tool", f"{where}: no tool is called {call.name!r}", drop)
        return call
    if tool.validator is None:
        notes.flag("broken_schema", call.name)
        return call
    wrong = tool.wrong(call.arguments)
    if wrong is None:
        return call
    meant, changed = coerced(call.arguments, tool)
    if changed and tool.wrong(meant) is None:
        notes.repair("argument type", f"{where}: {', '.join(changed)}")
        return replace(call, arguments=meant)
    _fault(notes, "invalid arguments", f"{where} ({call.name}): {wrong}", drop)
    return call


def _fault(notes: Notes, reason: str, detail: str, drop: bool) -> None:
    if drop:
        notes.refuse(reason, detail)
    else:
        notes.flag(reason.replace(" ", "_"), detail)


def _unpaired(turns: Turns, field: str) -> tuple[str, str] | None:
    """The first result that no call asked for, or call that nothing answered before the talk went on."""
    pending: list[ToolCall] = []
    for i, turn in enumerate(turns):
        if turn.role == "tool":
            call = _asked_by(turn, pending)
            if call is None:
                named = turn.tool_call_id or turn.name or "a result"
                return "result without call", f"{field}[{i}]: no call asked for {named!r}"
            pending.remove(call)
        elif pending and turn.role != "system":
            return "call without result", f"{field}[{i}]: {pending[0].name!r} was called before and returned nothing"
        if turn.tool_calls:
            pending = list(turn.tool_calls)
    return None


def _asked_by(result: Message, pending: Sequence[ToolCall]) -> ToolCall | None:
    """By id; where the result or the calls have none, by name, else the first that waits."""
    if result.tool_call_id:
        exact = next((call for call in pending if call.id == result.tool_call_id), None)
        if exact is not None or any(call.id for call in pending):
            return exact
    if result.name:
        return next((call for call in pending if call.name == result.name), None)
    return pending[0] if pending else None


def _own_ids(turns: Turns, field: str, notes: Notes) -> Turns:
    """Ids that were given twice get a number, and so do the results that follow them, in their order."""
    given = [call.id for turn in turns for call in turn.tool_calls if call.id]
    if len(set(given)) == len(given):
        return turns
    taken, renamed = set[str](), list[Message]()
    waiting: dict[str, list[str]] = {}
    for i, turn in enumerate(turns):
        if turn.tool_calls:
            waiting = {}
            turn = replace(turn, tool_calls=tuple(_own_id(call, taken, waiting) for call in turn.tool_calls))
        elif turn.role == "tool" and waiting.get(turn.tool_call_id or ""):
            turn = replace(turn, tool_call_id=waiting[turn.tool_call_id or ""].pop(0))
        renamed.append(turn if turn != turns[i] else turns[i])
    notes.repair("duplicate call id", f"{field}: {len(given) - len(set(given))} ids given twice were numbered")
    return tuple(renamed)


def _own_id(call: ToolCall, taken: set[str], waiting: dict[str, list[str]]) -> ToolCall:
    name, number = call.id, 2
    while name and name in taken:
        name, number = f"{call.id}-{number}", number + 1
    taken.add(name)
    waiting.setdefault(call.id, []).append(name)
    return call if name == call.id else replace(call, id=name)
