"""Batteries: built-in generators of fresh cases, the same for the same seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from trimtab.evaluate.batteries.code import code
from trimtab.evaluate.batteries.math import math, math_calculator
from trimtab.evaluate.batteries.reasoning import reasoning
from trimtab.records import Case, UserError

Generator = Callable[[int, int], Sequence[Case]]
"""(count, seed) -> so many distinct cases."""

BATTERIES: dict[str, Generator] = {
    "code": code,
    "math": math,
    "math_calculator": math_calculator,
    "reasoning": reasoning,
}


def make_battery(name: str, count: int, seed: int) -> list[Case]:
    """``count`` distinct cases of a battery under ``labels.battery``. Raises UserError on a name that is not known."""
    if (generator := BATTERIES.get(name)) is None:
        raise UserError(f"unknown battery {name!r}", field="batteries", expected=" | ".join(sorted(BATTERIES)))
    cases = generator(count, seed)
    return [replace(case, labels={**case.labels, "battery": name}) for case in cases]
