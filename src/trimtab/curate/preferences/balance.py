"""Shortcuts taken away: pairs weighted against what style alone predicts, or dropped until length says nothing."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trimtab.curate.hashing import uniform
from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.preferences.features import FEATURES, Floats
from trimtab.curate.preferences.pairs import WEIGHT, labelled, pair_of, weight_of
from trimtab.curate.preferences.shortcuts import style_logits
from trimtab.curate.stage import Repair, repaired

_BINS = 8
_DIGITS = 6


def reweighted(
    pairs: Sequence[Placed], difference_PF: Floats, prompts: Sequence[str], clip: float
) -> tuple[list[Placed], list[Repair]]:
    """The pairs with ``labels.weight`` times the inverse of what style alone gives their verdict, mean 1."""
    weight_P = balancing_weights(difference_PF, prompts, clip)
    made = [
        labelled(placed, {WEIGHT: round(weight_of(pair_of(placed)) * float(weight), _DIGITS)})
        for placed, weight in zip(pairs, weight_P, strict=True)
    ]
    repairs = [
        repaired(placed, "style balanced", f"weight times {weight:.4g}")
        for placed, weight in zip(pairs, weight_P, strict=True)
    ]
    return made, repairs


def balancing_weights(difference_PF: Floats, prompts: Sequence[str], clip: float) -> Floats:
    """[P] 1/(2 σ(logit)), the inverse propensity of the verdict given style, within [1/clip, clip], mean 1.

    Rosenbaum & Rubin 1983's weighting, with the held-out style model of ``style_logits`` as the propensity.
    """
    weight_P = np.clip((1 + np.exp(-style_logits(difference_PF, prompts))) / 2, 1 / clip, clip)
    scaled: npt.NDArray[np.float64] = weight_P / weight_P.mean()
    return scaled


def length_matched(pairs: Sequence[Placed], difference_PF: Floats, seed: int) -> tuple[list[Placed], list[Drop]]:
    """At each size of the difference in length as many pairs whose longer side wins as pairs whose longer side loses.

    Sizes are cut into bins of equal count; who goes is decided by hash. Pairs of equal length stay.
    """
    length_P = difference_PF[:, FEATURES.index("length")]
    bin_P = _bins(np.abs(length_P))
    gone: set[int] = set()
    for number in np.unique(bin_P[length_P != 0]):
        longer, shorter = (
            [int(at) for at in np.flatnonzero((bin_P == number) & (sign * length_P > 0))] for sign in (1, -1)
        )
        many, few = (longer, shorter) if len(longer) > len(shorter) else (shorter, longer)
        order = sorted(many, key=lambda at: uniform("length", seed, pairs[at].key, pairs[at].place))
        gone.update(order[len(few) :])
    drops = [
        dropped(pairs[at], "length balance", "its side of a difference in length was the more frequent one")
        for at in sorted(gone)
    ]
    return [placed for at, placed in enumerate(pairs) if at not in gone], drops


def _bins(size_P: Floats) -> npt.NDArray[np.intp]:
    """Bins of equal count over the sizes above 0; equal sizes share one."""
    above = np.sort(size_P[size_P > 0])
    if not len(above):
        return np.zeros(len(size_P), dtype=np.intp)
    edges = np.unique(above[(np.arange(1, _BINS) * len(above)) // _BINS])
    return np.searchsorted(edges, size_P, side="right").astype(np.intp)
