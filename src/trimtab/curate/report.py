"""What curation did, in numbers that add up: read = kept + dropped."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab.curate.place import Drop, Placed
from trimtab.curate.stage import Repair
from trimtab.curate.tally import counts
from trimtab.records import Comparison, Example


@dataclass(frozen=True, slots=True)
class Report:
    """``drops`` and ``repairs`` keep file and line; ``findings`` is what each stage found, by the stage's name."""

    rows: tuple[Placed, ...]
    drops: tuple[Drop, ...]
    understood: Mapping[str, str] = field(default_factory=dict)
    repairs: tuple[Repair, ...] = ()
    findings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, int]:
        return _counted(self.drops, lambda drop: drop.reason)

    def to_json(self) -> dict[str, Any]:
        return {
            "read": len(self.rows) + len(self.drops),
            "kept": {
                "examples": sum(isinstance(placed.row, Example) for placed in self.rows),
                "comparisons": sum(isinstance(placed.row, Comparison) for placed in self.rows),
                "unpaired": sum(not isinstance(placed.row, Example | Comparison) for placed in self.rows),
            },
            **counts(self.rows, self.understood),
            "drops": {"by_reason": self.reasons, "rows": [drop.to_json() for drop in self.drops]},
            "formats": dict(self.understood),
            "repairs": {
                "by_kind": _counted(self.repairs, lambda repair: repair.kind),
                "rows": [repair.to_json() for repair in self.repairs],
            },
            "findings": {name: dict(found) for name, found in self.findings.items()},
        }

    def sentences(self) -> list[str]:
        """For people: what was kept, what went and why, and which strata fell short."""
        kept = self.to_json()["kept"]
        lines = [", ".join(f"{count} {name}" for name, count in kept.items()) + " kept"]
        lines += [f"{count} dropped: {reason}" for reason, count in self.reasons.items()]
        lines += [
            f"{name}: {stratum['taken']} of {stratum['wanted']} rows wanted; {stratum['short']} short"
            for name, stratum in self.findings.get("mix", {}).get("strata", {}).items()
            if stratum["short"]
        ]
        lines += self.findings.get("preferences", {}).get("sentences", ())
        return lines


def _counted(items: Sequence[Any], name: Callable[[Any], str]) -> dict[str, int]:
    return dict(sorted(Counter(map(name, items)).items()))
