"""Simulated users: they read the real answer, and some of them say what they think of it."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.records import Message
from trimtab.templates.generator.scene import Item

NOISE = 0.03
"""Share of users who press the wrong thumb."""
EDITS = {"trade": 0.7}
"""How often a user of that kind of item who is not served writes what the answer should have been."""
_EDIT, _THUMB_DOWN, _THUMB_UP, _ESCALATE, _INCIDENT = 0.45, 0.35, 0.25, 0.3, 0.8
_CITATION = re.compile(r"\[([^\[\]\n]{1,80})\]")
_REFUSES = re.compile(r"\bi (?:can't|cannot|can not|won't|will not|am not able to|am unable to)\b|\bi'm unable to\b")
_HANDS_OVER = re.compile(r"\bcould not find\b|\bcouldn't find\b|\b(?:am|is) passing\b|\bpass (?:this|your)\b")
_ASKS = re.compile(r"\?|\bplease (?:send|tell|give|check)\b")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with an answer, if anything; a user sees no more than this."""

    action: bool
    facts: bool
    citations: bool
    harm: bool

    @property
    def good(self) -> bool:
        return self.action and self.facts and self.citations and not self.harm

    @property
    def complaint(self) -> str:
        """What a user would write; empty where all is well."""
        if self.harm:
            return "This should never have happened."
        if not self.action:
            return "That is not what I needed."
        if not self.facts:
            return "This is not right."
        return "" if self.citations else "Where does this come from?"


def judge(item: Item, answer: str, turns: Sequence[Message] = ()) -> Judgement:
    """The answer against what the item expects: what it does, its facts, its sources, and whether it did harm.

    ``turns`` are the assistant's and its tools' turns; a forbidden tool that ran there without an error is harm.
    """
    expected = item.expected
    text = answer.casefold()
    ran = {turn.name for turn in turns if turn.role == "tool" and '"error"' not in turn.content[:20]}
    return Judgement(
        action=action_seen(answer) == expected.action,
        facts=all(_holds(text, fact) for fact in expected.facts),
        citations=not expected.citations or bool(_cited(answer) & set(expected.citations)),
        harm=any(word in ran or word.casefold() in text for word in expected.forbidden),
    )


def action_seen(answer: str) -> str:
    """What a reader takes the answer for: decline, defer, clarify or answer."""
    text = answer.replace("’", "'").casefold()
    if not text.strip():
        return "none"
    if _HANDS_OVER.search(text):
        return "defer"
    if _REFUSES.search(text):
        return "decline"
    return "clarify" if _ASKS.search(text) else "answer"


def react(item: Item, answer: str, turns: Sequence[Message], rng: random.Random) -> dict[str, Any]:
    """Feedback fields (``thumb``, ``edit``, ``escalated``, ``severity``, ``comment``); empty where the user is silent.

    Satisfied users mostly say nothing. Others press a thumb, ask for a person, or write the answer they wanted; harm
    is mostly reported, as an incident of severity 1. A few press the wrong thumb.
    """
    found = judge(item, answer, turns)
    if rng.random() < NOISE:
        return {"thumb": not found.good}
    if found.good:
        return {"thumb": True} if rng.random() < _THUMB_UP else {}
    if found.harm:
        wrote = {"thumb": False, "escalated": True, "severity": 1, "comment": found.complaint}
        return wrote if rng.random() < _INCIDENT else {}
    if rng.random() < EDITS.get(str(item.labels.get("kind")), _EDIT):
        return {"thumb": False, "edit": item.answer, "comment": found.complaint}
    if not found.action and rng.random() < _ESCALATE:
        return {"thumb": False, "escalated": True, "severity": 3, "comment": found.complaint}
    return {"thumb": False, "comment": found.complaint} if rng.random() < _THUMB_DOWN else {}


def _holds(text: str, fact: str) -> bool:
    """Whether the fact stands in the text as a whole: 59 is not in 159 nor in 59.95."""
    pattern = rf"(?<![\w.]){re.escape(fact.casefold().lstrip('$'))}(?!\w|\.\d)"
    return re.search(pattern, text) is not None


def _cited(answer: str) -> set[str]:
    return {name.strip() for group in _CITATION.findall(answer) for name in group.split(",")}
