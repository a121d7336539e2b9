"""Texts held against prints, many at a time: equal, sharing a run, alike as wholes, or the same reworded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trimtab.curate.config import QuarantineConfig
from trimtab.curate.near import NearIndex
from trimtab.curate.quarantine.embed import Embedder, resembling
from trimtab.curate.quarantine.keyed import Hashes, Keyed, Laid, Places
from trimtab.curate.quarantine.overlap import OverlapIndex
from trimtab.curate.quarantine.prints import Column, Prints
from trimtab.curate.quarantine.table import Table
from trimtab.curate.quarantine.texts import Texts

How = Literal["exact", "ngram", "near", "reworded", "embedding"]
ORDER: tuple[How, ...] = ("exact", "ngram", "near", "reworded", "embedding")


@dataclass(frozen=True, slots=True)
class Match:
    """``owner`` is the case's place among the prints' cases; ``text`` the text that matched."""

    owner: int
    how: How
    text: str
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class _Text:
    """One text of one row."""

    row: int
    text: str
    whole: bool
    hashes: Hashes


class Matcher:
    """Prints made ready to be searched, by the thresholds of ``config``."""

    def __init__(
        self, prints: Prints, keyed: Keyed, config: QuarantineConfig, embedder: Embedder | None = None
    ) -> None:
        self._prints, self._embedder = prints, embedder
        self._keyed, self._ngram, self._shortest = keyed, config.ngram, config.shortest
        self._exact = dict(zip(prints.exact.values.tolist()[::-1], prints.exact.owner.tolist()[::-1], strict=True))
        self._runs, self._parts = _Owned(prints.runs), _Owned(prints.parts)
        self._near, self._near_owner = NearIndex(config.threshold), prints.near_owner
        for sign in prints.near:
            self._near.add(sign)
        self._overlap = OverlapIndex(prints.pairs, keyed, config.reworded)

    def match(self, rows: Sequence[Texts]) -> list[Match | None]:
        """For each row the case that it repeats, by the plainest evidence first; None for a clean one."""
        texts = [
            _Text(i, text, whole, self._keyed.words(text))
            for i, row in enumerate(rows)
            for group, whole in ((row.wholes, True), (row.turns, False))
            for text in group
        ]
        laid = Laid.of([text.hashes for text in texts])
        best: dict[int, Match] = {}
        for found in (self._equal(texts), self._running(texts, laid), self._alike(texts), self._reworded(texts, laid)):
            for row, match in found:
                best.setdefault(row, match)
        for row, match in self._resembling([text for text in texts if text.row not in best]):
            best.setdefault(row, match)
        return [best.get(i) for i in range(len(rows))]

    def _equal(self, texts: Sequence[_Text]) -> Iterator[tuple[int, Match]]:
        for text in texts:
            if len(text.hashes) and (owner := self._exact.get(self._keyed.exact(text.hashes))) is not None:
                yield text.row, Match(owner, "exact", text.text)

    def _running(self, texts: Sequence[_Text], laid: Laid) -> Iterator[tuple[int, Match]]:
        """A run of ``ngram`` words, a whole short case within a text, or a whole short text within a case."""
        starts, sizes = _bounds(texts)
        for n, runs in self._keyed.runs(laid.hashes, self._ngram):
            places = np.flatnonzero(np.arange(len(runs)) + n <= laid.end[: len(runs)])
            found = [self._runs.find(runs, places)]
            if self._shortest <= n < self._ngram:
                found.append(self._parts.find(runs, starts[sizes == n]))
            for place, owner in (pair for pairs in found for pair in pairs):
                text = texts[laid.text[place]]
                yield text.row, Match(owner, "ngram", text.text)

    def _alike(self, texts: Sequence[_Text]) -> Iterator[tuple[int, Match]]:
        for text in texts:
            if text.whole and (alike := self._near.alike(self._keyed.signature(text.hashes))):
                place, score = alike[0]
                yield text.row, Match(int(self._near_owner[place]), "near", text.text, score)

    def _reworded(self, texts: Sequence[_Text], laid: Laid) -> Iterator[tuple[int, Match]]:
        for at, owner, score in self._overlap.find(laid):
            yield texts[at].row, Match(owner, "reworded", texts[at].text, score)

    def _resembling(self, texts: Sequence[_Text]) -> Iterator[tuple[int, Match]]:
        """Asked last and only of rows that nothing else found: it is the dear one."""
        wholes = [text for text in texts if text.whole]
        if self._embedder is None:
            return
        for at, owner, cosine in resembling(self._prints, [text.text for text in wholes], self._embedder):
            yield wholes[at].row, Match(owner, "embedding", wholes[at].text, cosine)


class _Owned:
    """A column ready for look-ups."""

    def __init__(self, column: Column) -> None:
        self._table, self._owner = Table(column.values), column.owner

    def find(self, values: Hashes, places: Places) -> list[tuple[int, int]]:
        """``(place, owner)`` for each of ``places`` at which a known hash stands: the first case that holds it."""
        at, entry = self._table.find(values[places])
        return [(int(places[i]), int(self._owner[j])) for i, j in zip(at, entry, strict=True)]


def _bounds(texts: Sequence[_Text]) -> tuple[Places, npt.NDArray[np.int64]]:
    sizes = np.array([len(text.hashes) for text in texts], dtype=np.int64)
    return np.cumsum(sizes) - sizes, sizes
