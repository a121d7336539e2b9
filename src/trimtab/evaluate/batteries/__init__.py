"""Batteries: built-in generators of fresh cases, the same for the same seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from trimtab.evaluate.batteries.code import code
from trimtab.evaluate.batteries.fed import FED, notes
from trimtab.evaluate.batteries.harmless import harmless
from trimtab.evaluate.batteries.helpful import helpful
from trimtab.evaluate.batteries.honest import honest
from trimtab.evaluate.batteries.material import NOTHING, Material, Records
from trimtab.evaluate.batteries.math import math, math_calculator
from trimtab.evaluate.batteries.multi_turn import multi_turn
from trimtab.evaluate.batteries.reasoning import reasoning
from trimtab.records import Case, UserError

__all__ = ["BATTERIES", "FED", "Generator", "Material", "Records", "describe_batteries", "make_battery", "notes"]

Generator = Callable[[int, int], Sequence[Case]]
"""(count, seed) -> so many distinct cases."""

BATTERIES: dict[str, Generator] = {
    "code": code,
    "math": math,
    "math_calculator": math_calculator,
    "reasoning": reasoning,
    "harmless": harmless,
    "helpful": helpful,
    "honest": honest,
    "multi_turn": multi_turn,
}


def make_battery(name: str, count: int, seed: int, material: Material = NOTHING) -> list[Case]:
    """``count`` distinct cases of a battery under ``labels.battery``.

    Raises UserError on a name that is not known, and where the battery (with this material) has not so many.
    """
    if fed := FED.get(name):
        cases = fed(count, seed, material)
    elif generator := BATTERIES.get(name):
        cases = generator(count, seed)
    else:
        known = " | ".join(sorted({*BATTERIES, *FED}))
        raise UserError(f"unknown battery {name!r}", field="batteries", expected=known)
    return [replace(case, labels={**case.labels, "battery": name}) for case in cases]


def describe_batteries() -> dict[str, str]:
    """Name -> its line, in the order of names."""
    makers = {**BATTERIES, **FED}
    return {name: (makers[name].__doc__ or "").strip().split("\n")[0] for name in sorted(makers)}
