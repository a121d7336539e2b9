"""An entailment judge: whether a premise supports a claim, by whatever decides it, asked in batches and kept."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from trimtab.evaluate.grounding.support import supported
from trimtab.records import digest
from trimtab.store import Store

ENTAILED = 0.5
"""Probability from which a claim counts as supported."""
_KIND = "entailment"


class Pair(NamedTuple):
    """What is known, and what is said."""

    premise: str
    claim: str


class Entails(Protocol):
    """Probability (0 to 1) that each premise entails its claim; None where the judge could not say."""

    @property
    def name(self) -> str:
        """What the answers are kept under: another name for whatever answers otherwise."""

    def __call__(self, pairs: Sequence[Pair]) -> Sequence[float | None]:
        """One answer a pair, in order."""


class Lexical:
    """Our own test as a judge: 1 where numbers, names and content words of the claim are in the premise, else 0."""

    name = "lexical"

    def __call__(self, pairs: Sequence[Pair]) -> list[float | None]:
        return [float(supported(pair.claim, pair.premise)) for pair in pairs]


class Kept:
    """A judge whose answers are kept in the store, so that a pair is asked once; what it could not say is not kept."""

    def __init__(self, judge: Entails, store: Store) -> None:
        self.judge, self.store, self.name = judge, store, judge.name

    def __call__(self, pairs: Sequence[Pair]) -> list[float | None]:
        keys = [digest([self.name, pair.premise, pair.claim]) for pair in pairs]
        known: dict[str, float | None] = {
            key: row["entailed"] for key in dict.fromkeys(keys) if (row := self.store.get(_KIND, key)) is not None
        }
        asked = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in known}
        for key, score in zip(asked, self.judge(list(asked.values())) if asked else (), strict=True):
            known[key] = score
            if score is not None:
                self.store.put(_KIND, key, {"entailed": score})
        return [known[key] for key in keys]


def judged(judge: Entails, pairs: Sequence[Pair]) -> Mapping[Pair, float | None]:
    """Pair -> what the judge says of it; a judge that answers out of range or out of count could not say."""
    scores = judge(pairs) if pairs else []
    if len(scores) != len(pairs):
        return dict.fromkeys(pairs, None)
    said = zip(pairs, scores, strict=True)
    return {pair: score if score is not None and 0 <= score <= 1 else None for pair, score in said}
