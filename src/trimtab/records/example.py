"""Training rows: an Example teaches, a Comparison prefers, a Ranked row orders several, an Unpaired row is a thumb."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from trimtab.records.canonical import digest
from trimtab.records.errors import UserError
from trimtab.records.message import (
    Json,
    Message,
    ToolSchema,
    message_from_json,
    messages_from_json,
    tools_from_json,
)

Action = Literal["answer", "call_tool", "clarify", "defer", "decline"]
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Example:
    """One SFT row. ``rejected`` are hard-negative last turns: SFT never trains on them."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    rejected: tuple[tuple[Message, ...], ...] = ()

    @property
    def id(self) -> str:
        """Digest of the content, without provenance and labels."""
        return digest({key: value for key, value in self.to_json().items() if key not in _APART})

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {"messages": _json(self.messages)}
        if self.rejected:
            row["rejected"] = [_json(turns) for turns in self.rejected]
        return row | _optional(tools=self.tools, labels=self.labels, provenance=self.provenance)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One preference pair over the same prompt."""

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    annotators: tuple[str, ...] = ()
    margin: float | None = None
    reason: str | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return digest({key: value for key, value in self.to_json().items() if key not in _APART})

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "prompt": _json(self.prompt),
            "chosen": _json(self.chosen),
            "rejected": _json(self.rejected),
        }
        if self.margin is not None:
            row["margin"] = self.margin
        if self.reason is not None:
            row["reason"] = self.reason
        return row | _optional(
            tools=self.tools, annotators=self.annotators, labels=self.labels, provenance=self.provenance
        )


@dataclass(frozen=True, slots=True)
class Ranked:
    """K completions of one prompt, at least two, each with the score that people gave it: higher is better."""

    prompt: tuple[Message, ...]
    completions: tuple[tuple[Message, ...], ...]
    scores: tuple[float, ...]
    tools: tuple[ToolSchema, ...] = ()
    annotators: tuple[str, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return digest({key: value for key, value in self.to_json().items() if key not in _APART})

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "prompt": _json(self.prompt),
            "completions": [_json(turns) for turns in self.completions],
            "scores": list(self.scores),
        }
        return row | _optional(
            tools=self.tools, annotators=self.annotators, labels=self.labels, provenance=self.provenance
        )


@dataclass(frozen=True, slots=True)
class Unpaired:
    """One thumb: a completion that was good (``label=True``) or not."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    label: bool
    tools: tuple[ToolSchema, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return digest({key: value for key, value in self.to_json().items() if key not in _APART})

    def to_json(self) -> dict[str, Any]:
        row = {"prompt": _json(self.prompt), "completion": _json(self.completion), "label": self.label}
        return row | _optional(tools=self.tools, labels=self.labels, provenance=self.provenance)


Row = Example | Comparison | Ranked | Unpaired
_APART = frozenset({"provenance", "labels"})


def example_from_json(row: Json) -> Example:
    """The native SFT row, checked: some assistant turn, known action. Raises UserError."""
    row = _object(row)
    messages = messages_from_json(row.get("messages"))
    if not any(message.role == "assistant" for message in messages):
        raise UserError("no assistant turn to learn from", field="messages")
    labels = _mapping(row, "labels")
    if (action := labels.get("action")) is not None and action not in ACTIONS:
        raise UserError(f"unknown action {action!r}", field="labels.action", expected=" | ".join(ACTIONS))
    rejected = row.get("rejected") or ()
    if not isinstance(rejected, Sequence) or isinstance(rejected, str):
        raise UserError("rejected must be a list of completions", field="rejected")
    return Example(
        messages=messages,
        tools=tools_from_json(row.get("tools")),
        labels=labels,
        provenance=_mapping(row, "provenance"),
        rejected=tuple(_turns(turns, f"rejected[{i}]") for i, turns in enumerate(rejected)),
    )


def comparison_from_json(row: Json) -> Comparison:
    """The native preference row, checked. Raises UserError."""
    row = _object(row)
    chosen, rejected = _turns(row.get("chosen"), "chosen"), _turns(row.get("rejected"), "rejected")
    if chosen == rejected:
        raise UserError("chosen and rejected are the same", field="rejected")
    margin, reason = row.get("margin"), row.get("reason")
    if margin is not None and not _is_number(margin):
        raise UserError("margin must be a finite number", field="margin")
    if reason is not None and not isinstance(reason, str):
        raise UserError("reason must be text", field="reason")
    return Comparison(
        prompt=_prompt(row.get("prompt")),
        chosen=chosen,
        rejected=rejected,
        tools=tools_from_json(row.get("tools")),
        annotators=_annotators(row),
        margin=margin,
        reason=reason,
        labels=_mapping(row, "labels"),
        provenance=_mapping(row, "provenance"),
    )


def ranked_from_json(row: Json) -> Ranked:
    """The native K-wise row, checked: a finite score for each of at least two completions. Raises UserError.

    Equal scores are let through here: whether a row without any preference stops a run is for training to say.
    """
    row = _object(row)
    completions, scores = row.get("completions"), row.get("scores")
    if not isinstance(completions, list | tuple) or len(completions) < 2:
        raise UserError("at least two completions are needed", field="completions", expected="a list")
    if not isinstance(scores, list | tuple) or len(scores) != len(completions):
        raise UserError("as many scores as completions are needed", field="scores")
    if not all(_is_number(score) for score in scores):
        raise UserError("scores must be finite numbers", field="scores")
    return Ranked(
        prompt=_prompt(row.get("prompt")),
        completions=tuple(_turns(turns, f"completions[{i}]") for i, turns in enumerate(completions)),
        scores=tuple(float(score) for score in scores),
        tools=tools_from_json(row.get("tools")),
        annotators=_annotators(row),
        labels=_mapping(row, "labels"),
        provenance=_mapping(row, "provenance"),
    )


def unpaired_from_json(row: Json) -> Unpaired:
    """The native thumb, checked. Raises UserError."""
    row = _object(row)
    if not isinstance(row.get("label"), bool):
        raise UserError("label must be true or false", field="label")
    return Unpaired(
        prompt=_prompt(row.get("prompt")),
        completion=_turns(row.get("completion"), "completion"),
        label=row["label"],
        tools=tools_from_json(row.get("tools")),
        labels=_mapping(row, "labels"),
        provenance=_mapping(row, "provenance"),
    )


def row_from_json(row: Json) -> Row:
    """A native row of whichever of the four kinds its fields say. Raises UserError."""
    row = _object(row)
    if "messages" in row:
        return example_from_json(row)
    if "chosen" in row:
        return comparison_from_json(row)
    if "completions" in row:
        return ranked_from_json(row)
    if "completion" in row:
        return unpaired_from_json(row)
    raise UserError(
        "neither a chat, a preference pair, a ranking nor a thumb",
        expected='"messages", or "prompt" with "chosen" and "rejected", with "completions" and "scores", or with '
        '"completion" and "label"',
    )


def with_provenance(row: Row, **fields: Any) -> Row:
    """The same row with more said of where it comes from."""
    return replace(row, provenance={**row.provenance, **fields})


def _json(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [message.to_json() for message in messages]


def _optional(**fields: Any) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, Mapping) else list(value) for key, value in fields.items() if value}


def _object(row: Json) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise UserError(f"a row must be an object, not {type(row).__name__}")
    return row


def _mapping(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key) or {}
    if not isinstance(value, Mapping):
        raise UserError(f"{key} must be an object", field=key)
    return value


def _annotators(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Names, of which one alone may stand without a list."""
    value = row.get("annotators") or ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Sequence):
        raise UserError("annotators must be names", field="annotators", expected="a list of names")
    return tuple(str(who) for who in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _prompt(value: Json) -> tuple[Message, ...]:
    if isinstance(value, str):
        return (Message("user", value),)
    return messages_from_json(value, "prompt")


def _turns(value: Json, field: str) -> tuple[Message, ...]:
    if isinstance(value, str):
        turns: tuple[Message, ...] = (Message("assistant", value),)
    elif isinstance(value, Mapping):
        turns = (message_from_json(value, field),)
    else:
        turns = messages_from_json(value, field)
    if turns[0].role != "assistant":
        raise UserError("must begin with an assistant turn", field=f"{field}[0].role", expected="assistant")
    return turns
