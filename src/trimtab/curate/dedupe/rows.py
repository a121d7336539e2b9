"""The rows: equal ones, near ones, and ones that mean the same, each kind within itself, the best of each kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trimtab.curate.config import DedupeConfig
from trimtab.curate.dedupe.join import Twins, near_duplicates
from trimtab.curate.dedupe.meaning import same_meaning
from trimtab.curate.dedupe.sets import Keys
from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.units import learnt_text
from trimtab.curate.vectors import Embed
from trimtab.records import Comparison, UserError
from trimtab.text import shingles

How = Literal["duplicate", "near duplicate", "same meaning"]


@dataclass(frozen=True, slots=True)
class Twin:
    """``row`` gives way to ``kept``; ``score``: 1, a Jaccard similarity, or a cosine."""

    row: Placed
    kept: Placed
    how: How
    score: float = 1.0


def dedupe(
    rows: Sequence[Placed], config: DedupeConfig, embed: Embed | None = None
) -> tuple[list[Placed], tuple[Twin, ...]]:
    """The rows kept, in their order, and what each of the others gives way to.

    The best comes first: judged by people, then better labelled, then earlier. A row is near another when the Jaccard
    similarity of their word 3-grams reaches ``threshold``, and means the same when the cosine of their embeddings
    reaches ``semantic``; where numbers matter, rows whose numbers or codes differ ("order A-17", "order A-18") are
    never one. Raises UserError where ``semantic`` is set and there is nothing to embed with.
    """
    if config.semantic is not None and embed is None:
        raise UserError(
            "there is no embedding model to compare meanings with",
            field="data.dedupe.semantic",
            fix="Name one in data.embeddings, or leave semantic out",
        )
    kept, twins = _exact(rows)
    if config.threshold < 1 or config.semantic is not None:
        texts = [learnt_text(placed.row) for placed in kept]
        found = shingles(texts)
        classes = _classes(kept, found.numbers if config.numbers_matter else None)
        if config.threshold < 1:
            near = near_duplicates(found, config.threshold, classes)
            kept, left, more = _apart(kept, near, "near duplicate")
            twins += more
            texts, classes = [texts[i] for i in left], classes[left]
        if config.semantic is not None and embed is not None and texts:
            alike = same_meaning(embed(texts), config.semantic, classes)
            kept, _, more = _apart(kept, alike, "same meaning")
            twins += more
    survivors = {id(placed) for placed in kept}
    return [placed for placed in rows if id(placed) in survivors], tuple(twins)


def drops_of(twins: Sequence[Twin]) -> list[Drop]:
    """A drop for each row that gave way, with the row that it repeats."""
    return [dropped(twin.row, twin.how, _detail(twin)) for twin in twins]


def clusters(twins: Sequence[Twin]) -> Mapping[int, tuple[Placed, list[Twin]]]:
    """By ``id`` of the row that stays in the end: that row, and all that gave way to it, straight or through others."""
    gone = {id(twin.row): twin for twin in twins}
    found: dict[int, tuple[Placed, list[Twin]]] = {}
    for twin in twins:
        last = twin.kept
        while (further := gone.get(id(last))) is not None:
            last = further.kept
        found.setdefault(id(last), (last, []))[1].append(twin)
    return found


def _exact(rows: Sequence[Placed]) -> tuple[list[Placed], list[Twin]]:
    best: dict[str, Placed] = {}
    twins = []
    for placed in sorted(rows, key=_worth):
        first = best.setdefault(placed.key, placed)
        if first is not placed:
            twins.append(Twin(placed, first, "duplicate"))
    return list(best.values()), twins


def _apart(rows: list[Placed], found: Twins, how: How) -> tuple[list[Placed], list[int], list[Twin]]:
    kept = [i for i, other in enumerate(found.of) if other < 0]
    twins = [Twin(rows[i], rows[other], how, float(found.score[i])) for i, other in enumerate(found.of) if other >= 0]
    return [rows[i] for i in kept], kept, twins


def _classes(rows: Sequence[Placed], numbers: Keys | None) -> Keys:
    """Rows of unlike classes are never one: other kinds of rows, or other numbers where these matter."""
    kinds: dict[type, int] = {}
    kind = np.array([kinds.setdefault(type(placed.row), len(kinds)) for placed in rows], np.uint64)
    return kind if numbers is None else kind + numbers


def _worth(placed: Placed) -> tuple[bool, int]:
    """Sorts the best first; the sort is stable, so that the earlier wins a tie."""
    row = placed.row
    judged = bool(row.provenance.get("annotator")) or (isinstance(row, Comparison) and bool(row.annotators))
    return not judged, -len(row.labels)


def _detail(twin: Twin) -> str:
    return f"same as {twin.kept.place}" if twin.how == "duplicate" else f"like {twin.kept.place} ({twin.score:.2f})"
