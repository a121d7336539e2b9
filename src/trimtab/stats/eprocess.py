"""Tests that may be looked at after every event: e-processes, whose wealth rarely grows where the null is true.

An e-process starts at 1 and is a supermartingale under its null, so P(it ever reaches 1/α) ≤ α (Ville). Each test is
a frozen description; its state is a ``Wealth`` that can be stored. The mixture is a plain mean over alternatives.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["worse", "not_worse"]
"""``worse`` gathers evidence of harm, ``not_worse`` evidence of safety."""

_FACTORS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_SHARES_BELOW_CAP = (0.02, 0.1, 0.25, 0.5, 0.75)
_BETS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
"""Shares of the largest bet that cannot go broke."""
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True)
class Wealth:
    """Log-wealth by alternative, and the events or requests that made it."""

    logs: tuple[float, ...]
    n: int = 0

    def to_json(self) -> dict[str, Any]:
        return {"logs": list(self.logs), "n": self.n}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Wealth":
        return cls(tuple(float(value) for value in row["logs"]), int(row["n"]))

    @property
    def evalue(self) -> float:
        """Mean wealth over the alternatives; finite always."""
        top = max(self.logs)
        mean = sum(math.exp(value - top) for value in self.logs) / len(self.logs)
        return math.exp(min(top + math.log(mean), _LARGEST_EXPONENT))

    def times(self, factors: tuple[float, ...]) -> "Wealth":
        logs = tuple(value + math.log(factor) for value, factor in zip(self.logs, factors, strict=True))
        return Wealth(logs, self.n + 1)


@dataclass(frozen=True, slots=True)
class RatioTest:
    """Rate of events in the canary over that in the baseline, fed by events alone.

    With canary share s and rate ratio ρ an event falls on the canary with probability π_ρ = sρ/(sρ + 1 − s), so
    E = mean over θ of Π (π_θ/π_ρ)^c · ((1 − π_θ)/(1 − π_ρ))^(1 − c). ``worse``: null "ratio ≤ ρ", θ > ρ.
    ``not_worse``: null "ratio ≥ ρ", θ < ρ. The share may change from event to event.
    """

    ratio: float = 1.0
    direction: Direction = "worse"

    def __post_init__(self) -> None:
        if not 0 < self.ratio < math.inf:
            raise ValueError("the ratio must be positive")

    @property
    def alternatives(self) -> tuple[float, ...]:
        return tuple(self.ratio * f if self.direction == "worse" else self.ratio / f for f in _FACTORS)

    def start(self) -> Wealth:
        return Wealth((0.0,) * len(_FACTORS))

    def update(self, state: Wealth, canary: bool, share: float) -> Wealth:
        """The state after one event, which fell on the canary or not while it had ``share`` of the traffic.

        A share of 0 or 1 has no baseline to compare with: the event teaches nothing.
        """
        if not 0 <= share <= 1:
            raise ValueError("the share must lie in [0, 1]")
        if share in (0.0, 1.0):
            return state
        null = _canary_probability(share, self.ratio)
        pis = [_canary_probability(share, theta) for theta in self.alternatives]
        return state.times(tuple(pi / null if canary else (1 - pi) / (1 - null) for pi in pis))

    def evalue(self, state: Wealth) -> float:
        return state.evalue


@dataclass(frozen=True, slots=True)
class CapTest:
    """A rate against a fixed cap r, fed by every canary request: E = mean over p of Π (p/r)^x ((1−p)/(1−r))^(1−x).

    ``not_worse``: null "rate ≥ r", p < r. ``worse``: null "rate ≤ r", p > r, at odds that are multiples of the cap's.
    """

    cap: float
    direction: Direction = "not_worse"

    def __post_init__(self) -> None:
        if not 0 < self.cap < 1:
            raise ValueError("the cap must lie between 0 and 1")

    @property
    def alternatives(self) -> tuple[float, ...]:
        if self.direction == "not_worse":
            return tuple(self.cap * share for share in _SHARES_BELOW_CAP)
        return tuple(self.cap * f / (1 - self.cap + self.cap * f) for f in _FACTORS)

    def start(self) -> Wealth:
        return Wealth((0.0,) * len(self.alternatives))

    def update(self, state: Wealth, event: bool) -> Wealth:
        """The state after one canary request that had the event or not."""
        r = self.cap
        return state.times(tuple(p / r if event else (1 - p) / (1 - r) for p in self.alternatives))

    def evalue(self, state: Wealth) -> float:
        return state.evalue


@dataclass(frozen=True, slots=True)
class BettingTest:
    """Win-rate on judged pairs, x = 1 won, ½ tied, 0 lost (Waudby-Smith & Ramdas 2024).

    ``not_worse``: null "E[x] ≤ ½ − δ", E = mean over λ of Π (1 + λ(x − ½ + δ)), 0 < λ < 1/(½ − δ).
    ``worse``: null "E[x] ≥ ½ − δ", E = mean over λ of Π (1 − λ(x − ½ + δ)), 0 < λ < 1/(½ + δ).
    """

    margin: float
    direction: Direction = "not_worse"

    def __post_init__(self) -> None:
        if not 0 <= self.margin < 0.5:
            raise ValueError("the margin must lie in [0, 0.5)")

    @property
    def bets(self) -> tuple[float, ...]:
        sign = 1 if self.direction == "not_worse" else -1
        largest = 1 / (0.5 - sign * self.margin)
        return tuple(sign * share * largest for share in _BETS)

    def start(self) -> Wealth:
        return Wealth((0.0,) * len(_BETS))

    def update(self, state: Wealth, won: float) -> Wealth:
        """The state after one pair; ``won`` in [0, 1]."""
        if not 0 <= won <= 1:
            raise ValueError("a pair's outcome lies in [0, 1]")
        return state.times(tuple(1 + bet * (won - 0.5 + self.margin) for bet in self.bets))

    def evalue(self, state: Wealth) -> float:
        return state.evalue


def _canary_probability(share: float, ratio: float) -> float:
    """π_ρ = sρ / (sρ + 1 − s)."""
    return share * ratio / (share * ratio + 1 - share)
