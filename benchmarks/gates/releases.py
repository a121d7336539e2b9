"""Releases whose truth is known: per-case chances of being right, answers drawn from them, scorecards made of those."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab.records import Metric, Scorecard
from trimtab.stats import mean_interval

Floats = npt.NDArray[np.float64]
NAMES = tuple(f"metric_{i:02}" for i in range(12))
RATES = (0.35, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.95, 0.97, 0.98)


@dataclass(frozen=True)
class Truth:
    """``chances``: metric -> each case's chance of being right. ``cluster_size``: cases that share a scenario."""

    chances: Mapping[str, Floats]
    cluster_size: int = 1

    @classmethod
    def drawn(
        cls, rng: np.random.Generator, n: int, cluster_size: int = 1, strength: float = 1.0, alike: float = 0.6
    ) -> "Truth":
        """Twelve metrics of rates from 0.35 to 0.98. A case's chances are Beta of that mean and ``strength`` (the
        smaller, the surer it is to be right or wrong), of one rank in all metrics and in its cluster with weight
        ``alike``."""
        groups = -(-n // cluster_size)
        own = np.repeat(rng.random(groups), cluster_size)[:n]
        chances = {}
        for name, rate in zip(NAMES, RATES, strict=True):
            mixed = np.argsort(np.argsort(alike * own + (1 - alike) * rng.random(n)))
            chances[name] = np.sort(rng.beta(rate * strength, (1 - rate) * strength, n))[mixed]
        return cls(chances, cluster_size)

    def worse(self, points: float, names: Sequence[str] = NAMES) -> "Truth":
        """Every case of those metrics right less often, so that the mean falls by ``points``."""
        fallen = {name: chance * (1 - points / chance.mean()) for name, chance in self.chances.items() if name in names}
        return Truth({**self.chances, **fallen}, self.cluster_size)

    def card(self, rng: np.random.Generator, suite: str = "sealed") -> Scorecard:
        """One evaluation: each case answered once."""
        cases = {
            name: dict(zip(_ids(len(chance)), (rng.random(len(chance)) < chance).astype(float).tolist(), strict=True))
            for name, chance in self.chances.items()
        }
        return card_of(cases, self.cluster_size, suite)


def card_of(cases: Mapping[str, Mapping[str, float]], cluster_size: int = 1, suite: str = "sealed") -> Scorecard:
    """The scorecard of per-case scores; cases that follow each other share clusters."""
    ids = sorted({case for scores in cases.values() for case in scores})
    clusters = {case: str(i // cluster_size) for i, case in enumerate(ids)}
    metrics = {}
    for name, scores in cases.items():
        found = mean_interval(list(scores.values()), [clusters[case] for case in scores], 0.95, 0.0, 1.0)
        metrics[name] = Metric(found.value, found.n, found.low, found.high, "share")
    return Scorecard(suite, suite, "r", metrics, cases, clusters)


def resampled(card: Scorecard, other: Scorecard, rng: np.random.Generator) -> tuple[Scorecard, Scorecard]:
    """Two releases that are one: clusters redrawn from real scorecards, and in each the two sides swapped by a coin.

    Whatever the scores are, the two that come out differ by chance alone.
    """
    members: dict[str, list[str]] = {}
    for case, cluster in card.clusters.items():
        members.setdefault(cluster, []).append(case)
    names, picked = sorted(members), []
    for place, i in enumerate(rng.integers(len(names), size=len(names))):
        swap = rng.random() < 0.5
        picked += [(f"{place}:{case}", case, str(place), swap) for case in members[names[i]]]
    sides: list[dict[str, dict[str, float]]] = [{}, {}]
    for name in card.cases.keys() & other.cases.keys():
        mine, theirs = card.cases[name], other.cases[name]
        for new, case, _, swap in picked:
            if case in mine and case in theirs:
                a, b = (theirs[case], mine[case]) if swap else (mine[case], theirs[case])
                sides[0].setdefault(name, {})[new] = a
                sides[1].setdefault(name, {})[new] = b
    clusters = {new: cluster for new, _, cluster, _ in picked}
    return _redone(card, sides[0], clusters), _redone(card, sides[1], clusters)


def _redone(card: Scorecard, cases: Mapping[str, Mapping[str, float]], clusters: Mapping[str, str]) -> Scorecard:
    metrics = {}
    for name, scores in cases.items():
        found = mean_interval(list(scores.values()), [clusters[case] for case in scores], 0.95)
        old = card.metrics[name]
        metrics[name] = Metric(found.value, found.n, found.low, found.high, old.unit, old.direction)
    return Scorecard(card.suite, card.suite_digest, "r", metrics, cases, clusters)


def _ids(n: int) -> list[str]:
    return [f"{i:05}" for i in range(n)]
