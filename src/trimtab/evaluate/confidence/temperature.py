"""Temperature scaling: fitted on the development part, used on the sealed one, never fitted there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from trimtab.evaluate.probes import Confidence
from trimtab.records import UserError
from trimtab.stats import fit_softmax_temperature, log_odds, scaled

FEWEST = 20
"""Cases below which a temperature says more of the cases than of the model."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """What log-odds are divided by: over 1 where the model is too sure. ``n`` cases of suite ``suite`` gave it."""

    value: float
    n: int
    suite: str
    cases: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "cases"}


def fit(found: Mapping[str, Mapping[str, Confidence]], suite: str) -> dict[str, Temperature]:
    """Source -> the temperature that fits its confidences best (log-loss); a source with fewer than 20 has none."""
    fitted = {}
    for source, sure in found.items():
        if len(sure) < FEWEST:
            continue
        rows = [one.logits or (log_odds(one.confidence), 0.0) for one in sure.values()]
        chosen = [one.right if one.logits else 1 - int(one.correct) for one in sure.values()]
        fitted[source] = Temperature(fit_softmax_temperature(rows, chosen), len(sure), suite, frozenset(sure))
    return fitted


def rescaled(sure: Mapping[str, Confidence], temperature: Temperature) -> dict[str, Confidence]:
    """The confidences after scaling; what was chosen, and so what was right, stays.

    Raises UserError where a case is one of those that gave the temperature.
    """
    if shared := temperature.cases & sure.keys():
        raise UserError(
            f"{len(shared)} of the cases gave the temperature that is to be judged on them, {min(shared)[:12]} first",
            field="cases.development",
            fix="Take them out of the development cases, or out of the sealed ones",
        )
    return {case_id: _rescaled(one, temperature.value) for case_id, one in sure.items()}


def _rescaled(one: Confidence, temperature: float) -> Confidence:
    if one.logits:
        return replace(one, confidence=float(scaled(one.logits, temperature).max()))
    return replace(one, confidence=float(scaled((log_odds(one.confidence), 0.0), temperature)[0]))
