"""The action that an example's label names, held against its last turn; the mix by domain."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from trimtab.curate.cleaning.notes import Notes
from trimtab.curate.labelling import action_of
from trimtab.curate.place import Placed
from trimtab.records import Example

Mode = Literal["keep", "relabel", "drop"]
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Contradiction:
    """``certain``: calls or their absence prove it; else only the wording speaks against the label."""

    label: str
    told: str
    place: str

    @property
    def certain(self) -> bool:
        return "call_tool" in (self.label, self.told)

    def to_json(self) -> dict[str, Any]:
        return {"label": self.label, "told": self.told, "place": self.place, "certain": self.certain}


def check_action(row: Example, place: str, mode: Mode, notes: Notes) -> tuple[Example, Contradiction | None]:
    """The row with an action for certain, and what its last turn says against the label it came with."""
    label, told = row.labels.get("action"), action_of(row.messages)
    if label is None:
        notes.repair("action label", f"none, told as {told}")
        return _labelled(row, told), None
    if label == told:
        return row, None
    found = Contradiction(str(label), told, place)
    if mode == "drop":
        notes.refuse("action contradicted", f"labelled {label}, the last turn is {told}")
    elif mode == "relabel":
        notes.repair("action label", f"{label}, told as {told}")
        return _labelled(row, told), found
    return row, found


def actions_findings(rows: Iterable[Placed], found: Sequence[Contradiction]) -> dict[str, Any]:
    """``by_domain``: domain to action to rows; ``contradicted``: how many, by which pair, and the first of them."""
    mix: dict[str, Counter[str]] = {}
    for placed in rows:
        if isinstance(placed.row, Example):
            labels: Mapping[str, Any] = placed.row.labels
            mix.setdefault(str(labels.get("domain", "none")), Counter())[str(labels.get("action", "none"))] += 1
    pairs = Counter(f"{one.label} but {one.told}" for one in found)
    return {
        "by_domain": {domain: dict(sorted(counts.items())) for domain, counts in sorted(mix.items())},
        "contradicted": {
            "rows": len(found),
            "certain": sum(one.certain for one in found),
            "by_pair": dict(sorted(pairs.items())),
            "first": [one.to_json() for one in found[:_SHOWN]],
        },
    }


def _labelled(row: Example, action: str) -> Example:
    provenance = {**row.provenance, "action": "told from the last turn"}
    return replace(row, labels={**row.labels, "action": action}, provenance=provenance)
