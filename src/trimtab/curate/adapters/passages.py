"""Passages as a search shows them: short ids, a shuffled order, and text cut at whole sentences around what matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.curate.hashing import shuffled, uniform
from trimtab.records import UserError
from trimtab.text import ngrams, sentences, strip_citations, words


@dataclass(frozen=True, slots=True)
class Passage:
    """``id`` is short (p1, p2, ...) because the answer must write it; ``origin`` is the set's own."""

    id: str
    origin: str
    title: str
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "title": self.title, "text": " ".join(self.sentences)}


@dataclass(frozen=True, slots=True)
class Support:
    """The sentence that carries an answer, where it stands, and the answer it carries."""

    passage: str
    sentence: str
    answer: str


def read_passages(rows: Any, key: str) -> tuple[Passage, ...]:
    """Passages in an order drawn by ``key``, so that no place gives the gold one away. Raises UserError."""
    if not isinstance(rows, list):
        raise UserError("passages must be a list", field="passages")
    found = []
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise UserError("a passage needs text", field=f"passages[{i}]", expected='{"id", "title", "text"}')
        # Brackets of the source ("[3]") would read as citations of ours.
        pieces = tuple(sentences(strip_citations(row["text"])))
        found.append((str(row.get("id") or i), str(row.get("title") or ""), pieces))
    drawn = shuffled(found, "passages", key)
    return tuple(Passage(f"p{n}", *fields) for n, fields in enumerate(drawn, start=1))


def find_support(passages: Sequence[Passage], answers: Sequence[str], gold: Sequence[str]) -> Support | None:
    """The shortest sentence that contains an answer, in a gold passage where those are known; None if there is none."""
    trusted = [passage for passage in passages if passage.origin in gold] if gold else list(passages)
    found = [
        Support(passage.id, sentence, answer)
        for passage in trusted
        for sentence in passage.sentences
        for answer in answers
        if contains(sentence, answer)
    ]
    return min(found, key=lambda one: (len(one.sentence), len(one.answer), one.passage), default=None)


def contains(sentence: str, answer: str) -> bool:
    """Whether the answer's words stand in the sentence, as whole words in their order."""
    sought = words(answer)
    return bool(sought) and " ".join(sought) in ngrams(words(sentence), len(sought))


def cut(passage: Passage, limit: int, around: str | None, key: str) -> Passage:
    """At most ``limit`` words in whole sentences that include ``around``; without it, from a place drawn by ``key``.

    A single sentence longer than the limit stays whole: half of one could lose what makes it true.
    """
    pieces = passage.sentences
    if not pieces:
        return passage
    drawn = int(uniform("cut", key, passage.origin) * len(pieces))
    centre = drawn if around is None else pieces.index(around)
    low, high, count = centre, centre + 1, _length(pieces[centre])
    while True:
        before = low > 0 and count + _length(pieces[low - 1]) <= limit
        after = high < len(pieces) and count + _length(pieces[high]) <= limit
        if not before and not after:
            return Passage(passage.id, passage.origin, passage.title, pieces[low:high])
        # The side to grow on is drawn, so that the sentence's place gives nothing away.
        if before and (not after or uniform("side", key, passage.origin, low, high) < 0.5):
            low, count = low - 1, count + _length(pieces[low - 1])
        else:
            high, count = high + 1, count + _length(pieces[high])


def _length(sentence: str) -> int:
    return len(sentence.split())
