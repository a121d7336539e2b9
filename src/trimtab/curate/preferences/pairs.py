"""One spelling of a pair's parts, by which equal prompts, equal answers and equal pairs are known."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trimtab.curate.place import Placed
from trimtab.records import Comparison, Message

WEIGHT = "weight"
PROBABILITY = "probability"
"""``labels.probability``: how sure it is that the chosen side is the better one; 1 where there is none."""


def spelled(turns: Sequence[Message]) -> str:
    """Turns as one text, equal only for equal turns."""
    return json.dumps([turn.to_json() for turn in turns], sort_keys=True)


def ordered(pair: Comparison) -> str:
    """Equal for pairs with the same verdict."""
    return f"{spelled(pair.chosen)}\n{spelled(pair.rejected)}"


def unordered(pair: Comparison) -> str:
    """Equal for pairs over the same prompt and answers, whatever the verdict."""
    return "\n".join([spelled(pair.prompt), *sorted([spelled(pair.chosen), spelled(pair.rejected)])])


def chosen_is_first(pair: Comparison) -> bool:
    """Whether the chosen side comes first in the order of ``unordered``."""
    return spelled(pair.chosen) <= spelled(pair.rejected)


def annotators_of(pair: Comparison) -> tuple[str, ...]:
    """Who judged: the row's annotators, or its provenance's; each once, in order; none where nobody signed."""
    named = pair.annotators or pair.provenance.get("annotator") or ()
    several = [named] if isinstance(named, str) else named if isinstance(named, Sequence) else [named]
    return tuple(dict.fromkeys(str(name) for name in several if name))


def weight_of(pair: Comparison) -> float:
    """``labels.weight`` where it is one, else 1: what is no weight is for training to refuse."""
    return _number(pair.labels.get(WEIGHT), math.inf)


def probability_of(pair: Comparison) -> float:
    """``labels.probability`` where it is one, else 1."""
    return _number(pair.labels.get(PROBABILITY), 1.0)


def _number(given: Any, most: float) -> float:
    usable = isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= most and given < math.inf
    return float(given) if usable else 1.0


def text_of(turns: Sequence[Message]) -> str:
    """All that a side says."""
    return "\n".join(turn.content for turn in turns)


def pair_of(placed: Placed) -> Comparison:
    """The row of a place that is known to hold a pair."""
    assert isinstance(placed.row, Comparison)
    return placed.row


def labelled(placed: Placed, labels: Mapping[str, Any]) -> Placed:
    """The same pair with more labels."""
    pair = pair_of(placed)
    return replace(placed, row=replace(pair, labels={**pair.labels, **labels}))
