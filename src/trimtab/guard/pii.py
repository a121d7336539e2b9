"""Personal data: an answer repeats only what this conversation gave; what the model need not see is masked before."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from trimtab.guard.exchange import Change, Exchange, Inspection
from trimtab.guard.fields import Fields
from trimtab.guard.policy import Rule
from trimtab.records import Message, Verdict
from trimtab.text import Span, pii_spans

_KINDS = ("EMAIL", "IBAN", "CARD", "SSN", "IP", "PHONE")


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
        found = [span for span in pii_spans(exchange.answer) if span.kind in self.kinds]
        if not found:
            return None
        known = {_key(span) for text in exchange.given for span in pii_spans(text)}
        strange = [span for span in found if _key(span) not in known]
        if not strange:
            return None
        kinds = ", ".join(sorted({span.kind.lower() for span in strange}))
        answer = replaced(exchange.answer, strange, self.text)
        return Change(answer, "modify", f"{kinds} that nobody gave in this conversation", whole=False)

    def _masked(self, message: Message) -> Message:
        spans = [span for span in pii_spans(message.content) if span.kind in self.input]
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
    if not kinds <= set(_KINDS):
        raise fields.wrong(name, ", ".join(kind.lower() for kind in _KINDS))
    return kinds


def _key(span: Span) -> tuple[str, str]:
    return span.kind, re.sub(r"[\s().-]", "", span.text).casefold()
