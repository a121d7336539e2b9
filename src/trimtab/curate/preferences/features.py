"""The features of an answer that a model could learn to prefer in place of quality, each as a number."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trimtab.curate.place import Placed
from trimtab.curate.preferences.pairs import pair_of, text_of
from trimtab.text import style, surface

Floats = npt.NDArray[np.float64]

FEATURES = (
    "length",
    "hedging",
    "citations",
    "lists",
    "headings",
    "bold",
    "flattery",
    "refusals",
    "emoji",
    "exclamations",
)
"""``length`` is the logarithm of the words, the others the logarithm of 1 + the count: ratios, not differences."""


def features_of(text: str) -> list[float]:
    """The features in the order of ``FEATURES``."""
    manner, seen = style(text), surface(text)
    counts = (
        manner.words,
        manner.hedges,
        manner.citations,
        manner.list_items,
        seen.headings,
        seen.bold,
        seen.flattery,
        seen.refusals,
        seen.emoji,
        seen.exclamations,
    )
    return [math.log1p(count) for count in counts]


def differences(pairs: Sequence[Placed]) -> Floats:
    """[P, F] features of the chosen side less those of the rejected."""
    rows = [
        np.subtract(features_of(text_of(pair_of(one).chosen)), features_of(text_of(pair_of(one).rejected)))
        for one in pairs
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))
