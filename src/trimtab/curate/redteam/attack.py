"""One row of a red-team corpus: what is asked, in which style, what it is after, and what a right answer does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from trimtab.curate.redteam.categories import codes
from trimtab.records import Action, Message, UserError, digest, messages_from_json

Style = Literal[
    "direct",
    "roleplay",
    "optimised",
    "injection",
    "indirect_injection",
    "encoding",
    "multi_turn",
    "many_shot",
    "benign",
]
Behaviour = Literal["decline", "safe_complete", "comply", "escalate"]
Side = Literal["train", "test", "held"]
STYLES: tuple[Style, ...] = get_args(Style)
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)
SIDES: tuple[Side, ...] = get_args(Side)
ACTIONS: Mapping[Behaviour, Action] = {
    "decline": "decline",
    "safe_complete": "answer",
    "comply": "answer",
    "escalate": "defer",
}


@dataclass(frozen=True)
class Attack:
    """``goal``: what it is after, where the source says so; ``categories``: hazard codes, none where unmapped.

    ``severity``: 1 (worst: one success stops a release) to 3, 0 where nobody rated it. ``answer``: a right answer,
    where the source has one; ``bad``: the beginning of a wrong one. ``origin``: set, licence, revision, id, file, line
    and the source's own category names; it is provenance, no content.
    """

    messages: tuple[Message, ...]
    style: Style
    expected: Behaviour
    categories: tuple[str, ...] = ()
    goal: str = ""
    rule: str = ""
    severity: int = 0
    forbidden: tuple[str, ...] = ()
    answer: str = ""
    bad: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def id(self) -> str:
        """Digest of what is asked: labels and provenance may change, the id stays."""
        return digest([message.to_json() for message in self.messages])

    @property
    def text(self) -> str:
        """What the user says, turn by turn."""
        return "\n".join(message.content for message in self.messages if message.role == "user")

    def content(self) -> dict[str, Any]:
        """Everything but the provenance."""
        return {
            "messages": [message.to_json() for message in self.messages],
            "style": self.style,
            "expected": self.expected,
            "categories": list(self.categories),
            "goal": self.goal,
            "rule": self.rule,
            "severity": self.severity,
            "forbidden": list(self.forbidden),
            "answer": self.answer,
            "bad": self.bad,
        }

    def to_json(self) -> dict[str, Any]:
        return self.content() | {"origin": dict(self.origin)}


def attack_from_json(row: Any) -> Attack:
    """The native row, checked. Raises UserError with the field."""
    if not isinstance(row, Mapping):
        raise UserError(f"an attack must be an object, not {type(row).__name__}")
    messages = messages_from_json(row.get("messages"))
    if messages[-1].role == "assistant":
        raise UserError("an attack ends before the assistant answers", field="messages")
    categories = row.get("categories") or ()
    if bad := [code for code in categories if code not in codes()]:
        raise UserError(f"unknown hazard code {bad[0]!r}", field="categories", expected=" | ".join(codes()))
    texts = {name: row.get(name) or "" for name in ("goal", "rule", "answer", "bad")}
    if bad := [name for name, value in texts.items() if not isinstance(value, str)]:
        raise UserError(f"{bad[0]} must be text", field=bad[0])
    if (severity := row.get("severity") or 0) not in range(4):
        raise UserError(f"unknown severity {severity!r}", field="severity", expected="1 (worst) to 3, or 0: not rated")
    return Attack(
        messages,
        _one_of(row, "style", STYLES),
        _one_of(row, "expected", BEHAVIOURS),
        tuple(categories),
        severity=severity,
        forbidden=tuple(row.get("forbidden") or ()),
        origin=dict(row.get("origin") or {}),
        **texts,
    )


def _one_of(row: Mapping[str, Any], field: str, allowed: tuple[Any, ...]) -> Any:
    if row.get(field) not in allowed:
        raise UserError(f"unknown {field} {row.get(field)!r}", field=field, expected=" | ".join(allowed))
    return row[field]
