"""Recall and precision of found spans against labelled ones: whole spans, and characters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.pii.data import TYPES, Labelled
from trimtab.stats import Interval, wilson

Found = Sequence[Sequence[Any]]
"""(start, end, type, score) of one text."""
_PATTERNED = frozenset(TYPES.values())


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``n``, with Wilson's 95 % interval."""

    hits: int
    n: int

    @property
    def interval(self) -> Interval | None:
        return wilson(self.hits, self.n) if self.n else None

    def to_json(self) -> dict[str, Any]:
        interval = self.interval
        if interval is None:
            return {"value": None, "n": 0}
        return {"value": self.hits / self.n, "low": interval.low, "high": interval.high, "n": self.n}


@dataclass(frozen=True, slots=True)
class Scores:
    """``recall`` and ``precision`` by type are of whole spans of the right type; ``characters`` asks for no type."""

    recall: dict[str, Share]
    precision: dict[str, Share]
    overall_recall: Share
    overall_precision: Share
    character_recall: Share
    character_precision: Share

    def to_json(self) -> dict[str, Any]:
        return {
            "recall": {kind: share.to_json() for kind, share in self.recall.items()},
            "precision": {kind: share.to_json() for kind, share in self.precision.items()},
            "overall_recall": self.overall_recall.to_json(),
            "overall_precision": self.overall_precision.to_json(),
            "character_recall": self.character_recall.to_json(),
            "character_precision": self.character_precision.to_json(),
        }


def scores(rows: Sequence[Labelled], found: Sequence[Found], threshold: float = 0.0) -> Scores:
    """Of the spans that reach ``threshold``; where two overlap the surer stays, then the longer.

    A character is right where it is personal data of any type, names and addresses included; recall of characters is
    over the types that have patterns.
    """
    recall, precision = _zero(), _zero()
    wanted = said = reached = right = 0
    for row, spans in zip(rows, found, strict=True):
        kept = resolved([span for span in spans if span[3] >= threshold])
        gold = {span for span in row.spans if span[2] in _PATTERNED}
        for span in gold:
            _count(recall, span[2], span in kept)
        for span in kept:
            _count(precision, span[2], span in gold)
        patterned, personal, hidden = _characters(gold), _characters(row.spans), _characters(kept)
        wanted, reached = wanted + len(patterned), reached + len(patterned & hidden)
        said, right = said + len(hidden), right + len(personal & hidden)
    return Scores(
        recall=_shares(recall),
        precision=_shares(precision),
        overall_recall=_sum(recall),
        overall_precision=_sum(precision),
        character_recall=Share(reached, wanted),
        character_precision=Share(right, said),
    )


def resolved(spans: Found) -> set[tuple[int, int, str]]:
    """No two that overlap: the higher score first, then the longer."""
    kept: list[tuple[int, int, str]] = []
    for start, end, kind, _ in sorted(spans, key=lambda span: (-span[3], span[0] - span[1], span[0])):
        if all(end <= other[0] or other[1] <= start for other in kept):
            kept.append((start, end, TYPES.get(str(kind), str(kind))))
    return set(kept)


def f1(found: Scores) -> float:
    precision, recall = found.overall_precision, found.overall_recall
    return 2 * recall.hits / (precision.n + recall.n)


def _zero() -> dict[str, list[int]]:
    return {kind: [0, 0] for kind in sorted(_PATTERNED)}


def _count(counts: dict[str, list[int]], kind: str, hit: bool) -> None:
    hits_n = counts.setdefault(kind, [0, 0])
    hits_n[0] += hit
    hits_n[1] += 1


def _shares(counts: dict[str, list[int]]) -> dict[str, Share]:
    return {kind: Share(*hits_n) for kind, hits_n in counts.items() if hits_n[1]}


def _sum(counts: dict[str, list[int]]) -> Share:
    return Share(sum(hits for hits, _ in counts.values()), sum(n for _, n in counts.values()))


def _characters(spans: Any) -> set[int]:
    return {at for start, end, _ in spans for at in range(start, end)}
