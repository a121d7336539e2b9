"""Whether what an answer says is in the passages that it cites, decided without a judge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trimtab.text import citations, content_words, entities, normalise, numbers, quotes, sentences, strip_citations

_MOST = 3
"""Citations of a sentence that count (ALCE)."""
_ENOUGH = 0.6
"""Share of a sentence's content words that must occur in what it cites."""
_SUMMING = frozenset(content_words("come cost total price amount sum make pay altogether"))
"""Words of any total."""
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


@dataclass(frozen=True, slots=True)
class Worked:
    """What a total may rest on beside passages: the numbers that tools gave, and the words it was asked in."""

    results: str = ""
    question: str = ""


NOTHING_WORKED = Worked()


def supported(sentence: str, cited: str, worked: Worked = NOTHING_WORKED) -> bool:
    """Whether every number and name of the sentence, and at least 60 % of its content words, occur in ``cited``.

    A number that stands in no passage may be a tool's result (a total). Such a sentence may also repeat words of the
    question, but says something of what it cites: a content word beyond "comes to" and the like is in the passage.
    """
    claim = strip_citations(sentence)
    haystack = f" {normalise(cited)} "
    totals = numbers(claim) - numbers(cited)
    if not totals <= numbers(worked.results):
        return False
    if any(f" {normalise(entity)} " not in haystack for entity in entities(claim)):
        return False
    own = {word for word in content_words(claim) if not word.isdigit()}
    known = content_words(cited)
    if totals and not (own - _SUMMING) & known:
        return False
    return len(own & (known | content_words(worked.question) if totals else known)) >= _ENOUGH * len(own)


def citing(answer: str, passages: Mapping[str, str], worked: Worked = NOTHING_WORKED) -> Citing:
    """Precision and recall of an answer's citations; an answer without any has 0 in both.

    Recall: share of the claims that their joined cited passages support (a citation of no real passage voids its
    claim). Precision: share of the citations whose sentence is supported, and that support it alone or without which
    the rest does not. Questions and sentences of fewer than two content words claim nothing.
    """
    held, precise, cited, claims = 0, 0, 0, 0

    def holds(sentence: str, ids: Sequence[str]) -> bool:
        return supported(sentence, "\n".join(f"{name}\n{passages[name]}" for name in ids), worked)

    for sentence in sentences(answer):
        ids = list(dict.fromkeys(citations(sentence)))[:_MOST]
        claiming = _claims(sentence)
        if not claiming and not ids:
            continue
        good = bool(ids) and all(name in passages for name in ids) and holds(sentence, ids)
        claims += claiming
        held += claiming and good
        cited += len(ids)
        precise += sum(_needed(name, ids, sentence, holds) for name in ids) if good else 0
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


def _needed(name: str, ids: Sequence[str], sentence: str, holds: Callable[[str, Sequence[str]], bool]) -> bool:
    """Whether the passage supports the sentence alone, or the others without it do not."""
    rest = [other for other in ids if other != name]
    return holds(sentence, [name]) or not (rest and holds(sentence, rest))
