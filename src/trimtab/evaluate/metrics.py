"""What each metric is measured in, which way is better, and its means over cases."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.records import Direction, Metric
from trimtab.stats import Interval, mean_interval

Scores = Mapping[str, float]
"""Case id -> score."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Unit, direction and bounds of a metric."""

    unit: str = ""
    direction: Direction = "higher"
    lower: float | None = 0.0
    upper: float | None = 1.0


_SHARE = Kind("share")
_KINDS = {
    "hedges_per_100_words": Kind("per 100 words", "none", 0.0, None),
    "robustness": Kind("points", "higher", -1.0, 1.0),
    "route": Kind("share", "lower"),
    "tokens_per_answer": Kind("tokens", "none", 0.0, None),
    "kl_to_base": Kind("nats/token", "lower", 0.0, None),
    "ece": Kind("", "lower"),
    "brier": Kind("", "lower"),
    "ead": Kind("", "higher", 0.0, None),
    "attack_success": Kind("share", "lower"),
    "unscored": Kind("share", "lower"),
}


def kind_of(metric: str) -> Kind:
    """The kind of a metric by name; ``attack_success_s1`` and its like are of ``attack_success``'s."""
    family = metric.partition("_")[0]
    if family in ("robustness", "route"):
        return _KINDS[family]
    return _KINDS.get("attack_success" if is_attack(metric) else metric, _SHARE)


def is_attack(metric: str) -> bool:
    return metric.startswith("attack_success")


def metric_of(name: str, interval: Interval, unscored: int = 0) -> Metric | None:
    """None where a single case leaves an unbounded metric without an interval."""
    if math.isinf(interval.high) or math.isinf(interval.low):
        return None
    kind = kind_of(name)
    return Metric(interval.value, interval.n, interval.low, interval.high, kind.unit, kind.direction, unscored)


def mean_metric(
    name: str, scores: Scores, clusters: Mapping[str, str], level: float, unscored: int = 0
) -> Metric | None:
    """The mean over cases with its clustered interval; None where it has no score, or no interval."""
    if not scores:
        return None
    kind = kind_of(name)
    of = [clusters[case_id] for case_id in scores]
    return metric_of(name, mean_interval(list(scores.values()), of, level, kind.lower, kind.upper), unscored)
