"""What a workspace hands to the batteries: its passages, tools and records, and how its model counts tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from trimtab.records import Case, ToolSchema, UserError
from trimtab.tools import Passage

LONG_ANSWER = 320
"""Tokens of an answer that may well be long: what is cut off cannot be judged, and is counted apart."""
_TRIES = 60
"""Draws without a new case after which a battery is exhausted."""


@dataclass(frozen=True, slots=True)
class Records:
    """Rows that the lookup tool ``tool`` finds by ``key``."""

    tool: str
    key: str
    rows: tuple[Mapping[str, Any], ...]


def at_most(text: str) -> int:
    """Tokens of a text where no tokenizer is known: its UTF-8 bytes, which no byte-level tokenizer exceeds."""
    return len(text.encode())


@dataclass(frozen=True)
class Material:
    """``window``: tokens that the model reads at once; ``taken``: those that system prompt and tools use up.
    ``irreversible``: the names of tools whose effect cannot be undone. ``cases``: those that are asked beside them.

    Every generator may ignore it; one that needs what is empty raises UserError.
    """

    passages: tuple[Passage, ...] = ()
    schemas: tuple[ToolSchema, ...] = ()
    records: tuple[Records, ...] = ()
    irreversible: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    count: Callable[[str], int] = at_most
    window: int = 2048
    taken: int = 0

    @property
    def tools(self) -> frozenset[str]:
        """The names of the tools."""
        return frozenset(str(schema["function"]["name"]) for schema in self.schemas)


NOTHING = Material()


def distinct(count: int, seed: int, make: Callable[[Random, int], Sequence[Case]]) -> list[Case]:
    """The first ``count`` distinct cases of ``make(random, round)``. Raises UserError where it has no more."""
    random, found, idle, number = Random(seed), dict[str, Case](), 0, 0
    while len(found) < count:
        before = len(found)
        for case in make(random, number):
            found.setdefault(case.id, case)
        number, idle = number + 1, 0 if len(found) > before else idle + 1
        if idle > _TRIES:
            raise UserError(f"has {len(found)} distinct cases, not {count}", field="batteries", fix="Ask for fewer")
    return list(found.values())[:count]


def labelled(case: Case, **labels: Any) -> Case:
    """The case with further labels."""
    return replace(case, labels={**case.labels, **labels})
