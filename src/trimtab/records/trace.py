"""A Trace is one served request; a Verdict, a guard's word on it; a Feedback, a person's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from trimtab.records.errors import UserError
from trimtab.records.message import Json, Message, messages_from_json

Arm = Literal["stable", "canary", "shadow"]
"""``shadow``: a copy of a request, run on a candidate whose answer nobody saw: no evidence of what users think."""
Ruling = Literal["allow", "block", "modify", "escalate"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a guard decided, and the policy rule that it quotes."""

    guard: str
    ruling: Ruling
    rule: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"guard": self.guard, "ruling": self.ruling, "rule": self.rule, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: waited in the queue, to the first token, in the gateway itself, in all."""

    queue: float = 0.0
    first_token: float = 0.0
    overhead: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """One served request. ``prompt`` came in; ``turns`` are all turns the assistant and its tools added."""

    id: str
    time: float
    tenant: str
    user: str
    arm: Arm
    release: str
    prompt: tuple[Message, ...]
    turns: tuple[Message, ...]
    finish: str
    verdicts: tuple[Verdict, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    timing: Timing = field(default_factory=Timing)
    cost: float = 0.0
    error: str = ""
    pinned: bool = False
    """The client named the release, so the split did not choose the arm: no evidence for or against a canary."""
    shadow_of: str = ""
    """The id of the request that a shadow is a copy of."""
    adapter: str = ""
    """The LoRA adapter that answered over the release's weights, as ``name@digest``; empty for none."""

    @property
    def tripped(self) -> bool:
        """Whether some guard blocked, changed or escalated."""
        return any(verdict.ruling != "allow" for verdict in self.verdicts)

    @property
    def failed(self) -> bool:
        """Whether the service failed; a request that the client got wrong (finish ``invalid``) is not its failure."""
        return bool(self.error) and self.finish != "invalid"

    def to_json(self) -> dict[str, Any]:
        row = {name: getattr(self, name) for name in _PLAIN}
        return row | {
            "pinned": self.pinned,
            **({"shadow_of": self.shadow_of} if self.shadow_of else {}),
            "adapter": self.adapter,
            "prompt": [message.to_json() for message in self.prompt],
            "turns": [message.to_json() for message in self.turns],
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "token_ids": list(self.token_ids),
            "logprobs": list(self.logprobs),
            "timing": {name: getattr(self.timing, name) for name in ("queue", "first_token", "overhead", "total")},
        }


def trace_from_json(row: Mapping[str, Any]) -> Trace:
    """The inverse of ``Trace.to_json``."""
    return Trace(
        **{name: row[name] for name in _PLAIN},
        pinned=row.get("pinned", False),
        shadow_of=row.get("shadow_of", ""),
        adapter=row.get("adapter", ""),
        prompt=messages_from_json(row["prompt"]),
        turns=messages_from_json(row["turns"]) if row["turns"] else (),
        verdicts=tuple(Verdict(**verdict) for verdict in row["verdicts"]),
        token_ids=tuple(row["token_ids"]),
        logprobs=tuple(row["logprobs"]),
        timing=Timing(**row["timing"]),
    )


def redacted(trace: Trace, scrub: "Any") -> Trace:
    """The trace as telemetry may keep it: texts scrubbed, token ids (which spell them) dropped."""

    def clean(messages: tuple[Message, ...]) -> tuple[Message, ...]:
        return tuple(_scrubbed(message, scrub) for message in messages)

    return replace(trace, prompt=clean(trace.prompt), turns=clean(trace.turns), token_ids=(), logprobs=())


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of a trace; idempotent by ``id``.

    ``thumb``: good or not. ``edit``: the answer as it should have been. ``severity``: 1 (worst) to 3 for an incident.
    """

    id: str
    trace: str
    time: float
    user: str = ""
    thumb: bool | None = None
    edit: str | None = None
    escalated: bool = False
    severity: int | None = None
    comment: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def feedback_from_json(row: Json, *, id: str, time: float) -> Feedback:
    """Feedback as ``/v1/feedback`` takes it, checked. Raises UserError."""
    if not isinstance(row, Mapping):
        raise UserError("feedback must be an object")
    trace = row.get("trace")
    if not isinstance(trace, str) or not trace:
        raise UserError("which answer?", field="trace", expected="the id of a chat completion")
    thumb, edit, severity = row.get("thumb"), row.get("edit"), row.get("severity")
    if thumb is not None and not isinstance(thumb, bool):
        raise UserError("thumb must be true or false", field="thumb")
    if edit is not None and not isinstance(edit, str):
        raise UserError("edit must be text", field="edit")
    if severity is not None and severity not in (1, 2, 3):
        raise UserError("severity must be 1 (worst), 2 or 3", field="severity")
    escalated = bool(row.get("escalated"))
    if thumb is None and edit is None and severity is None and not escalated:
        raise UserError("nothing is said", expected="thumb, edit, escalated or severity")
    return Feedback(
        id=str(row.get("id") or id),
        trace=trace,
        time=time,
        user=str(row.get("user") or ""),
        thumb=thumb,
        edit=edit,
        escalated=escalated,
        severity=severity,
        comment=str(row.get("comment") or ""),
    )


_PLAIN = (
    "id",
    "time",
    "tenant",
    "user",
    "arm",
    "release",
    "finish",
    "prompt_tokens",
    "completion_tokens",
    "cost",
    "error",
)


def _scrubbed(message: Message, scrub: Any) -> Message:
    calls = tuple(
        replace(call, arguments={key: _deep(value, scrub) for key, value in call.arguments.items()})
        for call in message.tool_calls
    )
    return replace(
        message,
        content=scrub(message.content),
        tool_calls=calls,
        reasoning=None if message.reasoning is None else scrub(message.reasoning),
    )


def _deep(value: Any, scrub: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {key: _deep(item, scrub) for key, item in value.items()}
    if isinstance(value, list):
        return [_deep(item, scrub) for item in value]
    return value
