"""One of each: rows that are equal, or nearly so, give way to the best of them."""

from collections.abc import Sequence

from trimtab.curate.config import DedupeConfig
from trimtab.curate.near import NearIndex, signature
from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.stage import Staged
from trimtab.curate.units import learnt_text
from trimtab.records import Comparison
from trimtab.text import words


def dedupe(rows: Sequence[Placed], config: DedupeConfig) -> tuple[list[Placed], list[Drop]]:
    """The rows kept, in their order, and a drop for each other with the row that it repeats.

    The best comes first: judged by people, then better labelled, then earlier. A row is near another when the
    estimated Jaccard similarity of their word 3-grams reaches the threshold; where numbers matter, rows whose
    numbers or codes differ ("order A-17", "order A-18") are never one. Kinds of rows are compared within themselves.
    """
    kept, drops = _exact(rows)
    if config.threshold < 1:
        kept, near = _near(kept, config)
        drops += near
    survivors = {id(placed) for placed in kept}
    return [placed for placed in rows if id(placed) in survivors], drops


def dedupe_stage(rows: Sequence[Placed], config: DedupeConfig) -> Staged:
    """``dedupe`` as a stage of the door."""
    kept, drops = dedupe(rows, config)
    return Staged(kept, drops)


def _exact(rows: Sequence[Placed]) -> tuple[list[Placed], list[Drop]]:
    best: dict[str, Placed] = {}
    drops = []
    for placed in sorted(rows, key=_worth):
        first = best.setdefault(placed.key, placed)
        if first is not placed:
            drops.append(dropped(placed, "duplicate", f"same as {first.place}"))
    return list(best.values()), drops


def _near(rows: Sequence[Placed], config: DedupeConfig) -> tuple[list[Placed], list[Drop]]:
    """Greedy, best first: a row is compared with those that were kept, never with those that were dropped."""
    indices: dict[type, NearIndex] = {}
    kept: dict[type, list[tuple[Placed, frozenset[str]]]] = {}
    drops = []
    for placed in rows:
        kind, text = type(placed.row), learnt_text(placed.row)
        index = indices.setdefault(kind, NearIndex(config.threshold))
        known, numbers = kept.setdefault(kind, []), _numbers(text) if config.numbers_matter else frozenset()
        sign = signature(text)
        alike = ((known[i], score) for i, score in index.alike(sign))
        twin = next(((other, score) for (other, theirs), score in alike if theirs == numbers), None)
        if twin is None:
            index.add(sign)
            known.append((placed, numbers))
        else:
            drops.append(dropped(placed, "near duplicate", f"like {twin[0].place} ({twin[1]:.2f})"))
    return [placed for group in kept.values() for placed, _ in group], drops


def _numbers(text: str) -> frozenset[str]:
    return frozenset(word for word in words(text) if any(map(str.isdigit, word)))


def _worth(placed: Placed) -> tuple[bool, int]:
    """Sorts the best first; the sort is stable, so that the earlier wins a tie."""
    row = placed.row
    judged = bool(row.provenance.get("annotator")) or (isinstance(row, Comparison) and bool(row.annotators))
    return not judged, -len(row.labels)
