"""A row with the place it came from, and a drop with the reason why it went no further."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from trimtab.records import Row


@dataclass(frozen=True)
class Placed:
    """``line`` counts from 1 (0: not from a file); ``weight`` is the source's."""

    row: Row
    source: str
    file: str = ""
    line: int = 0
    weight: float = 1.0

    @cached_property
    def key(self) -> str:
        """Equal for rows that ``Row.id`` calls equal, at a tenth of the price of canonical JSON."""
        content = {name: value for name, value in self.row.to_json().items() if name not in ("labels", "provenance")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.file else f"{self.source} {self.key[:12]}"


@dataclass(frozen=True, slots=True)
class Drop:
    """``reason`` is one of a few words to count by; ``detail`` names the other row, the sealed case or the field."""

    reason: str
    detail: str
    source: str
    file: str = ""
    line: int = 0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Told:
    """What a file was taken for, in a sentence."""

    file: str
    sentence: str


Item = Placed | Drop | Told
"""What reading a source yields."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows, what was dropped on the way in, and a sentence a file on what it was taken for."""

    rows: tuple[Placed, ...]
    drops: tuple[Drop, ...] = ()
    understood: Mapping[str, str] = field(default_factory=dict)


def place_rows(rows: Iterable[Row], source: str) -> Imported:
    """Rows that come from no file (a harvest, a generator)."""
    return Imported(tuple(Placed(row, source) for row in rows))


def dropped(placed: Placed, reason: str, detail: str) -> Drop:
    return Drop(reason, detail, placed.source, placed.file, placed.line)
