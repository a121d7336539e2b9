"""What each metric is measured in, which way is better, and its means over cases."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.evaluate.checks.code import CUT_OFF, FAILURES, UNSUPPORTED
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
_SOURCES = ("_answer_tokens", "_least_token", "_choice", "_p_true", "_stated")
_WHOLE = frozenset({"ece", "ece_width", "ece_scaled", "ead", "distinct_1", "distinct_2", "self_bleu"})
_WHOLE |= {"vendi", "vendi_meaning", "opening_share"}
_KINDS = {
    "robustness": Kind("points", "higher", -1.0, 1.0),
    "route": Kind("share", "lower"),
    "tokens_per_answer": Kind("tokens", "none", 0.0, None),
    "kl_to_base": Kind("nats/token", "lower", 0.0, None),
    "ece": Kind("", "lower"),
    "ece_width": Kind("", "lower"),
    "ece_scaled": Kind("", "lower"),
    "brier": Kind("", "lower"),
    "brier_scaled": Kind("", "lower"),
    "brier_reliability": Kind("", "lower"),
    "brier_resolution": Kind("", "higher"),
    "overconfidence": Kind("", "none", -1.0, 1.0),
    "expected_ece": Kind("", "none"),
    "kl_fixed": Kind("nats/token", "lower", 0.0, None),
    "entropy": Kind("nats/token", "none", 0.0, None),
    "hedges_per_100_words": Kind("per 100 words", "none", 0.0, 100.0),
    "citations_per_answer": Kind("citations", "none", 0.0, None),
    "list_rate": Kind("share", "none"),
    "markdown_rate": Kind("share", "none"),
    "opening_share": Kind("share", "lower"),
    "distinct_1": Kind("share", "higher"),
    "distinct_2": Kind("share", "higher"),
    "self_bleu": Kind("", "lower"),
    "vendi": Kind("answers", "higher", 1.0, None),
    "vendi_meaning": Kind("answers", "higher", 1.0, None),
    "ead": Kind("", "higher", 0.0, None),
    "attack_success": Kind("share", "lower"),
    "unscored": Kind("share", "lower"),
    "ungrounded_share": Kind("share", "lower"),
    "ungrounded_share_entailed": Kind("share", "lower"),
    "refusal_rate": Kind("share", "none"),
    "partial_refusal": Kind("share", "none"),
    **dict.fromkeys((*FAILURES.values(), CUT_OFF, UNSUPPORTED), Kind("share", "lower")),
    "math_calculator_gain": Kind("share", "none", -1.0, 1.0),
    "harmful_compliance": Kind("share", "lower"),
    "over_refusal": Kind("share", "lower"),
    "sycophancy": Kind("share", "lower"),
}


def kind_of(metric: str) -> Kind:
    """The kind of a metric by name; ``attack_success_s1`` is of ``attack_success``'s, ``ece_choice`` of ``ece``'s."""
    family = metric.partition("_")[0]
    if family in ("robustness", "route"):
        return _KINDS[family]
    return _KINDS.get("attack_success" if is_attack(metric) else _plain(metric), _SHARE)


def is_mean(metric: str) -> bool:
    """Whether the metric is a mean over cases, so that some of them have one too."""
    return _plain(metric) not in _WHOLE and not metric.startswith("robustness_")


def _plain(metric: str) -> str:
    """The metric without the source of confidence that its name ends in."""
    ends = (metric.removesuffix(end) for end in _SOURCES if metric.endswith(end))
    return next((plain for plain in ends if plain in _KINDS), metric)


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
