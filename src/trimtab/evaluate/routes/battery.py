"""The battery of robustness: the suite's own routing cases, put otherwise."""

import random

from trimtab.evaluate.batteries.material import Material
from trimtab.evaluate.routes.variants import variants_of
from trimtab.evaluate.suite import is_redteam
from trimtab.records import Case, UserError


def routing(count: int, seed: int, material: Material) -> list[Case]:
    """Routing cases of the suite in other words, under other tool names, in another context (fewer where no more)."""
    plain = [case for case in material.cases if _routes(case)]
    if not plain:
        raise UserError(
            "the routing battery puts a suite's own routing cases otherwise, and there are none",
            field="batteries",
            fix="Name it under evaluate.batteries, where it is asked beside the sealed cases",
        )
    random.Random(seed).shuffle(plain)
    made = [variants_of(case, seed) for case in plain]
    most = max(map(len, made), default=0)
    return [row[i] for i in range(most) for row in made if i < len(row)][:count]


def _routes(case: Case) -> bool:
    about = bool(case.expected.calls) or case.labels.get("kind") == "tool_routing"
    return about and "variant" not in case.labels and not is_redteam(case)
