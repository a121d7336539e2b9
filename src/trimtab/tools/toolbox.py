"""A tool is a schema and a function; a toolbox runs the model's calls and never raises for the model's mistakes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jsonschema
import referencing
from jsonschema.protocols import Validator

from trimtab.records import Json, Message, ToolCall, ToolSchema, UserError, Verdict, digest
from trimtab.tools.effects import Effects

RESULT_LIMIT = 16_384
"""Characters a tool result may have; a longer one would push the conversation out of the model's context."""


class ToolError(Exception):
    """What the model is told instead of a result; ``code`` is stable, ``message`` says what to do about it."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(f"{code}: {message}")


def error_result(code: str, message: str) -> str:
    """The one form of an error result: ``{"error": {"code", "message"}}``."""
    return json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)


def _unheard(verdict: Verdict) -> None:
    return None


def _unknown(name: str, arguments: Mapping[str, Any]) -> str:
    return error_result("unknown_tool", f"there is no tool {name!r}")


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may know: the conversation so far, whose it is, the time, and where a guard leaves its verdict.

    ``idempotency``: the caller's key for this request; a commit point turns it into the effect's own key.
    """

    messages: tuple[Message, ...] = ()
    user: str = ""
    now: float = 0.0
    idempotency: str = ""
    report: Callable[[Verdict], None] = _unheard
    consult: Callable[[str, Mapping[str, Any]], str] = _unknown
    """Runs another tool of the toolbox, by name, for a guard that wants the facts first-hand."""
    rehearsal: Effects | None = None
    """Where effects go instead of where the tool would write them."""


Run = Callable[[Mapping[str, Any], ToolContext], str]


@dataclass(frozen=True)
class Tool:
    """``run`` takes checked arguments and returns the result's text; it may raise ToolError.

    ``irreversible``: the call changes the world, so that it needs a guard at its commit point.
    """

    schema: ToolSchema
    run: Run
    irreversible: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What shapes the tool beside its schema (kind, options, table digest), for the behaviour digest."""

    @property
    def name(self) -> str:
        return str(self.schema["function"]["name"])

    @cached_property
    def validator(self) -> Validator:
        """Checks arguments; an empty registry, so that a schema can never fetch another one."""
        parameters = self.schema["function"].get("parameters") or {"type": "object"}
        return jsonschema.Draft202012Validator(parameters, registry=referencing.Registry())


def make_schema(name: str, description: str, parameters: Mapping[str, Any]) -> ToolSchema:
    """OpenAI's tool schema. Raises UserError where ``parameters`` is no JSON schema."""
    try:
        jsonschema.Draft202012Validator.check_schema(dict(parameters))
    except jsonschema.SchemaError as error:
        raise UserError(
            f"tool {name!r}: parameters are no JSON schema ({error.message})", field="parameters"
        ) from error
    return {"type": "function", "function": {"name": name, "description": description, "parameters": dict(parameters)}}


class Toolbox:
    """The tools that an assistant may call, by name."""

    def __init__(self, tools: Sequence[Tool] = ()) -> None:
        self._tools = {tool.name: tool for tool in tools}
        if len(self._tools) != len(tools):
            names = [tool.name for tool in tools]
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"two tools are called {twice!r}", field="tools", expected="one tool a name")

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def get(self, name: str) -> Tool | None:
        return self._tools.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    @property
    def schemas(self) -> tuple[ToolSchema, ...]:
        return tuple(tool.schema for tool in self)

    @cached_property
    def schema_bytes(self) -> int:
        """UTF-8 bytes of the schemas as JSON, 0 without tools: an estimate of what they add to a prompt."""
        schemas = list(self.schemas)
        return len(json.dumps(schemas, ensure_ascii=False).encode("utf-8", "replace")) if schemas else 0

    @property
    def digest(self) -> str:
        """Of everything that shapes what the tools are and do."""
        return digest([[tool.schema, dict(tool.settings), tool.irreversible] for tool in self])

    def only(self, names: Sequence[str]) -> "Toolbox":
        """The toolbox narrowed to ``names``."""
        return Toolbox([tool for tool in self if tool.name in names])

    def wrapped(self, wrap: Callable[[Tool], Tool]) -> "Toolbox":
        """Each tool as a guard wants it run."""
        return Toolbox([wrap(tool) for tool in self])

    def run(self, call: ToolCall, context: ToolContext) -> Message:
        """The result as a ``tool`` message. What the model did wrong, or a tool that broke, is an error result."""
        return result_message(call, self._result(call, replace(context, consult=self._consult(context))))

    def _consult(self, context: ToolContext) -> Callable[[str, Mapping[str, Any]], str]:
        """Only tools that change nothing can be consulted."""

        def consult(name: str, arguments: Mapping[str, Any]) -> str:
            tool = self._tools.get(name)
            if tool is None or tool.irreversible:
                return error_result("unknown_tool", f"{name!r} cannot be consulted")
            return self._result(ToolCall(name, arguments), context)

        return consult

    def _result(self, call: ToolCall, context: ToolContext) -> str:
        tool = self._tools.get(call.name)
        if tool is None:
            known = ", ".join(self._tools) or "none"
            return error_result("unknown_tool", f"there is no tool {call.name!r}; the tools are: {known}")
        try:
            if wrong := _first_wrong(tool.validator, call.arguments):
                return error_result("invalid_argument", wrong)
            result = tool.run(call.arguments, context)
        except ToolError as error:
            return error_result(error.code, error.message)
        except Exception as error:  # the named boundary: a tool that breaks is a result, not a crash
            return error_result("internal", f"the tool failed ({type(error).__name__})")
        if not isinstance(result, str) or len(result) > RESULT_LIMIT:
            return error_result("internal", f"the tool's result is no text of at most {RESULT_LIMIT} characters")
        return result


def result_message(call: ToolCall, content: str) -> Message:
    """The ``tool`` message that answers ``call``."""
    return Message("tool", content, tool_call_id=call.id or None, name=call.name)


def is_error(result: str) -> bool:
    """Whether a tool's result is an error result."""
    return isinstance(value := parsed(result), dict) and "error" in value


def parsed(result: str) -> Json:
    """A tool's result as JSON; None where it is none."""
    try:
        return json.loads(result)
    except (ValueError, RecursionError):
        return None


def _first_wrong(validator: Validator, arguments: Mapping[str, Any]) -> str | None:
    error = jsonschema.exceptions.best_match(validator.iter_errors(dict(arguments)))
    if error is None:
        return None
    place = ".".join(str(part) for part in error.absolute_path)
    text = error.message if len(error.message) <= 200 else f"{error.message[:200]}…"
    return f"{place}: {text}" if place else text
