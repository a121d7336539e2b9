"""Citation precision and recall as ALCE defines them, by our own support test or by an entailment judge."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from trimtab.evaluate.grounding.entails import ENTAILED, Entails, Pair, judged
from trimtab.evaluate.grounding.support import NOTHING_WORKED, Worked, supported
from trimtab.text import citations, content_words, sentences, strip_citations
from trimtab.text.claims import LEAST_WORDS

_MOST = 3
"""Citations of a sentence that count (ALCE)."""
Passages = Mapping[str, str]
"""Passage id -> its title and text."""
Holds = Callable[[str, Sequence[str]], bool]
"""(sentence, ids) -> whether those passages together support it."""


@dataclass(frozen=True, slots=True)
class Citing:
    """ALCE's two scores of one answer (Gao et al. 2023); ``cited``: how many citations counted."""

    precision: float
    recall: float
    cited: int


def citing(answer: str, passages: Passages, worked: Worked = NOTHING_WORKED) -> Citing:
    """Precision and recall of an answer's citations; an answer without any has 0 in both.

    Recall: share of the claims that their joined cited passages support (a citation of no real passage voids its
    claim). Precision: share of the citations whose sentence is supported, and that support it alone or without which
    the rest does not (ALCE, ``eval.py``). On purpose otherwise than there: questions and sentences of fewer than two
    content words claim nothing; a passage cited twice in a sentence counts once; a citation beside an invented one
    counts as imprecise, where ALCE's script leaves both out of the precision.
    """
    return _scored(answer, passages, lambda text, ids: supported(text, _joined(ids, passages), worked))


def citing_by(entails: Entails, answer: str, passages: Passages) -> Citing | None:
    """The same, support decided by a judge (probability of entailment at least 0.5); None where it could not say."""
    found = judged(entails, list(dict.fromkeys(_pairs(answer, passages))))
    if any(score is None for score in found.values()):
        return None

    def holds(sentence: str, ids: Sequence[str]) -> bool:
        score = found[_pair(sentence, ids, passages)]
        return score is not None and score >= ENTAILED

    return _scored(answer, passages, holds)


def _scored(answer: str, passages: Passages, holds: Holds) -> Citing:
    held, precise, cited, claims = 0, 0, 0, 0
    for sentence, ids, real in _cited_sentences(answer, passages):
        claiming = _claims(sentence)
        good = bool(ids) and real and holds(sentence, ids)
        claims += claiming
        held += claiming and good
        cited += len(ids)
        precise += sum(_needed(name, ids, sentence, holds) for name in ids) if good else 0
    return Citing(precise / cited if cited else 0.0, held / claims if claims and cited else 0.0, cited)


def _cited_sentences(answer: str, passages: Passages) -> Iterator[tuple[str, list[str], bool]]:
    """Each sentence that claims or cites, the first three ids it cites, and whether all that it cites is real."""
    for sentence in sentences(answer):
        ids = list(dict.fromkeys(citations(sentence)))
        if ids or _claims(sentence):
            yield sentence, ids[:_MOST], all(name in passages for name in ids)


def _claims(sentence: str) -> bool:
    return not sentence.rstrip().endswith("?") and len(content_words(sentence)) >= LEAST_WORDS


def _needed(name: str, ids: Sequence[str], sentence: str, holds: Holds) -> bool:
    """Whether the passage supports the sentence alone, or the others without it do not."""
    rest = [other for other in ids if other != name]
    return not rest or holds(sentence, [name]) or not holds(sentence, rest)


def _pairs(answer: str, passages: Passages) -> Iterator[Pair]:
    """Every question that scoring may ask of a judge: the joined passages, each alone, and the others without it."""
    for sentence, ids, real in _cited_sentences(answer, passages):
        if ids and real:
            yield _pair(sentence, ids, passages)
            for name in ids if len(ids) > 1 else ():
                yield _pair(sentence, [name], passages)
                yield _pair(sentence, [other for other in ids if other != name], passages)


def _pair(sentence: str, ids: Sequence[str], passages: Passages) -> Pair:
    return Pair("\n".join(passages[name] for name in ids), strip_citations(sentence))


def _joined(ids: Sequence[str], passages: Passages) -> str:
    return "\n".join(f"{name}\n{passages[name]}" for name in ids)
