"""What a text claims, and where it says more than its sources: spans of numbers, names and sentences."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from trimtab.text.cite import citations, sentences
from trimtab.text.facts import content_words, entities, number_spans, numbers
from trimtab.text.normal import normalise
from trimtab.text.style import manner, without_hedges

CharSpan = tuple[int, int]
"""(start, end) in characters."""
ENOUGH = 0.6
"""Share of a sentence's content words that must occur in what it leans on."""
LEAST_WORDS = 2
"""Content words from which a sentence claims anything."""
_CITATION = re.compile(r"\[[^\[\]\n]{1,200}\]")
_BETWEEN = r"\s+(?:(?:[-*+•]|\d{1,3}[.)]|#{1,6}|>)\s+)?"
_COURTESY = re.compile(
    r"(?:sure|of course|certainly|happy to|glad to|thanks?\b|thank you|you(?:'re| are) welcome|i hope|i can help|let me"
    r"|feel free|please|here(?:'s| is| are)|hello|hi\b|sorry|i(?:'m| am) sorry|i apologi[sz]e"
    r"|i(?:'ll| will) (?:look|check))"
)


def claims(sentence: str) -> bool:
    """Whether a sentence says anything that evidence could hold: no question, courtesy, refusal or hand-over."""
    plain = sentence.strip().replace("’", "'").casefold()
    if plain.endswith("?") or _COURTESY.match(plain) or len(content_words(sentence)) < LEAST_WORDS:
        return False
    how = manner(sentence)
    return not (how.deferral or how.refusal or how.question)


def sentence_spans(text: str) -> list[CharSpan]:
    """Where ``trimtab.text.sentences`` finds the text's sentences, list marks left out."""
    spans, cursor = [], 0
    for sentence in sentences(text):
        found = re.compile(_BETWEEN.join(map(re.escape, sentence.split()))).search(text, cursor)
        assert found is not None, "a sentence is a part of its text"
        spans.append(found.span())
        cursor = found.end()
    return spans


def unheld_spans(sentence: str, shown: str, given: str = "") -> Iterator[CharSpan]:
    """Numbers and names of a sentence that neither ``shown`` nor ``given`` holds, and all of a sentence of which
    fewer than 60 % of the content words are in ``shown``; unordered, may overlap.

    A sentence that claims nothing is looked through for numbers alone; one that is there word for word holds.
    """
    bare = _CITATION.sub(lambda mark: " " * len(mark.group()) if citations(mark.group()) else mark.group(), sentence)
    source, aside = _read(shown), _read(given)
    if f" {normalise(bare)} " in source.form:
        return
    known = source.numbers | aside.numbers
    yield from ((start, end) for start, end, value in number_spans(bare) if value not in known)
    if not claims(sentence):
        return
    if not _worded(bare, source, aside):
        yield 0, len(sentence)
    for name in entities(bare):
        if not (source.names(name) or aside.names(name)):
            yield from (found.span() for found in _written(name).finditer(bare))


def merged(spans: Sequence[CharSpan]) -> list[CharSpan]:
    """The spans in order, those that overlap made one."""
    made: list[CharSpan] = []
    for start, end in sorted(spans):
        if made and start < made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    return made


@dataclass(frozen=True, slots=True)
class _Source:
    """A source, read once: its normal form between spaces, its numbers, its content words."""

    form: str
    numbers: frozenset[str]
    words: frozenset[str]

    def names(self, name: str) -> bool:
        """Whether the name stands there word for word, a possessive's *s* aside."""
        form = normalise(name)
        return f" {form} " in self.form or f" {form}s " in self.form


@lru_cache(maxsize=8)
def _read(text: str) -> _Source:
    return _Source(f" {normalise(text)} ", frozenset(numbers(text)), frozenset(content_words(text)))


def _worded(bare: str, shown: _Source, given: _Source) -> bool:
    """Whether enough of the content words are in what is shown; a result that is given may repeat given words."""
    own = {word for word in content_words(without_hedges(bare)) if not word.isdigit()}
    known = shown.words
    if (numbers(bare) - shown.numbers) & given.numbers:
        known |= given.words
    return len(own & known) >= ENOUGH * len(own)


def _written(name: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, name.split())) + r"(?!\w)")
