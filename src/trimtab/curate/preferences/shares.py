"""Nobody's taste rules alone: how many annotators the signed pairs amount to, and weights that cap the largest."""

from collections.abc import Sequence
from typing import Any

from trimtab.curate.place import Placed
from trimtab.curate.preferences.config import AnnotatorsConfig
from trimtab.curate.preferences.pairs import WEIGHT, annotators_of, labelled, pair_of, weight_of
from trimtab.curate.stage import Repair, repaired
from trimtab.stats import clipped, effective_number

_DIGITS = 6


def capped(pairs: Sequence[Placed], config: AnnotatorsConfig) -> tuple[list[Placed], list[Repair], dict[str, Any]]:
    """The pairs with ``labels.weight`` lowered so that no annotator has more than ``max_share`` of the signed weight.

    A pair that several signed counts for each in equal parts. With at most 1/max_share annotators no weights but equal
    ones could do that, and they stay as they are: ``holds`` then says whether the cap happens to hold.
    """
    totals = _totals(pairs)
    if not totals:
        return list(pairs), [], {}
    names = sorted(totals)
    before = [totals[name] for name in names]
    binds = len(names) * config.max_share > 1 + 1e-9
    after = clipped(before, config.max_share) if binds else before
    factor = {name: new / old if old else 1.0 for name, old, new in zip(names, before, after, strict=True)}
    weighed, repairs = [], []
    for placed in pairs:
        changed, scale = _scaled(placed, factor)
        weighed.append(changed)
        if changed is not placed:
            repairs.append(repaired(placed, "annotator capped", f"weight times {scale:.4g}"))
    return weighed, repairs, _findings(names, before, after, config)


def _totals(pairs: Sequence[Placed]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for placed in pairs:
        signed = annotators_of(pair_of(placed))
        for name in signed:
            totals[name] = totals.get(name, 0.0) + weight_of(pair_of(placed)) / len(signed)
    return totals


def _scaled(placed: Placed, factor: dict[str, float]) -> tuple[Placed, float]:
    signed = annotators_of(pair_of(placed))
    scale = sum(factor[name] for name in signed) / len(signed) if signed else 1.0
    if scale > 1 - 1e-9:
        return placed, 1.0
    return labelled(placed, {WEIGHT: round(weight_of(pair_of(placed)) * scale, _DIGITS)}), scale


def _findings(
    names: Sequence[str], before: Sequence[float], after: Sequence[float], config: AnnotatorsConfig
) -> dict[str, Any]:
    largest = max(after) / sum(after) if sum(after) else 0.0
    return {
        "annotators": len(names),
        "effective_before": effective_number(before),
        "effective": effective_number(after),
        "largest_before": max(before) / sum(before) if sum(before) else 0.0,
        "largest": largest,
        "holds": largest <= config.max_share + 1e-9,
        "weight": {name: round(weight, _DIGITS) for name, weight in zip(names, after, strict=True)},
    }
