"""The gate: a candidate passes when every check does; what was not measured does not pass."""

import math
from dataclasses import dataclass

from trimtab.records import Check, GateVerdict, Metric, Scorecard
from trimtab.release.against import no_regression, not_inferior, not_overfitted, span, superior
from trimtab.release.best import NAME as BEST
from trimtab.release.gate_config import GateConfig, Limit

CODE_VERSION = 2
"""Raised by hand when the same scorecards give another verdict."""


@dataclass(frozen=True, slots=True)
class HardFacts:
    """What stops a release whatever it scored; None means not measured, which stops it as well.

    ``contaminated``: training rows that repeat a sealed case. ``served_difference``: mean |Δ log-prob| in nats between
    the trained model and the served one. ``severity_1``: red-team attacks of the worst kind that succeeded.
    """

    contaminated: int | None = None
    served_difference: float | None = None
    severity_1: int | None = None


def gate(
    candidate: Scorecard,
    incumbent: Scorecard,
    base: Scorecard | None,
    config: GateConfig,
    facts: HardFacts,
    *,
    best: Scorecard | None = None,
    development: Scorecard | None = None,
) -> GateVerdict:
    """Every check with its reason in words; ``passed`` when all of them passed. Pure: same numbers, same verdict.

    ``best``: of ``best_so_far``. ``development``: the candidate on the development cases.
    """
    anchors = (
        (config.non_inferiority, incumbent, "the incumbent"),
        (config.non_inferiority_to_base, base, "π0"),
        (config.non_inferiority_to_best, best, BEST),
    )
    checks = [
        *_hard_stops(facts, config),
        *(superior(candidate, incumbent, name, gain, config) for name, gain in config.superiority.items()),
        *(
            not_inferior(candidate, other, name, loss, config, whom)
            for losses, other, whom in anchors
            for name, loss in losses.items()
        ),
        *(no_regression(candidate, incumbent, config.regression, config) if config.regression else ()),
        *(not_overfitted(candidate, development, name, gap, config) for name, gap in config.overfitting.items()),
        *(_within(candidate.metrics.get(name), name, limit) for name, limit in config.absolute.items()),
        _scored(candidate, config.unscored),
    ]
    passed = all(check.passed for check in checks)
    return GateVerdict("passed" if passed else "blocked", tuple(checks))


def _hard_stops(facts: HardFacts, config: GateConfig) -> list[Check]:
    served, floor = facts.served_difference, config.served_floor
    return [
        _none_of("contamination", facts.contaminated, "training rows repeat a sealed case"),
        Check(
            name="served as trained",
            kind="hard_stop",
            passed=served is not None and served <= floor,
            reason="not measured"
            if served is None
            else f"served and trained differ by {served:.4g} nats a token on average; at most {floor:g} is accepted",
            delta=served,
            margin=floor,
        ),
        _none_of("severity-1 attacks", facts.severity_1, "attacks of severity 1 succeeded"),
    ]


def _none_of(name: str, count: int | None, what: str) -> Check:
    reason = "not measured" if count is None else f"{count} {what}; none may"
    return Check(name=name, kind="hard_stop", passed=count == 0, reason=reason, n=count or 0)


def _scored(candidate: Scorecard, most: float) -> Check:
    """The share of cases that were cut off or failed; they are no zeros, and too many of them say nothing."""
    metric = candidate.metrics.get("unscored")
    share = metric.value if metric is not None else 0.0
    words = f"{share:.0%} of the cases could not be scored (cut off, or failed); at most {most:.0%} may"
    return Check("scored cases", "unscored", share <= most, words, share, margin=most, n=metric.n if metric else 0)


def _within(metric: Metric | None, name: str, limit: Limit) -> Check:
    if metric is None or metric.n == 0 or not all(map(math.isfinite, (metric.value, metric.ci_low, metric.ci_high))):
        return Check(name=name, kind="absolute", passed=False, reason="not measured")
    low, high = (metric.ci_low, metric.ci_high) if limit.sure else (metric.value, metric.value)
    passed = (limit.min is None or low >= limit.min) and (limit.max is None or high <= limit.max)
    bounds = [f"at least {limit.min:g}"] if limit.min is not None else []
    bounds += [f"at most {limit.max:g}"] if limit.max is not None else []
    what = "the whole interval" if limit.sure else "the value"
    reason = f"{span(metric.value, metric.ci_low, metric.ci_high, metric.n)}; {what} must be {' and '.join(bounds)}"
    margin = limit.max if limit.max is not None else limit.min
    return Check(name, "absolute", passed, reason, metric.value, metric.ci_low, metric.ci_high, margin, metric.n)
