"""Service level objectives: how much of the error budget is burnt, over a long and a short window at once.

Burn rate = (bad / all) / (1 − target): 1 uses the budget up exactly by the end of its period. A breach needs the long
window (it matters) and the short one (it is still happening), after the multiwindow alerts of the SRE workbook, ch. 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class BurnWindow(BaseModel):
    """Breached when the burn rate is at least ``burn`` over the last ``long`` and the last ``short`` seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    long: float = Field(gt=0)
    short: float = Field(gt=0)
    burn: float = Field(gt=0)


class SloConfig(BaseModel):
    """``success``: share of requests that did not fail; ``fast``: share that was answered in ``latency_seconds``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_seconds: float = Field(default=20.0, gt=0)
    success: float = Field(default=0.99, gt=0, lt=1)
    fast: float = Field(default=0.95, gt=0, lt=1)
    windows: tuple[BurnWindow, ...] = (
        BurnWindow(long=3600, short=300, burn=14.4),
        BurnWindow(long=6 * 3600, short=1800, burn=6.0),
    )
    min_bad: int = Field(default=3, ge=1)
    """Bad events a long window needs: burn rates misfire where one request is most of the traffic."""

    def target(self, objective: str) -> float:
        return {"error": self.success, "slow": self.fast}[objective]


@dataclass(frozen=True, slots=True)
class Breach:
    """Which objective is burning, over which windows, how fast (the slower of the two rates)."""

    objective: str
    window: BurnWindow
    burn: float
    bad: int
    n: int


def burn_rate(bad: int, n: int, target: float) -> float:
    """(bad / n) / (1 − target); 0 without traffic."""
    return bad / n / (1 - target) if n else 0.0


def breaches(objective: str, events: Sequence[tuple[float, bool]], now: float, config: SloConfig) -> list[Breach]:
    """The windows that burn too fast. ``events``: (epoch seconds, whether bad) of one arm, in any order."""
    target = config.target(objective)
    found = []
    for window in config.windows:
        long_bad, long_n = _count(events, now - window.long, now)
        short_bad, short_n = _count(events, now - window.short, now)
        burn = min(burn_rate(long_bad, long_n, target), burn_rate(short_bad, short_n, target))
        # 1 / (1 − target) is the fastest burn there is: a window beyond it could never trip
        if long_bad >= config.min_bad and burn >= min(window.burn, 0.999 / (1 - target)):
            found.append(Breach(objective, window, burn, long_bad, long_n))
    return found


def budget_left(bad: int, n: int, target: float) -> float:
    """Share of the error budget that is left, 1 (untouched) to below 0 (overdrawn)."""
    return 1 - burn_rate(bad, n, target)


def _count(events: Sequence[tuple[float, bool]], start: float, end: float) -> tuple[int, int]:
    inside = [bad for time, bad in events if start < time <= end]
    return sum(inside), len(inside)
