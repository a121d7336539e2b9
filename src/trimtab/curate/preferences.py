"""Hygiene of preference pairs: verdicts that contradict each other, pairs that say nothing, and shortcuts to learn."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.stage import Staged
from trimtab.curate.units import final_answers
from trimtab.records import Comparison, Message
from trimtab.stats import wilson
from trimtab.text import Style, normalise, style


def preference_stage(rows: Sequence[Placed]) -> Staged:
    """Pairs without fault, and the shortcuts that are left in them."""
    kept, drops = clean_pairs(rows)
    pairs = [placed.row for placed in kept if isinstance(placed.row, Comparison)]
    return Staged(kept, drops, findings={"shortcuts": shortcuts(pairs)} if pairs else {})


def clean_pairs(rows: Sequence[Placed]) -> tuple[list[Placed], list[Drop]]:
    """Rows without the pairs that are empty, differ in form alone, or are judged both ways (both go then)."""
    verdicts: dict[str, set[str]] = {}
    for placed in rows:
        if isinstance(placed.row, Comparison):
            verdicts.setdefault(_unordered(placed.row), set()).add(_ordered(placed.row))
    kept, drops = [], []
    for placed in rows:
        reason = _fault(placed.row, verdicts) if isinstance(placed.row, Comparison) else None
        if reason is None:
            kept.append(placed)
        else:
            drops.append(dropped(placed, reason, "of a preference pair"))
    return kept, drops


def shortcuts(pairs: Sequence[Comparison]) -> dict[str, dict[str, Any]]:
    """How often the chosen answer is longer, has more list items, more hedges, more citations.

    That is what a model could learn in place of quality. Each as a share of the pairs that differ in it, with Wilson's
    interval; 0.5 means no shortcut.
    """
    measures: dict[str, Callable[[Style], int]] = {
        "longer": lambda side: side.words,
        "more_list_items": lambda side: side.list_items,
        "more_hedges": lambda side: side.hedges,
        "more_citations": lambda side: side.citations,
    }
    sides = [(_style(pair.chosen), _style(pair.rejected)) for pair in pairs]
    found = {}
    for name, measure in measures.items():
        differing = [sign for chosen, rejected in sides if (sign := measure(chosen) - measure(rejected))]
        if differing:
            share = wilson(sum(sign > 0 for sign in differing), len(differing))
            found[name] = {"value": share.value, "n": share.n, "low": share.low, "high": share.high}
    return found


def _fault(pair: Comparison, verdicts: dict[str, set[str]]) -> str | None:
    if not final_answers(pair) and not any(turn.tool_calls for turn in (*pair.chosen, *pair.rejected)):
        return "empty answers"
    if not any(turn.content.strip() or turn.tool_calls for turn in pair.chosen):
        return "empty chosen answer"
    if _form(pair.chosen) == _form(pair.rejected):
        return "no difference"
    return "contradictory verdicts" if len(verdicts[_unordered(pair)]) > 1 else None


def _style(turns: Sequence[Message]) -> Style:
    return style("\n".join(turn.content for turn in turns))


def _form(turns: Sequence[Message]) -> list[Any]:
    return [[normalise(turn.content), [call.to_json() for call in turn.tool_calls]] for turn in turns]


def _ordered(pair: Comparison) -> str:
    return _spelled(pair.chosen) + _spelled(pair.rejected)


def _unordered(pair: Comparison) -> str:
    return "\n".join([_spelled(pair.prompt), *sorted([_spelled(pair.chosen), _spelled(pair.rejected)])])


def _spelled(turns: Sequence[Message]) -> str:
    return json.dumps([turn.to_json() for turn in turns], sort_keys=True)
