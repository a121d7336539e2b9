"""Personal data: an answer repeats only what this conversation gave; what the model need not see is masked before."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from trimtab.guard.exchange import Change, Exchange, Inspection
from trimtab.guard.fields import Fields
from trimtab.guard.policy import Rule
from trimtab.records import Message, Verdict
from trimtab.text import ALL_KINDS, Span, pii_spans

_KINDS = ("EMAIL", "IBAN", "CARD", "SSN", "IP", "PHONE")
"""What leaves no answer where the rule names no kinds; every kind that ``text`` knows can be named."""
_ROUNDS = 8


@dataclass(frozen=True)
class Pii:
    """``kinds`` stay out of answers unless this conversation gave them; ``input`` kinds are hidden from the model."""

    rule: str
    kinds: frozenset[str]
    input: frozenset[str]
    text: str

    def before(self, messages: tuple[Message, ...]) -> Inspection | None:
        masked = tuple(self._masked(message) if message.role == "user" else message for message in messages)
        if masked == messages:
            return None
        return Inspection(masked, (Verdict("pii", "modify", self.rule, "personal data of the user was masked"),))

    def after(self, exchange: Exchange) -> Change | None:
        found = self._strange(exchange.answer, exchange)
        if not found:
            return None
        answer, kinds = exchange.answer, {span.kind.lower() for span in found}
        for _ in range(_ROUNDS):  # what stood beside a datum may hide another, seen once the first is gone
            if not found:
                reason = f"{', '.join(sorted(kinds))} that nobody gave in this conversation"
                return Change(answer, "modify", reason, whole=False)
            answer = replaced(answer, found, self.text)
            found = self._strange(answer, exchange)
        return Change("[answer removed]", "block", "personal data that would not go away")

    def _strange(self, answer: str, exchange: Exchange) -> list[Span]:
        found = pii_spans(answer, self.kinds)
        texts = (*exchange.given, self.text) if found else ()
        known = {_key(span) for text in texts for span in pii_spans(text, self.kinds)}
        return [span for span in found if _key(span) not in known]

    def _masked(self, message: Message) -> Message:
        spans = pii_spans(message.content, self.input)
        return replace(message, content=replaced(message.content, spans, self.text)) if spans else message


def pii_guard(rule: Rule) -> Pii:
    """``guard: pii`` with ``kinds``, ``input`` (lists of kinds, lower case) and ``text`` (``{kind}`` is filled in)."""
    fields = Fields(rule)
    kinds = _chosen(fields, "kinds", [kind.lower() for kind in _KINDS])
    guard = Pii(rule.id, kinds, _chosen(fields, "input", []), fields.text("text", "[{kind} removed]"))
    fields.done()
    return guard


def replaced(text: str, spans: Iterable[Span], instead: str) -> str:
    """The text with each span (in order, apart) replaced."""
    parts, end = [], 0
    for span in spans:
        parts += [text[end : span.start], instead.replace("{kind}", span.kind.lower())]
        end = span.end
    return "".join(parts) + text[end:]


def _chosen(fields: Fields, name: str, default: list[str]) -> frozenset[str]:
    kinds = frozenset(kind.upper() for kind in fields.texts(name, default))
    if not kinds <= ALL_KINDS:
        raise fields.wrong(name, ", ".join(sorted(kind.lower() for kind in ALL_KINDS)))
    return kinds


def _key(span: Span) -> tuple[str, str]:
    return span.kind, re.sub(r"[\s().+/-]", "", span.text).casefold()
