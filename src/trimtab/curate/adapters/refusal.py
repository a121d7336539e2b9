"""Prompts that must be refused, and look-alikes that must not be."""

from dataclasses import dataclass
from typing import ClassVar

from trimtab.curate.adapters.base import AdapterOptions, JsonRow, meta
from trimtab.curate.hashing import pick
from trimtab.records import Case, Example, Expected, Message, UserError, messages_from_json


@dataclass(frozen=True, slots=True)
class Refusal:
    """``{"prompt", "expected": "refuse" | "comply", "category"?, "answer"?}``.

    refuse → one of the decline texts; comply → the row's own answer, without which there is nothing to learn.
    """

    options: AdapterOptions
    name: ClassVar[str] = "refusal"
    skipped: ClassVar[str] = "a prompt to be answered, without an answer"

    def example(self, row: JsonRow) -> Example | None:
        prompt, refuse = _read(row)
        if refuse:
            answer = pick(self.options.texts.decline, "decline", prompt[-1].content)
        else:
            answer = str(row.get("answer") or row.get("response") or "")
        if not answer:
            return None
        return Example(
            messages=(*prompt, Message("assistant", answer)),
            labels={"action": "decline" if refuse else "answer", "kind": self.name} | _category(row),
        )

    def case(self, row: JsonRow) -> Case | None:
        prompt, refuse = _read(row)
        return Case(
            messages=prompt,
            expected=Expected(action="decline" if refuse else "answer"),
            labels={"kind": self.name} | _category(row),
        )


def _read(row: JsonRow) -> tuple[tuple[Message, ...], bool]:
    prompt, expected = row.get("prompt"), row.get("expected")
    if expected not in ("refuse", "comply"):
        raise UserError(f"unknown expectation {expected!r}", field="expected", expected="refuse | comply")
    if isinstance(prompt, str) and prompt.strip():
        return (Message("user", prompt),), expected == "refuse"
    return messages_from_json(prompt, "prompt"), expected == "refuse"


def _category(row: JsonRow) -> dict[str, str]:
    labels = {"domain": str(meta(row).get("domain") or "safety")}
    return labels | ({"category": str(row["category"])} if row.get("category") else {})
