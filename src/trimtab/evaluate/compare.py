"""What changed between two scorecards of one suite: paired differences with their intervals."""

from dataclasses import dataclass
from typing import Any, Literal

from trimtab.records import Direction, Scorecard, UserError
from trimtab.stats import paired_interval


@dataclass(frozen=True, slots=True)
class Change:
    """``delta`` = after − before over the ``n`` cases scored in both, with its paired, clustered interval.

    ``before`` and ``after`` are the means over those cases. ``verdict``: ``better`` or ``worse`` where the interval
    excludes 0 and the metric has a direction, ``moved`` where it has none, else ``same``.
    """

    metric: str
    before: float
    after: float
    delta: float
    low: float
    high: float
    n: int
    unit: str
    direction: Direction
    verdict: Literal["better", "worse", "moved", "same"]

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def compare(before: Scorecard, after: Scorecard, level: float = 0.95) -> list[Change]:
    """A change for each metric that both scored on some common case. Raises UserError on different suites."""
    if before.suite_digest != after.suite_digest:
        raise UserError(
            "the scorecards are of different suites",
            field="suite_digest",
            expected=before.suite_digest[:12],
            fix="Evaluate both releases on the same cases",
        )
    shared = [name for name in before.metrics if name in after.metrics]
    return [change for name in shared if (change := _change(name, before, after, level))]


def _change(name: str, before: Scorecard, after: Scorecard, level: float) -> Change | None:
    old, new = before.cases.get(name, {}), after.cases.get(name, {})
    ids = [case_id for case_id in old if case_id in new]
    if not ids:
        return None
    a, b = [new[case_id] for case_id in ids], [old[case_id] for case_id in ids]
    interval = paired_interval(a, b, [after.clusters.get(case_id, case_id) for case_id in ids], level)
    metric = after.metrics[name]
    return Change(
        metric=name,
        before=sum(b) / len(b),
        after=sum(a) / len(a),
        delta=interval.value,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        unit=metric.unit,
        direction=metric.direction,
        verdict=_verdict(interval.low, interval.high, metric.direction),
    )


def _verdict(low: float, high: float, direction: Direction) -> Literal["better", "worse", "moved", "same"]:
    if low <= 0 <= high:
        return "same"
    if direction == "none":
        return "moved"
    return "better" if (low > 0) == (direction == "higher") else "worse"
