"""Pairs from which nothing can be learnt: empty answers, sides that differ in form alone, weight 0."""

from collections.abc import Sequence
from typing import Any

from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.preferences.pairs import pair_of, weight_of
from trimtab.curate.units import final_answers
from trimtab.records import Comparison, Message
from trimtab.text import normalise


def without_faults(pairs: Sequence[Placed]) -> tuple[list[Placed], list[Drop]]:
    """The pairs that say something, and a drop for each other."""
    kept, drops = [], []
    for placed in pairs:
        reason = _fault(pair_of(placed))
        if reason is None:
            kept.append(placed)
        else:
            drops.append(dropped(placed, reason, "of a preference pair"))
    return kept, drops


def _fault(pair: Comparison) -> str | None:
    if not final_answers(pair) and not any(turn.tool_calls for turn in (*pair.chosen, *pair.rejected)):
        return "empty answers"
    if not any(turn.content.strip() or turn.tool_calls for turn in pair.chosen):
        return "empty chosen answer"
    if _form(pair.chosen) == _form(pair.rejected):
        return "no difference"
    return "weight 0" if weight_of(pair) == 0 else None


def _form(turns: Sequence[Message]) -> list[Any]:
    return [[normalise(turn.content), [call.to_json() for call in turn.tool_calls]] for turn in turns]
