"""Whether what an answer says is in the passages that it cites, decided without a judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.text import citations, content_words, entities, normalise, numbers, quotes, sentences, strip_citations

_MOST = 3
"""Citations of a sentence that count (ALCE)."""
_ENOUGH = 0.6
"""Share of a sentence's content words that must occur in what it cites."""
_LEAST_WORDS = 2
"""Content words from which a sentence claims anything."""
_LEAST_QUOTED = 3
"""Words from which a text between quotation marks counts as a quotation."""


@dataclass(frozen=True, slots=True)
class Citing:
    """ALCE's two scores of one answer (Gao et al. 2023); ``cited``: how many citations counted."""

    precision: float
    recall: float
    cited: int


def supported(sentence: str, cited: str) -> bool:
    """Whether every number and name of the sentence, and at least 60 % of its content words, occur in ``cited``."""
    claim = strip_citations(sentence)
    haystack = f" {normalise(cited)} "
    if not numbers(claim) <= numbers(cited):
        return False
    if any(f" {normalise(entity)} " not in haystack for entity in entities(claim)):
        return False
    own = content_words(claim)
    return len(own & content_words(cited)) >= _ENOUGH * len(own)


def citing(answer: str, passages: Mapping[str, str]) -> Citing:
    """Precision and recall of an answer's citations; an answer without any has 0 in both.

    Recall: share of the claims that their joined cited passages support (a citation of no real passage voids its
    claim). Precision: share of the citations whose sentence is supported, and that support it alone or without which
    the rest does not. Questions and sentences of fewer than two content words claim nothing.
    """
    held, precise, cited, claims = 0, 0, 0, 0
    for sentence in sentences(answer):
        ids = list(dict.fromkeys(citations(sentence)))[:_MOST]
        claiming = _claims(sentence)
        if not claiming and not ids:
            continue
        good = bool(ids) and all(name in passages for name in ids) and supported(sentence, _join(ids, passages))
        claims += claiming
        held += claiming and good
        cited += len(ids)
        precise += sum(_needed(name, ids, sentence, passages) for name in ids) if good else 0
    return Citing(precise / cited if cited else 0.0, held / claims if claims and cited else 0.0, cited)


def references(answer: str) -> tuple[list[str], list[str]]:
    """The ids an answer cites, and its verbatim quotations (of at least three words)."""
    return citations(answer), [quote for quote in quotes(answer) if len(quote.split()) >= _LEAST_QUOTED]


def fidelity(answer: str, passages: Mapping[str, str], sources: Sequence[str]) -> float | None:
    """Share of the cited ids and quotations that are real; None where there are none.

    A quotation is real where some source (a passage, a tool's result, what the user wrote) has it word for word.
    """
    ids, quoted = references(answer)
    if not ids and not quoted:
        return None
    texts = [f" {normalise(source)} " for source in (*passages.values(), *sources)]
    real = [name in passages for name in ids]
    real += [any(f" {normalise(strip_citations(quote))} " in text for text in texts) for quote in quoted]
    return sum(real) / len(real)


def _claims(sentence: str) -> bool:
    return not sentence.rstrip().endswith("?") and len(content_words(sentence)) >= _LEAST_WORDS


def _join(ids: Sequence[str], passages: Mapping[str, str]) -> str:
    return "\n".join(f"{name}\n{passages[name]}" for name in ids)


def _needed(name: str, ids: Sequence[str], sentence: str, passages: Mapping[str, str]) -> bool:
    rest = [other for other in ids if other != name]
    return supported(sentence, _join([name], passages)) or not (rest and supported(sentence, _join(rest, passages)))
