"""The canary's mind: a state, an event, and `decide`, all of them values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from trimtab.observe import SignalName
from trimtab.records import Arm
from trimtab.stats import CapTest, RatioTest, Wealth

Action = Literal["push", "pause", "roll_back", "promote"]
SIGNALS: tuple[SignalName, ...] = ("error", "slow", "guard_trip", "complaint")
"""What may go wrong with one request; incidents of severity 1 and SLO breaches roll back by themselves."""


class CanaryConfig(BaseModel):
    """How a canary is watched. Harm of any signal is tested at ``alpha_rollback`` shared over the signals.

    ``ramps`` are the shares of traffic; ``alpha_ramps`` bounds the chance of leaving each for the next (or, at the
    last, of promoting) while some signal is worse by its margin: exposure grows with the evidence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ramps: tuple[float, ...] = (0.1, 0.5, 1.0)
    alpha_rollback: float = Field(default=0.05, gt=0, lt=1)
    alpha_ramps: tuple[float, ...] = (0.4, 0.05)
    ratio: float = Field(default=2.0, gt=1)
    caps: dict[str, float] = {"error": 0.05, "slow": 0.10, "guard_trip": 0.15, "complaint": 0.25}
    settle_seconds: float = Field(default=30.0, ge=0)
    max_requests: int = Field(default=4000, gt=0)
    shadow: float = Field(default=0.0, ge=0, le=1)
    """Above 0, a canary begins with copies of this share of requests in place of the first ramp's traffic."""


@dataclass(frozen=True, slots=True)
class Request:
    """One settled request: its arm, the share at which it was routed, and which signals it raised."""

    arm: Arm
    share: float
    user: str = ""
    raised: frozenset[str] = frozenset()
    severity: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One signal: its events by arm, and the wealth of its four processes."""

    harm_ratio: Wealth
    safe_ratio: Wealth
    harm_cap: Wealth
    safe_cap: Wealth
    stable: int = 0
    canary: int = 0

    def to_json(self) -> dict[str, Any]:
        wealth = {name: getattr(self, name).to_json() for name in _PROCESSES}
        return {**wealth, "stable": self.stable, "canary": self.canary}


_PROCESSES = ("harm_ratio", "safe_ratio", "harm_cap", "safe_cap")


@dataclass(frozen=True, slots=True)
class CanaryState:
    """All that is needed to go on, or to decide again: counts, evidence, ramp."""

    release: str
    stable: str
    ramp: int = 0
    requests: Mapping[str, int] = field(default_factory=lambda: {"stable": 0, "canary": 0})
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    counted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Signal -> users whose event is already counted: with sticky users, one event a user at most."""
    incident: bool = False
    breach: str = ""
    """The service objective that the canary arm burns through, in words."""
    forced: bool = False
    """Whether a person started it past a gate that blocked."""
    verdict: str = "running"
    drivers: tuple[str, ...] = ()
    shadow: float = 0.0
    """While above 0: the share of requests that it gets copies of, in place of traffic."""

    def to_json(self) -> dict[str, Any]:
        return {
            "release": self.release,
            "stable": self.stable,
            "ramp": self.ramp,
            "requests": dict(self.requests),
            "evidence": {name: item.to_json() for name, item in self.evidence.items()},
            "counted": {name: list(users) for name, users in self.counted.items()},
            "incident": self.incident,
            "breach": self.breach,
            "forced": self.forced,
            "verdict": self.verdict,
            "drivers": list(self.drivers),
            "shadow": self.shadow,
        }


