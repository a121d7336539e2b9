"""What went wrong with the calls of a turn: a wrong tool, wrong arguments, a call that is missing or one too many."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trimtab.evaluate.routes.allowed import accepted_calls, fits
from trimtab.evaluate.routes.matching import call_matches, largest_pairing
from trimtab.records import Case, ToolCall

Due = TypeVar("Due")


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Counts of calls: ``right`` ones, and each error. What is due = right + wrong_tool + wrong_arguments + missing."""

    right: int
    wrong_tool: int
    wrong_arguments: int
    missing: int
    extra: int

    @property
    def clean(self) -> bool:
        """Whether every call that was due was made, and no other."""
        return not (self.wrong_tool or self.wrong_arguments or self.missing or self.extra)


def breakdown(case: Case, made: Sequence[ToolCall]) -> Breakdown:
    """The calls of a turn by what went wrong, against the accepted values where the case has a ``calls`` check.

    Right calls are taken out first (as many as can be, in any order); of the rest a call of a tool that is due has
    wrong arguments; then a call of another tool stands for one that is due; what remains is missing or one too many.
    """
    if case.expected.check.get("kind") == "calls":
        due = accepted_calls(case)
        return _breakdown(due, [one.name for one in due], made, fits)
    calls = case.expected.calls
    return _breakdown(calls, [one.name for one in calls], made, call_matches)


def breakdown_scores(case: Case, made: Sequence[ToolCall]) -> dict[str, float]:
    """``call_recall`` (a call was made when one was due) or ``no_call_accuracy``, and 0 or 1 for each kind of error."""
    found = breakdown(case, made)
    due = found.right + found.wrong_tool + found.wrong_arguments + found.missing
    called = float(bool(made))
    return {
        **({"call_recall": called} if due else {"no_call_accuracy": 1 - called}),
        "route_wrong_tool": float(found.wrong_tool > 0),
        "route_wrong_arguments": float(found.wrong_arguments > 0),
        "route_missing_call": float(found.missing > 0),
        "route_extra_call": float(found.extra > 0),
    }


def _breakdown(
    due: Sequence[Due], names: Sequence[str], made: Sequence[ToolCall], same: Callable[[Due, ToolCall], bool]
) -> Breakdown:
    placed = largest_pairing([[i for i, call in enumerate(made) if same(want, call)] for want in due])
    open_due = Counter(name for i, name in enumerate(names) if i not in placed)
    open_made = Counter(call.name for i, call in enumerate(made) if i not in placed.values())
    wrong_arguments = sum(min(count, open_made[name]) for name, count in open_due.items())
    due_left = open_due.total() - wrong_arguments
    made_left = open_made.total() - wrong_arguments
    wrong_tool = min(due_left, made_left)
    return Breakdown(len(placed), wrong_tool, wrong_arguments, due_left - wrong_tool, made_left - wrong_tool)
