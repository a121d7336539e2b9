"""An evaluation case: a conversation that waits for its answer, and what a right one does."""

import math
from collections.abc import Callable, Mapping
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
    attack succeeded. ``action``: what the last turn does. ``check``: how the answer itself is judged, an object whose
    ``kind`` names one of ``evaluate.CHECKS`` and whose other keys are that check's.
    """

    action: Action
    calls: tuple[ToolCall, ...] = ()
    citations: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    check: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """How a case is asked where it is not asked as it would be served; an empty field changes nothing.

    ``then``: the user's later turns, each sent once the one before is answered. ``offer``: the names of the toolbox's
    tools that are offered (an empty tuple offers none). ``samples``: answers drawn, each on its own.
    ``temperature`` and ``max_tokens``: of this case's decoding.
    """

    then: tuple[str, ...] = ()
    offer: tuple[str, ...] | None = None
    samples: int = 1
    temperature: float | None = None
    max_tokens: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the default, so that a case asked plainly keeps its id."""
        values = {name: getattr(self, name) for name in self.__slots__}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {name: value for name, value in plain.items() if values[name] != getattr(PLAINLY, name)}


PLAINLY = Ask()


@dataclass(frozen=True, slots=True)
class Case:
    """``labels`` hold the slices: suite, battery, kind, domain, difficulty, severity (1 worst to 3), rule, cluster."""

    messages: tuple[Message, ...]
    expected: Expected
    tools: tuple[ToolSchema, ...] = ()
    ask: Ask = PLAINLY
    labels: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return digest({key: value for key, value in self.to_json().items() if key != "labels"})

    @property
    def question(self) -> str:
        """Digest of what is asked and how, whatever answer is expected: cases that share it share their answers."""
        return digest({key: value for key, value in self.to_json().items() if key not in ("expected", "labels")})

    def to_json(self) -> dict[str, Any]:
        expected = {
            "action": self.expected.action,
            "calls": [call.to_json() for call in self.expected.calls],
            "citations": list(self.expected.citations),
            "facts": list(self.expected.facts),
            "forbidden": list(self.expected.forbidden),
            "check": dict(self.expected.check),
        }
        row: dict[str, Any] = {
            "messages": [message.to_json() for message in self.messages],
            "expected": {key: value for key, value in expected.items() if value},
        }
        if self.tools:
            row["tools"] = [dict(tool) for tool in self.tools]
        if asked := self.ask.to_json():
            row["ask"] = asked
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
        ask=_ask(row.get("ask")),
        labels=_labels(row.get("labels")),
        expected=Expected(
            action=expected["action"],
            calls=tuple(
                tool_call_from_json(call, f"expected.calls[{i}]") for i, call in enumerate(expected.get("calls") or ())
            ),
            citations=tuple(expected.get("citations") or ()),
            facts=tuple(expected.get("facts") or ()),
            forbidden=tuple(expected.get("forbidden") or ()),
            check=_check(expected.get("check")),
        ),
    )


def _labels(value: Json) -> Mapping[str, Any]:
    """Texts, whole or finite numbers and truths by name: what a slice can be named by, and what has a digest."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UserError("labels must be an object", field="labels", expected="{name: value}")
    for name, item in value.items():
        if isinstance(item, float) and not math.isfinite(item):
            raise UserError(f"{item!r} is no label", field=f"labels.{name}", expected="a text or a finite number")
    return dict(value)


def _check(value: Json) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise UserError("a check needs its kind", field="expected.check", expected='an object with "kind"')
    return dict(value)


def _ask(value: Json) -> Ask:
    if value is None:
        return PLAINLY
    if not isinstance(value, Mapping):
        raise UserError("how a case is asked must be an object", field="ask", expected=" | ".join(Ask.__slots__))
    for name, item in value.items():
        if (fits := _ASKS.get(name)) is None:
            raise UserError(f"unknown key {name!r}", field=f"ask.{name}", expected=" | ".join(Ask.__slots__))
        if not fits[0](item):
            raise UserError(f"{item!r} does not fit", field=f"ask.{name}", expected=fits[1])
    values: dict[str, Any] = {name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}
    return Ask(**values)


def _texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _heat(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


_ASKS: dict[str, tuple[Callable[[Json], bool], str]] = {
    "then": (_texts, "a list of user turns"),
    "offer": (_texts, "a list of tool names"),
    "samples": (_count, "a whole number from 1"),
    "temperature": (_heat, "a number from 0"),
    "max_tokens": (_count, "a whole number from 1"),
}
