"""Declining and deferring: what a rule's patterns say before a word is generated, or of the finished answer."""

import re
from dataclasses import dataclass

from trimtab.guard.exchange import Change, Exchange, Inspection, latest_question, passages, searched
from trimtab.guard.fields import Fields, matches
from trimtab.guard.policy import Rule
from trimtab.records import Message, Ruling, Verdict
from trimtab.text import normalise, style


@dataclass(frozen=True)
class Asked:
    """Patterns on what the user says: the rule's text, and nothing is generated."""

    rule: str
    guard: str
    ruling: Ruling
    patterns: tuple[re.Pattern[str], ...]
    text: str

    def before(self, messages: tuple[Message, ...]) -> Inspection | None:
        found = matches(self.patterns, latest_question(messages))
        if found is None:
            return None
        return Inspection(messages, (Verdict(self.guard, self.ruling, self.rule, f"matches {found}"),), self.text)


@dataclass(frozen=True)
class Said:
    """Patterns on the answer: the rule's text instead."""

    rule: str
    guard: str
    ruling: Ruling
    patterns: tuple[re.Pattern[str], ...]
    text: str

    def after(self, exchange: Exchange) -> Change | None:
        found = matches(self.patterns, exchange.answer)
        return None if found is None else Change(self.text, self.ruling, f"the answer matches {found}")


@dataclass(frozen=True)
class Evidence:
    """When every search came back empty and no other tool answered, an answer is replaced by the rule's text."""

    rule: str
    text: str
    exempt: frozenset[str] = frozenset()

    def after(self, exchange: Exchange) -> Change | None:
        if not exchange.final or normalise(exchange.answer) in self.exempt:
            return None
        found = [searched(result) for result in exchange.results]
        nothing = bool(found) and all(rows == [] for rows in found)
        if not nothing:
            return None
        kind = style(exchange.answer)
        if kind.deferral or kind.refusal or kind.question or _cites(exchange):
            return None
        return Change(self.text, "modify", "no search found anything")


def decline_guards(rule: Rule) -> tuple[Asked | Said, ...]:
    """``guard: decline`` with ``text``, ``patterns``, ``when`` (``before`` | ``after``; absent: the model decides)."""
    return _by_patterns(Fields(rule), "block")


def defer_guards(rule: Rule, exempt: frozenset[str]) -> tuple[Asked | Said | Evidence, ...]:
    """``guard: defer`` with ``text``: said for an answer without evidence, and by ``patterns`` as above."""
    fields = Fields(rule)
    by_patterns = _by_patterns(fields, "escalate")
    return (*by_patterns, Evidence(rule.id, fields.text("text"), exempt))


def _by_patterns(fields: Fields, ruling: Ruling) -> tuple[Asked | Said, ...]:
    rule, guard = fields.rule, str(fields.rule.enforce["guard"])
    when = fields.choice("when", ("before", "after", ""), "")
    patterns, text = fields.patterns(), fields.text("text")
    fields.done()
    if not when:
        return ()
    if not patterns:
        raise fields.wrong("patterns", "a list of regular expressions")
    kind = Asked if when == "before" else Said
    return (kind(rule.id, guard, ruling, patterns, text),)


def _cites(exchange: Exchange) -> bool:
    """Whether earlier passages are there to answer from; the citation guard looks after those."""
    return any(True for _ in passages(exchange.messages)) and style(exchange.answer).citations > 0
