"""What another harness found, and the scorecard it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.evaluate.metrics import Scores
from trimtab.records import Direction, Metric, Scorecard, UserError, digest
from trimtab.stats import Interval, mean_interval, normal_quantile


@dataclass(frozen=True, slots=True)
class Reported:
    """A metric as the harness itself gives it: its standard error where it has one (0: none), over ``n`` samples."""

    value: float
    stderr: float
    n: int


@dataclass(frozen=True, slots=True)
class Result:
    """One task run by one harness.

    ``scores``: metric -> sample id -> score, where its log holds them; ``reported``: metric -> what it says itself;
    ``lower``: metrics of which less is better; ``clusters``: sample id -> question, where one is asked several times;
    ``unscored``: samples that failed; ``content``: what decides on comparability (the questions and their targets).
    """

    suite: str
    scores: Mapping[str, Scores]
    reported: Mapping[str, Reported]
    content: Any
    clusters: Mapping[str, str] = field(default_factory=dict)
    lower: frozenset[str] = frozenset()
    unscored: int = 0
    answers: Mapping[str, Any] = field(default_factory=dict)


def scorecard_of(result: Result, release: str, level: float = 0.95) -> Scorecard:
    """The scorecard of ``release`` (its behaviour digest): intervals are ours wherever there are scores by sample.

    A metric of which the harness gives only a value has the normal interval of its own standard error, and none (it
    spans the value alone) where it gives no error. Raises UserError where nothing was scored.
    """
    clusters = {
        case_id: result.clusters.get(case_id, case_id) for scores in result.scores.values() for case_id in scores
    }
    metrics = {
        name: _of_scores(scores, clusters, name in result.lower, result.unscored, level)
        for name, scores in result.scores.items()
        if scores
    }
    for name, reported in result.reported.items():
        if name not in metrics and reported.n:
            metrics[name] = _of_report(reported, name in result.lower, result.unscored, level)
    if not metrics:
        raise UserError(f"{result.suite}: no sample was scored", fix="Read the harness's own log for what went wrong")
    return Scorecard(
        suite=result.suite,
        suite_digest=digest(result.content),
        release=release,
        metrics=metrics,
        cases={name: dict(scores) for name, scores in result.scores.items()},
        clusters=clusters,
        answers=dict(result.answers),
    )


def _of_scores(scores: Scores, clusters: Mapping[str, str], less: bool, unscored: int, level: float) -> Metric:
    values = list(scores.values())
    share = all(0 <= value <= 1 for value in values)
    lower, upper = (0.0, 1.0) if share else (None, None)
    found = mean_interval(values, [clusters[case_id] for case_id in scores], level, lower, upper)
    return _metric(found, "share" if share else "", less, unscored)


def _of_report(reported: Reported, less: bool, unscored: int, level: float) -> Metric:
    half = normal_quantile(0.5 + level / 2) * reported.stderr
    found = Interval(reported.value, reported.n, reported.value - half, reported.value + half)
    return _metric(found, "", less, unscored)


def _metric(found: Interval, unit: str, less: bool, unscored: int) -> Metric:
    way: Direction = "lower" if less else "higher"
    return Metric(found.value, found.n, found.low, found.high, unit, way, unscored)
