"""The batteries that are made of a workspace's material."""

from collections.abc import Callable, Sequence

from trimtab.evaluate.batteries.domain import domain
from trimtab.evaluate.batteries.long_context import left_out, long_context
from trimtab.evaluate.batteries.material import Material
from trimtab.evaluate.batteries.redteam import redteam
from trimtab.evaluate.routes.battery import routing
from trimtab.records import Case

Fed = Callable[[int, int, Material], Sequence[Case]]
"""(count, seed, material) -> so many distinct cases."""

FED: dict[str, Fed] = {"domain": domain, "long_context": long_context, "redteam": redteam, "routing": routing}


def notes(name: str, material: Material) -> list[str]:
    """What a battery leaves out beforehand with this material, for people."""
    said = left_out(material) if name == "long_context" else ""
    return [said] if said else []
