"""What the page shows, computed from a Status: every number already in words and positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.loop.status import CanaryStatus, SignalRow, Status
from trimtab.records import Release

_HEADLINES = {
    "push": ("push", "The canary is safe at this share: it moves to the next."),
    "promote": ("push", "Every signal is shown safe: the canary takes over."),
    "pause": ("pause", "Not enough is known yet: the share stays where it is."),
    "roll_back": ("roll back", "Harm is shown: all traffic goes back to stable."),
}
_ENDED = {
    "promoted": ("push", "The canary was promoted: it is stable now."),
    "rolled_back": ("roll back", "The canary was rolled back."),
    "stopped": ("pause", "The canary was stopped by a person."),
    "inconclusive": ("pause", "The canary ended without a verdict and was taken out."),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One arm of one signal: positions are percent of the track, which ends at ``scale``."""

    arm: str
    text: str
    left: float
    width: float
    point: float


@dataclass(frozen=True, slots=True)
class Signal:
    name: str
    cap: str
    cap_at: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    digest: str
    aliases: str
    gate: str
    checks: tuple[Mapping[str, Any], ...]
    metrics: tuple[tuple[str, str, str], ...]
    parents: str


@dataclass(frozen=True, slots=True)
class Page:
    verdict: str
    headline: str
    drivers: tuple[str, ...]
    share: str
    requests: Mapping[str, int]
    signals: tuple[Signal, ...]
    releases: tuple[ReleaseRow, ...]
    can_roll_back: bool
    served: int
    backlog: Mapping[str, int]


def page(status: Status) -> Page:
    """The page of a status."""
    canary = status.canary
    verdict, headline = _verdict(canary)
    return Page(
        verdict=verdict,
        headline=headline,
        drivers=() if canary is None else canary.decision.drivers,
        share="" if canary is None else f"{canary.share:.0%}",
        requests={} if canary is None else canary.requests,
        signals=() if canary is None else tuple(_signals(canary.signals)),
        releases=tuple(_release(release, status.aliases) for release in reversed(status.releases)),
        can_roll_back="rollback" in status.aliases or (canary is not None and canary.verdict == "running"),
        served=status.requests,
        backlog=status.backlog,
    )


def _verdict(canary: CanaryStatus | None) -> tuple[str, str]:
    if canary is None:
        return "no canary", "No canary has run yet: start one with `trimtab canary start`."
    if canary.verdict in _ENDED:
        return _ENDED[canary.verdict]
    return _HEADLINES[canary.decision.action]


def _signals(rows: Sequence[SignalRow]) -> list[Signal]:
    names = dict.fromkeys(row.signal for row in rows)
    return [_signal(name, [row for row in rows if row.signal == name]) for name in names]


def _signal(name: str, rows: Sequence[SignalRow]) -> Signal:
    scale = max([1e-9, *(row.high for row in rows if row.requests), *(row.cap * 1.25 for row in rows)])
    return Signal(
        name=name.replace("_", " "),
        cap=f"{rows[0].cap:.0%}",
        cap_at=100 * rows[0].cap / scale,
        bars=tuple(_bar(row, scale) for row in rows),
    )


def _bar(row: SignalRow, scale: float) -> Bar:
    if not row.requests:
        return Bar(row.arm, "no requests yet", 0, 0, 0)
    text = f"{row.rate:.1%} [{row.low:.1%}, {row.high:.1%}] · {row.events} of {row.requests}"
    return Bar(row.arm, text, 100 * row.low / scale, 100 * (row.high - row.low) / scale, 100 * row.rate / scale)


def _release(release: Release, aliases: Mapping[str, str]) -> ReleaseRow:
    names = [name for name, digest in aliases.items() if digest == release.digest]
    metrics = release.scorecard.get("metrics", {})
    return ReleaseRow(
        digest=release.digest,
        aliases=", ".join(sorted(names)),
        gate=str(release.gate.get("verdict", "not gated")),
        checks=tuple(release.gate.get("checks", ())),
        metrics=tuple(_metric(name, metric) for name, metric in metrics.items()),
        parents=", ".join(parent[:12] for parent in release.parents),
    )


def _metric(name: str, metric: Mapping[str, Any]) -> tuple[str, str, str]:
    interval = f"{metric['value']:.3f} [{metric['ci_low']:.3f}, {metric['ci_high']:.3f}]"
    return name.replace("_", " "), interval, str(metric["n"])
