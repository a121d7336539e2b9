"""What every stage of the door gives back: the rows that go on, those that do not, what was changed, what was found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab.curate.place import Drop, Placed


@dataclass(frozen=True, slots=True)
class Repair:
    """``kind`` is one of a few words to count by; ``detail`` says what was changed in the row at ``file:line``."""

    kind: str
    detail: str
    source: str
    file: str = ""
    line: int = 0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def repaired(placed: Placed, kind: str, detail: str) -> Repair:
    return Repair(kind, detail, placed.source, placed.file, placed.line)


@dataclass(frozen=True, slots=True)
class Staged:
    """``findings`` is JSON: the stage's section of the report."""

    rows: Sequence[Placed]
    drops: Sequence[Drop] = ()
    repairs: Sequence[Repair] = ()
    findings: Mapping[str, Any] = field(default_factory=dict)


Stage = Callable[[Sequence[Placed]], Staged]
"""Rows in, rows out: deterministic for the same rows and config; every row that goes no further has its Drop."""
