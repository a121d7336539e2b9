"""Fresh cases by seed: one generator of random numbers a draw, each case once, kinds in turn."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from trimtab.records import UserError

DIFFICULTIES = ("easy", "medium", "hard")
_TRIES = 200

T = TypeVar("T")
Draw = Callable[[random.Random, int], T | None]
"""(random numbers, difficulty from 0 to 2) -> one, or None where the numbers do not fit."""


def draw_distinct(
    name: str, kinds: Sequence[Draw[T]], count: int, seed: int, key: Callable[[T], str]
) -> list[tuple[int, T]]:
    """``count`` of them with their difficulty, each ``key`` once, ``kinds`` in turn and difficulties in turn.

    Number i depends on ``name``, ``seed`` and i alone (and on a repeat before it), so a longer list begins with the
    shorter one. Raises UserError where there are not so many.
    """
    found: list[tuple[int, T]] = []
    seen: set[str] = set()
    for i in range(count):
        kind, level = kinds[i % len(kinds)], (i // len(kinds)) % len(DIFFICULTIES)
        for attempt in range(_TRIES):
            # A text seeds it the same in every process and on every platform.
            one = kind(random.Random(f"{name}:{seed}:{i}:{attempt}"), level)
            if one is not None and key(one) not in seen:
                seen.add(key(one))
                found.append((level, one))
                break
        else:
            raise UserError(
                f"the battery {name!r} has no {count} distinct cases", field="cases", expected=f"at most {len(found)}"
            )
    return found
