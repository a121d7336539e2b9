"""The retrieval index: BM25 over passages, the same order on every run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from trimtab.records import UserError, digest, read_jsonl, write_jsonl
from trimtab.text import content_words, words

_VERSION = 1
"""Part of the digest: raise it when the same passages would be found differently."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What a search returns and an answer cites by ``id``."""

    id: str
    title: str
    text: str
    url: str = ""
    updated_at: str = ""

    def to_json(self) -> dict[str, str]:
        row = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in row.items() if value or name in ("id", "title", "text")}


def passage_from_json(row: Any) -> Passage:
    """The inverse of ``Passage.to_json``. Raises UserError."""
    if not isinstance(row, Mapping) or not all(isinstance(row.get(name), str) for name in ("id", "title", "text")):
        raise UserError("not a passage", expected='{"id", "title", "text"}, all text')
    return Passage(**{name: str(row[name]) for name in Passage.__slots__ if name in row})


class Index:
    """BM25 (k1 1.5, b 0.75, Lucene's idf) over title and text, blind to case and light inflection."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        ids = [passage.id for passage in passages]
        if len(set(ids)) != len(ids):
            twice = next(name for name in ids if ids.count(name) > 1)
            raise UserError(f"two passages have the id {twice!r}", field="id")

    @classmethod
    def build(cls, passages: Sequence[Passage]) -> "Index":
        """Raises UserError on two passages with one id."""
        return cls(passages)

    def search(self, query: str, k: int = 2) -> list[Passage]:
        """At most ``k`` passages that share a word with the query, best first; equal scores in the order of ids."""
        known = [term for term in dict.fromkeys(_terms(query)) if term in self._vocabulary]
        if not known:
            return []
        scores = self._engine.get_scores(known)
        found = [i for i in range(len(self.passages)) if scores[i] > 0]
        found.sort(key=lambda i: (-round(float(scores[i]), 9), self.passages[i].id))  # no tie hangs on an ulp
        return [self.passages[i] for i in found[:k]]

    @cached_property
    def digest(self) -> str:
        return digest({"version": _VERSION, "passages": [passage.to_json() for passage in self.passages]})

    def save(self, path: Path) -> None:
        """The passages as JSON Lines; the index itself is rebuilt from them in milliseconds."""
        write_jsonl(path, [passage.to_json() for passage in self.passages])

    @classmethod
    def load(cls, path: Path) -> "Index":
        return cls(read_jsonl(path, passage_from_json))

    @cached_property
    def _terms_of_passages(self) -> list[list[str]]:
        return [_terms(f"{passage.title} {passage.text}") for passage in self.passages]

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        return frozenset(term for terms in self._terms_of_passages for term in terms)

    @cached_property
    def _engine(self) -> Any:
        import bm25s  # heavy: only where something is searched

        engine = bm25s.BM25(method="lucene", k1=1.5, b=0.75, dtype="float64")
        engine.index(self._terms_of_passages, create_empty_token=False, show_progress=False)
        return engine


def _terms(text: str) -> list[str]:
    """Content words in order, repeats kept."""
    return [term for word in words(text) for term in _term(word)]


@lru_cache(maxsize=65_536)
def _term(word: str) -> tuple[str, ...]:
    return tuple(sorted(content_words(word)))
