"""Tools and their arguments under other names, in schemas and calls alike: one to one, descriptions kept."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trimtab.records import Case, Message, ToolCall, ToolSchema


@dataclass(frozen=True, slots=True)
class Renaming:
    """``tools``: old name -> new. ``arguments``: old tool name -> old argument -> new."""

    tools: Mapping[str, str]
    arguments: Mapping[str, Mapping[str, str]]

    def case(self, case: Case) -> Case:
        """Schemas, earlier calls, expected calls and accepted values under the new names."""
        expected = replace(
            case.expected,
            calls=tuple(self.call(call) for call in case.expected.calls),
            forbidden=tuple(self.tools.get(word, word) for word in case.expected.forbidden),
            check=self._check(case.expected.check),
        )
        messages = tuple(self._message(message) for message in case.messages)
        return replace(case, messages=messages, expected=expected, tools=tuple(map(self._schema, case.tools)))

    def call(self, call: ToolCall) -> ToolCall:
        """A call of a tool that is not known stays as it is."""
        return replace(call, name=self._tool(call.name), arguments=self._keys(call.name, call.arguments))

    def back(self) -> "Renaming":
        """The inverse."""
        arguments = {self.tools[name]: {new: old for old, new in of.items()} for name, of in self.arguments.items()}
        return Renaming({new: old for old, new in self.tools.items()}, arguments)

    def _tool(self, name: str) -> str:
        return self.tools.get(name, name)

    def _keys(self, tool: str, values: Mapping[str, Any]) -> dict[str, Any]:
        new = self.arguments.get(tool, {})
        return {new.get(key, key): value for key, value in values.items()}

    def _message(self, message: Message) -> Message:
        calls = tuple(self.call(call) for call in message.tool_calls)
        return replace(message, tool_calls=calls, name=self._tool(message.name) if message.name else message.name)

    def _check(self, check: Mapping[str, Any]) -> Mapping[str, Any]:
        if check.get("kind") != "calls":
            return check
        rows = [
            {**row, "name": self._tool(row["name"]), "allowed": self._keys(row["name"], row["allowed"])}
            for row in check.get("calls", ())
        ]
        return {**check, "calls": rows}

    def _schema(self, tool: ToolSchema) -> ToolSchema:
        function = dict(tool["function"])
        name = function["name"]
        function["description"] = function.get("description") or _words(name)
        function["name"] = self._tool(name)
        if parameters := function.get("parameters"):
            described = {key: _described(key, value) for key, value in parameters.get("properties", {}).items()}
            required = [self.arguments.get(name, {}).get(key, key) for key in parameters.get("required", ())]
            renamed = {**parameters, "properties": self._keys(name, described)}
            function["parameters"] = renamed | ({"required": required} if "required" in parameters else {})
        return {**tool, "function": function}


def renaming(tools: Sequence[ToolSchema], rng: random.Random) -> Renaming:
    """New names that tell nothing (``tool_4``, ``field_2``), none of them an old one."""
    functions = {str(tool["function"]["name"]): tool["function"] for tool in tools}
    arguments = {
        name: _fresh(list((function.get("parameters") or {}).get("properties", {})), "field", rng)
        for name, function in functions.items()
    }
    return Renaming(_fresh(list(functions), "tool", rng), arguments)


def _fresh(names: Sequence[str], stem: str, rng: random.Random) -> dict[str, str]:
    free = [new for i in range(1, 2 * len(names) + 1) if (new := f"{stem}_{i}") not in names]
    return dict(zip(names, rng.sample(free, len(names)), strict=True))


def _described(name: str, schema: Any) -> Any:
    """A parameter without a description keeps its old name as one, or nobody could tell what it is."""
    return (
        {**schema, "description": schema.get("description") or _words(name)} if isinstance(schema, Mapping) else schema
    )


def _words(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")
