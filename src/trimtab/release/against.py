"""Checks that hold a candidate against another scorecard: gains, losses, a family without regressions, overfitting."""

from trimtab.records import Check, Scorecard
from trimtab.release.gate_config import GateConfig, Regression
from trimtab.release.paired import Delta, between, delta, p_worse
from trimtab.stats import holm


def superior(candidate: Scorecard, incumbent: Scorecard, name: str, gain: float, config: GateConfig) -> Check:
    """Better than the incumbent by more than ``gain``, beyond doubt."""
    found = delta(candidate, incumbent, name, 1 - 2 * config.alpha)
    fault = _fault(found, candidate, incumbent, config)
    if found is None or fault:
        return Check(name=name, kind="superiority", passed=False, reason=fault, margin=gain)
    value, low, high = found.better
    passed = low > gain if gain == 0 else low >= gain
    words = f"better than the incumbent by {span(value, low, high, found.n)}; sure gain needed: {gain:g}"
    return Check(name, "superiority", passed, words, value, low, high, gain, found.n)


def not_inferior(
    candidate: Scorecard, other: Scorecard | None, name: str, loss: float, config: GateConfig, whom: str
) -> Check:
    """No worse than ``whom`` by more than ``loss``, beyond doubt."""
    found = None if other is None else delta(candidate, other, name, 1 - 2 * config.alpha)
    fault = _fault(found, candidate, other, config)
    title = name if whom == "the incumbent" else f"{name} against {whom}"
    if found is None or fault:
        return Check(name=title, kind="non_inferiority", passed=False, reason=fault, margin=loss)
    value, low, high = found.better
    words = f"against {whom} by {span(value, low, high, found.n)}; a loss of more than {loss:g} must be ruled out"
    return Check(title, "non_inferiority", low >= -loss, words, value, low, high, loss, found.n)


def no_regression(candidate: Scorecard, incumbent: Scorecard, family: Regression, config: GateConfig) -> list[Check]:
    """A check a metric: blocked where it is worse beyond doubt, the doubt shared by the family (Holm).

    What is missing on either side blocks, for a metric must not escape by not being measured.
    """
    deltas = {name: delta(candidate, incumbent, name, 1 - 2 * family.alpha) for name in family.metrics}
    faults = {name: _fault(found, candidate, incumbent, config) for name, found in deltas.items()}
    sound = [name for name in family.metrics if not faults[name]]
    adjusted = dict(zip(sound, holm([p_worse(candidate, incumbent, n, family.margin) for n in sound]), strict=True))
    return [_regression(name, deltas[name], faults[name], adjusted.get(name), family) for name in family.metrics]


def _regression(name: str, found: Delta | None, fault: str, p: float | None, family: Regression) -> Check:
    if found is None or p is None:
        return Check(name=name, kind="regression", passed=False, reason=fault, margin=family.margin)
    value, low, high = found.better
    worse = f"worse by more than {family.margin:g}" if family.margin else "worse"
    told = f"p = {p:.3g} that a release as good would look as bad, {len(family.metrics)} metrics allowed for"
    words = f"{span(value, low, high, found.n)}; {worse} beyond doubt blocks: {told}, {family.alpha:g} is the bar"
    return Check(name, "regression", p > family.alpha, words, value, low, high, family.margin, found.n)


def not_overfitted(
    candidate: Scorecard, development: Scorecard | None, name: str, gap: float, config: GateConfig
) -> Check:
    """Development (seen while building) not above the sealed cases by more than ``gap``, beyond doubt.

    The two are independent samples, so the gap's interval is that of two values with their own clustered intervals
    (MOVER). Not measured blocks.
    """
    ours, seen = candidate.metrics.get(name), None if development is None else development.metrics.get(name)
    found = None if ours is None or seen is None else between(name, seen, ours)
    if found is None or found.direction == "none":
        reason = "not measured on both parts" if found is None else "has no better side"
        return Check(name=name, kind="overfitting", passed=False, reason=reason, margin=gap)
    value, low, high = found.better
    words = f"development lies above the sealed cases by {span(value, low, high, found.n)}; a sure {gap:g} blocks"
    return Check(name, "overfitting", not low > gap, words, value, low, high, gap, found.n)


def span(value: float, low: float, high: float, n: int) -> str:
    """A value with its interval and count, in words."""
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}] (n={n})"


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
