"""Counts of rows as they pass: by source, domain, action, difficulty, format and licence, none of them held."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from trimtab.curate.place import Drop, Item, Placed, Told
from trimtab.records import Comparison, Example

SHOWN = 1000
"""Drops that a report of a stream holds; all of them are counted."""

_BY: Mapping[str, Callable[[Placed], str | None]] = {
    "by_source": lambda placed: placed.source,
    "by_domain": lambda placed: _label(placed, "domain"),
    "by_action": lambda placed: _label(placed, "action") if isinstance(placed.row, Example) else None,
    "by_difficulty": lambda placed: _label(placed, "difficulty"),
    "by_license": lambda placed: str(placed.row.provenance.get("license") or "none"),
}


def _label(placed: Placed, name: str) -> str:
    return str(placed.row.labels.get(name, "none"))


class Tally:
    """What a stream of imported items held: ``add`` each, then ``to_json`` is the report's shape."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in (*_BY, "by_format")}
        self.kept: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.understood: dict[str, str] = {}
        self.drops: list[Drop] = []

    def add(self, item: Item) -> None:
        if isinstance(item, Told):
            self.understood[item.file] = item.sentence
        elif isinstance(item, Drop):
            self.reasons[item.reason] += 1
            if len(self.drops) < SHOWN:
                self.drops.append(item)
        else:
            self._row(item)

    def _row(self, placed: Placed) -> None:
        self.kept[kind_of_row(placed)] += 1
        self.counts["by_format"][format_of(self.understood.get(placed.file, ""))] += 1
        for name, value in _BY.items():
            if (found := value(placed)) is not None:
                self.counts[name][found] += 1

    @property
    def rows(self) -> int:
        return self.kept.total()

    def to_json(self) -> dict[str, Any]:
        """The same keys as a curation's report."""
        return {
            "read": self.rows + self.reasons.total(),
            "kept": {name: self.kept[name] for name in ("examples", "comparisons", "unpaired")},
            **{name: dict(sorted(counter.items())) for name, counter in self.counts.items()},
            "drops": {"by_reason": dict(sorted(self.reasons.items())), "rows": [drop.to_json() for drop in self.drops]},
            "formats": dict(self.understood),
            "repairs": {"by_kind": {}, "rows": []},
            "findings": {},
        }


def counts(rows: Iterable[Placed], understood: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """The counts of rows that are held anyway, by the names of the report's sections."""
    tally = Tally()
    tally.understood |= understood
    for placed in rows:
        tally.add(placed)
    return {name: dict(sorted(counter.items())) for name, counter in tally.counts.items()}


def kind_of_row(placed: Placed) -> str:
    if isinstance(placed.row, Example):
        return "examples"
    return "comparisons" if isinstance(placed.row, Comparison) else "unpaired"


def format_of(sentence: str) -> str:
    """The format's name in the sentence that says what a file was taken for."""
    return sentence.partition(":")[0].partition(",")[0] or "none"
