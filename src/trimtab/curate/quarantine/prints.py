"""Prints of sealed cases: keyed hashes by which a copy is known, and no text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab.curate.quarantine.keyed import PERMUTATIONS, Hashes, Keyed, Signature
from trimtab.curate.quarantine.texts import Texts
from trimtab.curate.quarantine.weight import plain_weight, weigh
from trimtab.curate.vectors import Vectors
from trimtab.text import words

Owners = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float32]

SHORTEST_RUN = 4
"""Words of the shortest text that is looked for inside a longer one; below ``shortest`` only where it tells enough."""
TELLING_RUN = 1.4
"""Weight from which a text below ``shortest`` words tells enough: two everyday words and a rarer one, say."""
PAIR_GAP = 3
"""A word is paired with the three after it: what is left of a reworded text is pairs, not runs."""


@dataclass(frozen=True, slots=True)
class Named:
    """Enough to name a case: its id, where it stood, what it is about."""

    case: str
    file: str = ""
    line: int = 0
    labels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """Hashes and, at each place, the number of the case (or text) that they belong to."""

    values: Hashes
    owner: Owners


@dataclass(frozen=True, slots=True)
class Pairs:
    """Texts by their word pairs. ``owner``, ``length`` (words) and ``telling`` are by text; the rest by pair.

    ``telling``: what the text's words tell wherever they are said, how often other cases say them left out.
    ``first`` and ``second``: which words of its text a pair joins; ``weight``: how much each of the two tells.
    """

    owner: Owners
    length: Owners
    telling: Weights
    values: Hashes
    text: Owners
    first: Owners
    second: Owners
    first_weight: Weights
    second_weight: Weights


@dataclass(frozen=True, slots=True)
class Prints:
    """``exact``: whole texts. ``runs``: runs of ``ngram`` words, and shorter texts whole. ``parts``: shorter runs.

    ``near``: MinHash signatures uint32 [texts, 128]. ``vectors``: embeddings [texts, dimensions] with rows of length
    one, made by the model ``embedder``; none where that is empty. Hashes lie sorted within a text: order is no part.
    """

    cases: tuple[Named, ...]
    exact: Column
    runs: Column
    parts: Column
    near: npt.NDArray[np.uint32]
    near_owner: Owners
    pairs: Pairs
    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))
    vector_owner: Owners = field(default_factory=lambda: np.empty(0, np.int32))
    embedder: str = ""


def make_prints(cases: Sequence[Named], texts: Sequence[Texts], keyed: Keyed, ngram: int, shortest: int) -> Prints:
    """Prints of ``texts[i]``, the compared texts of ``cases[i]``."""
    flat = [(owner, text) for owner, found in enumerate(texts) for text in (*found.wholes, *found.turns)]
    worded = [words(text) for _, text in flat]
    hashed = [keyed.words(text) for _, text in flat]
    weights, telling = weigh(worded), [sum(map(plain_weight, text)) for text in worded]
    owners = [owner for owner, _ in flat]
    whole = [(owner, keyed.words(text)) for owner, found in enumerate(texts) for text in found.wholes]
    runs = [_runs(hashes, tells, keyed, ngram, shortest) for hashes, tells in zip(hashed, telling, strict=True)]
    return Prints(
        tuple(cases),
        exact=_column([np.array([keyed.exact(hashes)], np.uint64) for hashes in hashed], owners),
        runs=_column(runs, owners),
        parts=_column([_parts(hashes, keyed, ngram, shortest) for hashes in hashed], owners),
        near=_stacked([keyed.signature(hashes) for _, hashes in whole]),
        near_owner=np.array([owner for owner, _ in whole], np.int32),
        pairs=_pairs(hashed, weights, telling, owners, keyed),
    )


def join_prints(parts: Sequence[Prints]) -> Prints:
    """Several as one. Prints with embeddings must be of one model."""
    named = {part.embedder for part in parts if part.embedder}
    assert len(named) <= 1
    shifts = _starts([len(part.cases) for part in parts])
    texts = _starts([len(part.pairs.owner) for part in parts])

    def owners(name: str) -> Owners:
        return _joined([getattr(part, name) + shift for part, shift in zip(parts, shifts, strict=True)], np.int32)

    def column(name: str) -> Column:
        found = [getattr(part, name) for part in parts]
        return Column(
            _joined([one.values for one in found], np.uint64),
            _joined([one.owner + shift for one, shift in zip(found, shifts, strict=True)], np.int32),
        )

    pairs = [part.pairs for part in parts]
    return Prints(
        cases=tuple(case for part in parts for case in part.cases),
        exact=column("exact"),
        runs=column("runs"),
        parts=column("parts"),
        near=np.concatenate([_stacked([]), *(part.near for part in parts)]),
        near_owner=owners("near_owner"),
        pairs=Pairs(
            owner=_joined([one.owner + shift for one, shift in zip(pairs, shifts, strict=True)], np.int32),
            length=_joined([one.length for one in pairs], np.int32),
            telling=_joined([one.telling for one in pairs], np.float32),
            values=_joined([one.values for one in pairs], np.uint64),
            text=_joined([one.text + shift for one, shift in zip(pairs, texts, strict=True)], np.int32),
            first=_joined([one.first for one in pairs], np.int32),
            second=_joined([one.second for one in pairs], np.int32),
            first_weight=_joined([one.first_weight for one in pairs], np.float32),
            second_weight=_joined([one.second_weight for one in pairs], np.float32),
        ),
        vectors=_vectors([part.vectors for part in parts if part.embedder]),
        vector_owner=owners("vector_owner"),
        embedder=named.pop() if named else "",
    )


def with_vectors(prints: Prints, vectors: Vectors, owner: Sequence[int], embedder: str) -> Prints:
    """The prints with embeddings beside them."""
    return replace(prints, vectors=vectors, vector_owner=np.array(owner, np.int32), embedder=embedder)


def _runs(hashes: Hashes, telling: float, keyed: Keyed, ngram: int, shortest: int) -> Hashes:
    """The runs of ``ngram`` words; of a shorter text the one run that it is, where it tells enough."""
    length = min(len(hashes), ngram)
    if length < min(SHORTEST_RUN, shortest) or (length < shortest and telling < TELLING_RUN):
        return np.empty(0, np.uint64)
    return np.unique(next(run for n, run in keyed.runs(hashes, length) if n == length))


def _parts(hashes: Hashes, keyed: Keyed, ngram: int, shortest: int) -> Hashes:
    """Runs below ``ngram`` words, by which a short text is known as a piece of this one."""
    found = [runs for n, runs in keyed.runs(hashes, ngram - 1) if n >= shortest]
    return np.unique(_joined(found, np.uint64))


def _pairs(
    hashed: Sequence[Hashes], weights: Sequence[Weights], telling: Sequence[float], owners: Sequence[int], keyed: Keyed
) -> Pairs:
    found = [_paired(hashes, keyed) for hashes in hashed]
    return Pairs(
        owner=np.array(owners, np.int32),
        length=np.array([len(hashes) for hashes in hashed], np.int32),
        telling=np.array(telling, np.float32),
        values=_joined([values for values, _, _ in found], np.uint64),
        text=np.repeat(np.arange(len(found), dtype=np.int32), [len(values) for values, _, _ in found]),
        first=_joined([first for _, first, _ in found], np.int32),
        second=_joined([second for _, _, second in found], np.int32),
        first_weight=_joined([weight[one[1]] for weight, one in zip(weights, found, strict=True)], np.float32),
        second_weight=_joined([weight[one[2]] for weight, one in zip(weights, found, strict=True)], np.float32),
    )


def _paired(hashes: Hashes, keyed: Keyed) -> tuple[Hashes, Owners, Owners]:
    """``(hash, place of the first word, place of the second)`` of every pair, sorted by the hash."""
    gaps = range(1, PAIR_GAP + 1)
    values = _joined([keyed.pairs(hashes, gap) for gap in gaps], np.uint64)
    first = _joined([np.arange(max(len(hashes) - gap, 0)) for gap in gaps], np.int32)
    second = _joined([np.arange(gap, max(len(hashes), gap)) for gap in gaps], np.int32)
    order = np.argsort(values, kind="stable")
    return values[order], first[order], second[order]


def _column(found: Sequence[Hashes], owners: Sequence[int]) -> Column:
    owner = np.repeat(np.array(owners, np.int32), [len(values) for values in found])
    return Column(_joined(found, np.uint64), owner)


def _joined(parts: Sequence[npt.NDArray[Any]], kind: type) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts]).astype(kind)


def _stacked(signatures: Sequence[Signature]) -> npt.NDArray[np.uint32]:
    return np.array(signatures, np.uint32).reshape(-1, PERMUTATIONS)


def _vectors(parts: Sequence[Vectors]) -> Vectors:
    return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


def _starts(sizes: Sequence[int]) -> list[int]:
    return [sum(sizes[:i]) for i in range(len(sizes))]
