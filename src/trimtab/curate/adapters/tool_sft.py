"""Finished conversations with tool calls: learnt as they are, tested at the turn that matters."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from trimtab.curate.adapters.base import AdapterOptions, JsonRow, meta
from trimtab.curate.chats import modern_messages, tool_schemas
from trimtab.curate.labelling import action_of
from trimtab.records import Case, Example, Expected, Message, ToolCall, digest, example_from_json


@dataclass(frozen=True, slots=True)
class ToolSft:
    """``{"messages", "tools"?, "meta": {"final_answer"?}}``.

    A task with one request becomes a case of the whole plan: every call, and ``final_answer`` as the fact. It carries
    no tools, for the product's own run it. A dialogue becomes a case of its last call (or last turn), with its tools.
    """

    options: AdapterOptions
    name: ClassVar[str] = "tool_sft"
    skipped: ClassVar[str] = "no assistant turn"

    def example(self, row: JsonRow) -> Example | None:
        example = _read(row)
        one_task = _requests(example.messages) == 1
        return Example(
            messages=example.messages,
            tools=(self.options.tools or example.tools) if one_task else example.tools,
            labels={"action": action_of(example.messages), **_labels(row), **example.labels},
            provenance=example.provenance,
        )

    def case(self, row: JsonRow) -> Case | None:
        example = _read(row)
        if _requests(example.messages) == 1:
            return _plan_case(example.messages, row)
        cut = _deciding_turn(example.messages)
        turn = example.messages[cut]
        if cut == 0 or example.messages[cut - 1].role == "assistant":
            return None
        return Case(
            messages=example.messages[:cut],
            tools=example.tools,
            expected=Expected(action=action_of((turn,)), calls=_without_ids(turn.tool_calls)),
            labels=_labels(row) | {"cluster": digest([m.to_json() for m in example.messages])[:16]},
        )


def _plan_case(messages: tuple[Message, ...], row: JsonRow) -> Case:
    first = next(i for i, message in enumerate(messages) if message.role == "assistant")
    calls = tuple(call for message in messages for call in message.tool_calls)
    fact = str(meta(row).get("final_answer") or "")
    return Case(
        messages=messages[:first],
        expected=Expected(
            action="call_tool" if messages[-1].tool_calls else action_of(messages),
            calls=_without_ids(calls),
            facts=(fact,) if fact else (),
        ),
        labels=_labels(row),
    )


def _read(row: JsonRow) -> Example:
    return example_from_json(
        {
            "messages": modern_messages(row.get("messages")),
            "tools": tool_schemas(row),
            "labels": row.get("labels"),
            "provenance": row.get("provenance"),
        }
    )


def _requests(messages: tuple[Message, ...]) -> int:
    return sum(message.role == "user" for message in messages)


def _deciding_turn(messages: tuple[Message, ...]) -> int:
    turns = [i for i, message in enumerate(messages) if message.role == "assistant"]
    return max((i for i in turns if messages[i].tool_calls), default=turns[-1])


def _without_ids(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Distinct calls in their order; ids differ from run to run and expect nothing."""
    seen: dict[str, ToolCall] = {}
    for call in calls:
        key = json.dumps([call.name, call.arguments], sort_keys=True)
        seen.setdefault(key, ToolCall(call.name, call.arguments))
    return tuple(seen.values())


def _labels(row: JsonRow) -> dict[str, Any]:
    about = meta(row)
    domain = about.get("domain") or about.get("source")
    return {"kind": "tool_sft"} | ({"domain": str(domain)} if domain else {})
