"""Where the loop stands: what `trimtab status` prints and the dashboard draws."""

from dataclasses import dataclass
from typing import Any

from trimtab.loop.canary import SIGNALS, CanaryConfig, Decision, canary_from_json, copies_only, decide, rates, share_of
from trimtab.loop.shadow import Agreement, agreement
from trimtab.records import Release, release_from_json
from trimtab.stats import wilson
from trimtab.store import Store


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One signal on one arm: events among requests, the rate with its 95 % Wilson interval, the canary's cap."""

    signal: str
    arm: str
    events: int
    requests: int
    rate: float
    low: float
    high: float
    cap: float


@dataclass(frozen=True, slots=True)
class CanaryStatus:
    release: str
    stable: str
    share: float
    verdict: str
    decision: Decision
    requests: dict[str, int]
    signals: tuple[SignalRow, ...]
    shadow: Agreement | None = None
    """Its copies against what stable answered; None where it never got any."""


@dataclass(frozen=True, slots=True)
class Status:
    aliases: dict[str, str]
    releases: tuple[Release, ...]
    canary: CanaryStatus | None
    backlog: dict[str, int]
    requests: int

    def to_json(self) -> dict[str, Any]:
        canary = self.canary
        return {
            "aliases": self.aliases,
            "releases": [release.digest for release in self.releases],
            "canary": canary
            and {
                "release": canary.release,
                "stable": canary.stable,
                "share": canary.share,
                "verdict": canary.verdict,
                "action": canary.decision.action,
                "drivers": list(canary.decision.drivers),
                "requests": canary.requests,
                "shadow": canary.shadow and canary.shadow.to_json(),
                "signals": [{key: getattr(row, key) for key in row.__slots__} for row in canary.signals],
            },
            "backlog": self.backlog,
            "requests": self.requests,
        }


def status(store: Store, config: CanaryConfig) -> Status:
    """Read once, from the store alone."""
    return Status(
        aliases=store.aliases.all(),
        releases=tuple(release_from_json(row) for row in store.list("release")),
        canary=_canary(store, config),
        backlog=dict((store.get("backlog", "counts") or {}).items()),
        requests=sum(count.requests for count in store.traces.counts() if count.arm != "shadow"),
    )


def _canary(store: Store, config: CanaryConfig) -> CanaryStatus | None:
    kept = store.canary.load()
    if kept is None:
        return None
    state = canary_from_json(kept["state"])
    decision = decide(state, config)
    if state.verdict != "running":
        decision = Decision(decision.action, state.drivers)
    elif state.shadow:
        decision = Decision("pause", (copies_only(state.shadow),))
    return CanaryStatus(
        release=state.release,
        stable=state.stable,
        share=share_of(state, config),
        verdict=state.verdict,
        decision=decision,
        requests=dict(state.requests),
        signals=tuple(_rows(rates(state), config)),
        shadow=agreement(store, state.release, state.shadow),
    )


def _rows(counts: dict[str, dict[str, tuple[int, int]]], config: CanaryConfig) -> list[SignalRow]:
    rows = []
    for signal in SIGNALS:
        for arm, (events, requests) in counts.get(signal, {}).items():
            at = wilson(events, requests) if requests else None
            low, high, rate = (at.low, at.high, at.value) if at else (0.0, 1.0, 0.0)
            rows.append(SignalRow(signal, arm, events, requests, rate, low, high, config.caps.get(signal, 0.05)))
    return rows
