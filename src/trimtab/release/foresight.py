"""What a gate will be able to see, said before it is run: per metric the difference that its cases show."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.records import Scorecard
from trimtab.release.gate_config import COMPARED, GateConfig
from trimtab.stats import detectable, needed_n

POWER = 0.8
ASSUMED_FLIPS = 0.2
"""Share of cases on which two releases are taken to differ, where none have been compared: a deviation of √0.2."""


@dataclass(frozen=True, slots=True)
class Known:
    """Of a metric: cases that score it, in how many clusters, and the standard deviation of one case's difference.

    ``assumed``: whether the deviation is a guess rather than measured on earlier releases.
    """

    n: int
    clusters: int
    deviation: float = ASSUMED_FLIPS**0.5
    assumed: bool = True


@dataclass(frozen=True, slots=True)
class Sight:
    """``sees``: the true difference that is found with 80 % power; ``margin``: what the gate is asked to decide;
    ``needed``: the cases that would decide it (0 where there is no margin to decide)."""

    metric: str
    section: str
    n: int
    sees: float
    margin: float
    needed: int
    assumed: bool

    @property
    def enough(self) -> bool:
        """Whether the cases decide the margin."""
        return self.n > 0 and (self.margin == 0 or self.sees <= self.margin)

    @property
    def sentence(self) -> str:
        """In words, in points (hundredths of the metric's unit)."""
        if not self.n:
            return f"{self.metric}: no case scores it, so {self.section} cannot pass"
        guess = ", two releases taken to differ on a fifth of the cases" if self.assumed else ""
        told = f"{self.metric}: {self.n} cases show {self.sees * 100:.1f} points ({POWER:.0%} power{guess})"
        if self.enough:
            return told
        ask = f"the {self.section} margin of {self.margin * 100:.1f} points"
        return f"{told}; {ask} cannot be decided by them, it needs about {self.needed}"

    def to_json(self) -> dict[str, Any]:
        row = {name: getattr(self, name) for name in self.__slots__}
        return row | {"enough": self.enough, "sentence": self.sentence}


def foresee(config: GateConfig, known: Mapping[str, Known]) -> list[Sight]:
    """A line for each metric of each comparing section, in the configuration's order.

    One-sided tests at the section's own alpha, of a family at its hardest level, alpha over the number of metrics. The
    n is that of clusters where cases cluster, as if the cases of a cluster said one thing (the cautious end).
    """
    return [
        _sight(metric, section, margin, alpha, known.get(metric)) for section, metric, margin, alpha in _asked(config)
    ]


def known_of(card: Scorecard, other: Scorecard | None = None) -> dict[str, Known]:
    """What an earlier scorecard says of each metric; with another of the same suite the deviation is measured."""
    found = {}
    for name, scores in card.cases.items():
        clusters = len({card.clusters.get(case, case) for case in scores})
        theirs = {} if other is None or other.suite_digest != card.suite_digest else other.cases.get(name, {})
        differences = [scores[case] - theirs[case] for case in scores if case in theirs]
        if len(differences) >= 20:
            mean = sum(differences) / len(differences)
            deviation = (sum((one - mean) ** 2 for one in differences) / (len(differences) - 1)) ** 0.5
            if deviation > 0:
                found[name] = Known(len(scores), clusters, deviation, assumed=False)
                continue
        found[name] = Known(len(scores), clusters)
    return found


def _asked(config: GateConfig) -> Iterator[tuple[str, str, float, float]]:
    for section in COMPARED:
        for metric, margin in getattr(config, section).items():
            yield section.replace("_", "-"), metric, 0.0 if section == "superiority" else margin, config.alpha
    if config.regression is not None:
        family = config.regression
        for metric in family.metrics:
            yield "regression", metric, 0.0, family.alpha / len(family.metrics)


def _sight(metric: str, section: str, margin: float, alpha: float, known: Known | None) -> Sight:
    if known is None or not known.n:
        return Sight(metric, section, 0, 0.0, margin, 0, True)
    sees = detectable(known.clusters, known.deviation, POWER, alpha, sides=1)
    per_cluster = known.n / known.clusters
    needed = round(needed_n(margin, known.deviation, POWER, alpha, sides=1) * per_cluster) if margin else 0
    return Sight(metric, section, known.n, sees, margin, needed, known.assumed)
