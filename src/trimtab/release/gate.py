"""The gate: a candidate passes when every check does; what was not measured does not pass."""

import math
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trimtab.records import Check, GateVerdict, Metric, Scorecard
from trimtab.release.paired import Delta, delta

CODE_VERSION = 1
"""Raised by hand when the same scorecards give another verdict."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Section):
    """An absolute limit. ``sure``: the whole interval must keep it, not the value alone."""

    min: float | None = None
    max: float | None = None
    sure: bool = False

    @model_validator(mode="after")
    def _some_limit(self) -> "Limit":
        if self.min is None and self.max is None:
            raise ValueError("a limit needs min or max")
        return self


class GateConfig(_Section):
    """Which metrics must rise, which must not fall, and what is never allowed.

    ``alpha`` is the chance, a check, that a candidate exactly at the bound passes. Because all checks must pass, the
    chance that a bad candidate passes the whole gate is at most ``alpha`` too (intersection-union test, Berger 1982);
    a candidate equal to the incumbent passes a gate with a superiority check at most that often.
    """

    superiority: dict[str, float] = Field(default_factory=dict, description="Metric: least gain over the incumbent.")
    non_inferiority: dict[str, float] = Field(default_factory=dict, description="Metric: most loss that is accepted.")
    non_inferiority_to_base: dict[str, float] = Field(
        default_factory=dict, description="Metric: most loss accepted against π0, the fixed anchor."
    )
    absolute: dict[str, Limit] = Field(default_factory=dict, description="Metric: {min, max, sure}.")
    served_floor: float = Field(
        default=0.05, gt=0, description="Mean |Δ log-prob| in nats up to which served counts as trained."
    )
    coverage: float = Field(default=0.95, gt=0, le=1, description="Least share of cases scored on both sides.")
    alpha: float = Field(default=0.025, gt=0, lt=0.5)

    @model_validator(mode="after")
    def _margins_are_positive(self) -> "GateConfig":
        for section in ("superiority", "non_inferiority", "non_inferiority_to_base"):
            for metric, margin in getattr(self, section).items():
                if not math.isfinite(margin) or margin < 0:
                    raise ValueError(f"{section}.{metric} must be 0 or more")
        return self


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
    candidate: Scorecard, incumbent: Scorecard, base: Scorecard | None, config: GateConfig, facts: HardFacts
) -> GateVerdict:
    """Every check with its reason in words; ``passed`` when all of them passed. Pure: same numbers, same verdict."""
    level = 1 - 2 * config.alpha
    checks = [
        *_hard_stops(facts, config),
        *(_superior(candidate, incumbent, name, gain, config, level) for name, gain in config.superiority.items()),
        *(
            _not_inferior(candidate, incumbent, name, loss, config, level, "the incumbent")
            for name, loss in config.non_inferiority.items()
        ),
        *(
            _not_inferior(candidate, base, name, loss, config, level, "π0")
            for name, loss in config.non_inferiority_to_base.items()
        ),
        *(_within(candidate.metrics.get(name), name, limit) for name, limit in config.absolute.items()),
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


def _superior(
    candidate: Scorecard, incumbent: Scorecard, name: str, gain: float, config: GateConfig, level: float
) -> Check:
    found = delta(candidate, incumbent, name, level)
    fault = _fault(found, candidate, incumbent, config)
    if found is None or fault:
        return Check(name=name, kind="superiority", passed=False, reason=fault, margin=gain)
    value, low, high = found.better
    passed = low > gain if gain == 0 else low >= gain
    words = f"better than the incumbent by {_span(value, low, high, found.n)}; sure gain needed: {gain:g}"
    return Check(name, "superiority", passed, words, value, low, high, gain, found.n)


def _not_inferior(
    candidate: Scorecard,
    other: Scorecard | None,
    name: str,
    loss: float,
    config: GateConfig,
    level: float,
    whom: str,
) -> Check:
    found = None if other is None else delta(candidate, other, name, level)
    fault = _fault(found, candidate, other, config)
    title = name if whom == "the incumbent" else f"{name} against {whom}"
    if found is None or fault:
        return Check(name=title, kind="non_inferiority", passed=False, reason=fault, margin=loss)
    value, low, high = found.better
    words = f"against {whom} by {_span(value, low, high, found.n)}; a loss of more than {loss:g} must be ruled out"
    return Check(title, "non_inferiority", low >= -loss, words, value, low, high, loss, found.n)


def _fault(found: Delta | None, candidate: Scorecard, other: Scorecard | None, config: GateConfig) -> str:
    """Why two scorecards cannot be compared in this metric; empty where they can."""
    if other is None:
        return "not measured: there is no scorecard to compare with"
    if candidate.suite_digest != other.suite_digest:
        return "not comparable: the two were scored on different cases"
    if found is None:
        return "not measured on both sides"
    if found.direction == "none":
        return "has no better side; give it an absolute limit instead"
    if found.coverage < config.coverage:
        return f"only {found.coverage:.0%} of the cases were scored on both sides; {config.coverage:.0%} are needed"
    return ""


def _within(metric: Metric | None, name: str, limit: Limit) -> Check:
    if metric is None or metric.n == 0 or not all(map(math.isfinite, (metric.value, metric.ci_low, metric.ci_high))):
        return Check(name=name, kind="absolute", passed=False, reason="not measured")
    low, high = (metric.ci_low, metric.ci_high) if limit.sure else (metric.value, metric.value)
    passed = (limit.min is None or low >= limit.min) and (limit.max is None or high <= limit.max)
    bounds = [f"at least {limit.min:g}"] if limit.min is not None else []
    bounds += [f"at most {limit.max:g}"] if limit.max is not None else []
    what = "the whole interval" if limit.sure else "the value"
    reason = f"{_span(metric.value, metric.ci_low, metric.ci_high, metric.n)}; {what} must be {' and '.join(bounds)}"
    margin = limit.max if limit.max is not None else limit.min
    return Check(name, "absolute", passed, reason, metric.value, metric.ci_low, metric.ci_high, margin, metric.n)


def _span(value: float, low: float, high: float, n: int) -> str:
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}] (n={n})"
