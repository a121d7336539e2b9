"""What an answer says beyond all that it was shown: spans, and the share of its claims that have one."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.evaluate.grounding.entails import ENTAILED, Entails, Pair, judged
from trimtab.evaluate.transcript import passages, workings
from trimtab.records import Case, Message
from trimtab.text import strip_citations
from trimtab.text.claims import CharSpan, claims, merged, sentence_spans, unheld_spans
from trimtab.tools import Outcome


@dataclass(frozen=True, slots=True)
class Sources:
    """All that an answer was shown (passages and tool results) and told (system prompt and the user's words)."""

    shown: str
    told: str


@dataclass(frozen=True, slots=True)
class Ungrounded:
    """``spans`` of the answer that nothing holds, ascending and disjoint; ``bad`` of its ``claims`` have one."""

    spans: tuple[CharSpan, ...]
    claims: int
    bad: int

    @property
    def share(self) -> float | None:
        """``bad / claims``; None for an answer that claims nothing."""
        return self.bad / self.claims if self.claims else None


def sources_of(case: Case, outcome: Outcome) -> Sources:
    """What the conversation held before the answer."""
    messages: tuple[Message, ...] = (*case.messages, *outcome.turns)
    known = [f"{name}\n{text}" for name, text in passages(messages).items()]
    told = [message.content for message in case.messages if message.role in ("user", "system")]
    return Sources("\n".join([*known, workings(messages)]).strip(), "\n".join(told))


def ungrounded(answer: str, sources: Sources) -> Ungrounded:
    """Numbers and names that are in nothing shown or told, and sentences of which fewer than 60 % of the content words
    were shown. Questions, courtesies and hand-overs claim nothing; numbers are looked for in them all the same."""
    spans: list[CharSpan] = []
    said, bad = 0, 0
    for start, end in sentence_spans(answer):
        sentence = answer[start:end]
        found = list(unheld_spans(sentence, sources.shown, sources.told))
        spans += [(start + low, start + high) for low, high in found]
        said += (claiming := claims(sentence))
        bad += claiming and bool(found)
    return Ungrounded(tuple(merged(spans)), said, bad)


def ungrounded_by(entails: Entails, answer: str, sources: Sources) -> float | None:
    """The share by a judge: claims that what was shown and told does not entail; None where it could not say of one,
    or nothing is claimed."""
    said = _claims(answer)
    premise = f"{sources.shown}\n{sources.told}"
    found = judged(entails, [Pair(premise, strip_citations(sentence)) for sentence in dict.fromkeys(said)])
    scores = [found[Pair(premise, strip_citations(sentence))] for sentence in said]
    if not scores or any(score is None for score in scores):
        return None
    return sum(score is not None and score < ENTAILED for score in scores) / len(scores)


def _claims(answer: str) -> Sequence[str]:
    return [answer[start:end] for start, end in sentence_spans(answer) if claims(answer[start:end])]
