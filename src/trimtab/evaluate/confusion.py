"""Explicit actions as a confusion matrix: what was due against what was done, carried in a scorecard's slices."""

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.records import ACTIONS, Action, Metric, Scorecard
from trimtab.stats import wilson

DUE = "due="
NONE = "none"
"""What was done where an answer says nothing."""
DONE = (*ACTIONS, NONE)


@dataclass(frozen=True, slots=True)
class Confusion:
    """``counts``: (due, done) -> cases; every pair is there."""

    counts: Mapping[tuple[str, str], int]

    def due(self, action: str) -> int:
        return sum(self.counts[action, done] for done in DONE)

    def done(self, action: str) -> int:
        return sum(self.counts[due, action] for due in ACTIONS)


def confusion_slices(actions: Mapping[str, tuple[Action, Action | None]], level: float) -> dict[str, dict[str, Metric]]:
    """``due=decline`` -> what was done -> its share among the cases in which that was due (Wilson's interval)."""
    found = {}
    for action in ACTIONS:
        did = [done or NONE for due, done in actions.values() if due == action]
        if did:
            found[f"{DUE}{action}"] = {done: _share(did.count(done), len(did), done == action, level) for done in DONE}
    return found


def confusion(scorecard: Scorecard) -> Confusion:
    """The matrix of counts that a scorecard carries."""
    rows = {action: scorecard.slices.get(f"{DUE}{action}", {}) for action in ACTIONS}
    return Confusion(
        {
            (due, done): round(row[done].value * row[done].n) if done in row else 0
            for due, row in rows.items()
            for done in DONE
        }
    )


def confusion_lines(scorecard: Scorecard) -> list[str]:
    """The matrix as text: a row for each action due, a column for each done, then precision and recall."""
    found = confusion(scorecard)
    lines = [f"{'due / done':<11}" + "".join(f"{done:>10}" for done in DONE) + "   recall"]
    for action in ACTIONS:
        counts = "".join(f"{found.counts[action, done]:>10}" for done in DONE)
        lines.append(f"{action:<11}{counts}   {_rate(scorecard, action, 'recall')}")
    lines += [f"precision of {action:<10} {_rate(scorecard, action, 'precision')}" for action in ACTIONS]
    return lines


def _rate(scorecard: Scorecard, action: str, name: str) -> str:
    metric = scorecard.slices.get(f"action={action}", {}).get(name)
    return f"{metric.value:.3f} [{metric.ci_low:.3f}, {metric.ci_high:.3f}] n={metric.n}" if metric else "-"


def _share(count: int, n: int, right: bool, level: float) -> Metric:
    interval = wilson(count, n, level)
    return Metric(interval.value, n, interval.low, interval.high, "share", "higher" if right else "lower")
