"""The check of a turn's calls against every accepted value."""

from collections.abc import Sequence

from trimtab.evaluate.routes.breakdown import breakdown
from trimtab.records import Case
from trimtab.tools import Outcome


def calls_check(case: Case, samples: Sequence[Outcome]) -> dict[str, float]:
    """``ast_accuracy``: whether every call that is due was made with accepted values, in any order, and no other.

    ``calls``: ``[{"name", "allowed": {argument: [value, ...]}}]``; none = must not call.
    """
    return {"ast_accuracy": float(breakdown(case, samples[0].calls).clean)}
