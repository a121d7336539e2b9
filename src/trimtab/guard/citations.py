"""Citations: an answer built on a search cites passages that the search returned."""

import re
from dataclasses import dataclass
from typing import cast

from trimtab.guard.exchange import Change, Exchange, passages
from trimtab.guard.fields import Fields
from trimtab.guard.policy import Rule
from trimtab.records import Ruling
from trimtab.text import citations, normalise, numbers, style

_BRACKETS = re.compile(r"[ \t]*\[([^\[\]\n]{1,200})\](?!\()")


@dataclass(frozen=True)
class Citations:
    """``on_fail``: ``modify`` takes false ids out while a real one is left; all else says ``text``."""

    rule: str
    text: str
    on_fail: Ruling
    exempt: frozenset[str] = frozenset()
    """Normal forms of the policy's own texts, which need no source."""

    def after(self, exchange: Exchange) -> Change | None:
        if not exchange.final or normalise(exchange.answer) in self.exempt:
            return None
        real = {str(passage["id"]) for passage in passages(exchange.everything)}
        cited = citations(exchange.answer)
        if false := [name for name in cited if name not in real]:
            return self._false(exchange.answer, real, false)
        due = any(True for _ in passages(exchange.results))
        if due and not cited and not _claims_nothing(exchange):
            return Change(self.text, self.on_fail, "an answer from a search cites no passage")
        return None

    def _false(self, answer: str, real: set[str], false: list[str]) -> Change:
        reason = f"cites {', '.join(false)}, which no search returned"
        if self.on_fail == "modify" and set(citations(answer)) & real:
            return Change(_without(answer, real), "modify", reason, whole=False)
        return Change(self.text, self.on_fail, reason)


def citations_guard(rule: Rule, exempt: frozenset[str]) -> Citations:
    """``guard: citations`` with ``text`` and ``on_fail`` (``modify`` where absent)."""
    fields = Fields(rule)
    on_fail = cast(Ruling, fields.choice("on_fail", ("block", "modify", "escalate"), "modify"))
    guard = Citations(rule.id, fields.text("text"), on_fail, exempt)
    fields.done()
    return guard


def _claims_nothing(exchange: Exchange) -> bool:
    """A refusal, a deferral or a question back, without a number that the user did not say."""
    kind = style(exchange.answer)
    says_no = kind.refusal or kind.deferral or kind.question
    return says_no and numbers(exchange.answer) <= numbers(exchange.asked)


def _without(answer: str, real: set[str]) -> str:
    """Brackets with only their real ids, or none."""

    def kept(match: re.Match[str]) -> str:
        ids = citations(match.group().strip())
        if not ids or set(ids) <= real:
            return match.group()
        left = [name for name in ids if name in real]
        return f" [{', '.join(left)}]" if left else ""

    return _BRACKETS.sub(kept, answer)