def canary_from_json(row: Mapping[str, Any]) -> CanaryState:
    """The inverse of ``CanaryState.to_json``."""

    def evidence(item: Mapping[str, Any]) -> Evidence:
        wealth = {name: Wealth.from_json(item[name]) for name in _PROCESSES}
        return Evidence(**wealth, stable=item["stable"], canary=item["canary"])

    fields = dict(row)
    fields["evidence"] = {name: evidence(item) for name, item in row["evidence"].items()}
    fields["counted"] = {name: tuple(users) for name, users in row["counted"].items()}
    fields["drivers"] = tuple(row["drivers"])
    return CanaryState(**fields)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and the signals that drove it, in words."""

    action: Action
    drivers: tuple[str, ...]


def share_of(state: CanaryState, config: CanaryConfig) -> float:
    """The share of traffic that the canary gets now."""
    return config.ramps[state.ramp] if state.verdict == "running" and not state.shadow else 0.0


def shadow_of(state: CanaryState) -> float:
    """The share of requests of which the canary gets copies now."""
    return state.shadow if state.verdict == "running" else 0.0


def copies_only(share: float) -> str:
    """What a canary is told to wait for that gets copies."""
    return f"shadow: it gets copies of {share:.0%} of the requests; `trimtab canary shadow 0` begins to send it traffic"


def observe(state: CanaryState, request: Request, config: CanaryConfig) -> CanaryState:
    """The state after one settled request; a user already counted for a signal is not counted for it again."""
    evidence: dict[str, Evidence] = {name: state.evidence.get(name) or _start(name, config) for name in SIGNALS}
    counted: dict[str, tuple[str, ...]] = {name: state.counted.get(name, ()) for name in SIGNALS}
    for name in SIGNALS:
        if request.user and request.user in counted[name]:
            continue
        raised = name in request.raised
        evidence[name] = _seen(evidence[name], name, raised, request, config)
        if raised and request.user:
            counted[name] = (*counted[name], request.user)
    requests = {**state.requests, request.arm: state.requests[request.arm] + 1}
    incident = state.incident or (request.arm == "canary" and request.severity == 1)
    return replace(state, requests=requests, evidence=evidence, counted=counted, incident=incident)


def decide(state: CanaryState, config: CanaryConfig) -> Decision:
    """The verdict on what has been seen, valid at every look (Ville's inequality).

    Roll back on one severity-1 incident, on a breached objective, or when any harm process passes 1/α_j with
    Σ α_j = ``alpha_rollback``; move on when every signal has rejected "worse by its margin" (by ratio or by cap) at
    this ramp's level; otherwise pause.
    """
    if state.incident:
        return Decision("roll_back", ("incident: one of severity 1",))
    if state.breach:
        return Decision("roll_back", (state.breach,))
    threshold = 2 * len(SIGNALS) / config.alpha_rollback
    harmed = {name: _harm(state, name, config) for name in SIGNALS}
    worst = tuple(
        f"{name}: {how} (e = {e:.0f} ≥ {threshold:.0f})" for name, (e, how) in harmed.items() if e >= threshold
    )
    if worst:
        return Decision("roll_back", worst)
    needed = 1 / config.alpha_ramps[min(state.ramp, len(config.alpha_ramps) - 1)]
    waiting = tuple(
        f"{name}: not shown safe yet (e = {_safe(state, name, config):.2f} < {needed:.1f})"
        for name in SIGNALS
        if _safe(state, name, config) < needed
    )
    if not waiting:
        last = state.ramp >= len(config.alpha_ramps) - 1
        return Decision("promote" if last else "push", tuple(f"{name}: shown safe" for name in SIGNALS))
    return Decision("pause", waiting)


def rates(state: CanaryState) -> dict[str, dict[str, tuple[int, int]]]:
    """Signal -> arm -> (events, requests)."""
    arms: tuple[Arm, ...] = ("stable", "canary")
    return {
        name: {arm: (getattr(item, arm), state.requests[arm]) for arm in arms} for name, item in state.evidence.items()
    }


def _tests(name: str, config: CanaryConfig) -> tuple[RatioTest, RatioTest, CapTest, CapTest]:
    cap = config.caps.get(name, 0.05)
    return (
        RatioTest(1.0, "worse"),
        RatioTest(config.ratio, "not_worse"),
        CapTest(cap, "worse"),
        CapTest(cap, "not_worse"),
    )


def _start(name: str, config: CanaryConfig) -> Evidence:
    harm_ratio, safe_ratio, harm_cap, safe_cap = _tests(name, config)
    return Evidence(harm_ratio.start(), safe_ratio.start(), harm_cap.start(), safe_cap.start())


def _seen(item: Evidence, name: str, raised: bool, request: Request, config: CanaryConfig) -> Evidence:
    harm_ratio, safe_ratio, harm_cap, safe_cap = _tests(name, config)
    canary = request.arm == "canary"
    if raised and 0 < request.share < 1:
        item = replace(
            item,
            harm_ratio=harm_ratio.update(item.harm_ratio, canary, request.share),
            safe_ratio=safe_ratio.update(item.safe_ratio, canary, request.share),
        )
    if canary:
        item = replace(
            item,
            harm_cap=harm_cap.update(item.harm_cap, raised),
            safe_cap=safe_cap.update(item.safe_cap, raised),
        )
    return replace(item, canary=item.canary + (raised and canary), stable=item.stable + (raised and not canary))


def _harm(state: CanaryState, name: str, config: CanaryConfig) -> tuple[float, str]:
    if name not in state.evidence:
        return 1.0, "nothing seen"
    item = state.evidence[name]
    ratio, _, cap, _ = _tests(name, config)
    by_ratio, by_cap = ratio.evalue(item.harm_ratio), cap.evalue(item.harm_cap)
    if by_cap >= by_ratio:
        return by_cap, f"above its cap of {config.caps.get(name, 0.05):.0%}"
    return by_ratio, "more often than on stable"


def _safe(state: CanaryState, name: str, config: CanaryConfig) -> float:
    """The better of the two safe processes, each at half the level: their maximum over two is an e-value."""
    if name not in state.evidence:
        return 1.0
    item = state.evidence[name]
    _, ratio, _, cap = _tests(name, config)
    return max(ratio.evalue(item.safe_ratio), cap.evalue(item.safe_cap)) / 2
