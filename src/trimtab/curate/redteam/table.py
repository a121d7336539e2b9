"""How many attacks of which category, style and side; as numbers, text and HTML."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from trimtab.curate.redteam.attack import STYLES
from trimtab.curate.redteam.categories import codes
from trimtab.curate.redteam.corpus import Corpus
from trimtab.text import document

_NO_CODE = {"benign": "benign contrast", "unmapped": "no code"}


@dataclass(frozen=True, slots=True)
class Counts:
    """``cells``: (category, style) -> (train, test, held); an attack of two categories counts in both rows.

    ``rows`` and ``families`` by side count each once; ``largest``: the share of attacks in the largest family.
    """

    cells: Mapping[tuple[str, str], tuple[int, int, int]]
    rows: Mapping[str, int]
    families: Mapping[str, int]
    largest: float

    def to_json(self) -> dict[str, Any]:
        cells = [
            {"category": category, "style": style, "train": train, "test": test, "held": held}
            for (category, style), (train, test, held) in self.cells.items()
        ]
        return {
            "cells": cells,
            "rows": dict(self.rows),
            "families": dict(self.families),
            "largest_family": round(self.largest, 4),
        }


def counts(corpus: Corpus) -> Counts:
    cells: Counter[tuple[str, str, str]] = Counter()
    for entry in corpus.entries:
        for category in entry.attack.categories or ("benign" if entry.attack.style == "benign" else "unmapped",):
            cells[category, entry.attack.style, entry.side] += 1
    order = [*codes(), *_NO_CODE]
    keys = sorted({(c, s) for c, s, _ in cells}, key=lambda key: (order.index(key[0]), STYLES.index(key[1])))
    sizes = Counter(entry.family for entry in corpus.entries)
    families = {side: len({entry.family for entry in corpus.on(side)}) for side in ("train", "test")}
    return Counts(
        {(c, s): (cells[c, s, "train"], cells[c, s, "test"], cells[c, s, "held"]) for c, s in keys},
        {side: len(corpus.on(side)) for side in ("train", "test", "held")},
        families,
        max(sizes.values()) / len(corpus.entries),
    )


def as_text(corpus: Corpus) -> str:
    found = counts(corpus)
    lines = [f"{'category':<28} {'style':<19} {'train':>6} {'test':>6} {'held':>6}"]
    for (category, style), sides in found.cells.items():
        lines.append(f"{_name(category):<28} {style:<19} " + " ".join(f"{count:>6}" for count in sides))
    lines.append(f"{'attacks':<48} " + " ".join(f"{count:>6}" for count in found.rows.values()))
    lines.append(f"{'families':<48} " + " ".join(f"{count:>6}" for count in found.families.values()))
    return "\n".join(lines)


def as_html(corpus: Corpus) -> str:
    """One page with the table and nothing from elsewhere; no attack is quoted."""
    found, title = counts(corpus), f"{corpus.name} {corpus.version}"
    rows = "".join(
        f"<tr><td>{escape(_name(category))}</td><td>{escape(style)}</td>"
        + "".join(f"<td class=n>{count}</td>" for count in sides)
        + "</tr>"
        for (category, style), sides in found.cells.items()
    )
    total = "".join(f"<td class=n>{count}</td>" for count in found.rows.values())
    body = (
        f"<h1>Red-team corpus {escape(title)}</h1><p>Digest {corpus.digest}. {len(corpus.entries)} attacks; the largest"
        f" family holds {found.largest:.1%} of them.</p><table><tr><th>Category<th>Style<th class=n>Train"
        f"<th class=n>Test<th class=n>Held</tr>{rows}<tr><td colspan=2>Attacks</td>{total}</tr></table>"
    )
    return document(title, body, style=".n { text-align: right }")


def _name(category: str) -> str:
    return _NO_CODE.get(category) or f"{category} {codes()[category]}"
