"""Batteries: built-in generators of fresh cases, the same for the same seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from trimtab.evaluate.routes.variants import routing_battery
from trimtab.records import Case, UserError

Generator = Callable[[int, int], Sequence[Case]]
"""(count, seed) -> so many distinct cases."""

BATTERIES: dict[str, Generator] = {}
DERIVED: dict[str, Callable[[Sequence[Case], int, int], Sequence[Case]]] = {"routing": routing_battery}
"""Batteries that put the workspace's own cases otherwise: (cases, count, seed) -> cases."""


def make_battery(name: str, count: int, seed: int, of: Sequence[Case] = ()) -> list[Case]:
    """``count`` distinct cases of a battery under ``labels.battery``, made from ``of`` where it is a derived one.

    Raises UserError on a name that is not known.
    """
    if (derived := DERIVED.get(name)) is not None:
        return [replace(case, labels={**case.labels, "battery": name}) for case in derived(of, count, seed)]
    if (generator := BATTERIES.get(name)) is None:
        raise UserError(
            f"unknown battery {name!r}", field="batteries", expected=" | ".join(sorted({*BATTERIES, *DERIVED}))
        )
    cases = generator(count, seed)
    return [replace(case, labels={**case.labels, "battery": name}) for case in cases]
