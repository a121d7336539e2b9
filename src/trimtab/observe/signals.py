"""What the arms did, as counts with intervals: the numbers that ``decide`` and the dashboard read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from trimtab.observe.cost import Cost, cost_of
from trimtab.observe.sink import complaint
from trimtab.observe.slo import Breach, SloConfig, breaches
from trimtab.records import Arm, Feedback, Trace
from trimtab.stats import Interval, wilson
from trimtab.store import Store

SignalName = Literal["error", "slow", "guard_trip", "complaint", "incident"]
SIGNALS: tuple[SignalName, ...] = get_args(SignalName)


@dataclass(frozen=True, slots=True)
class Signal:
    """A share of requests. ``users``: different users behind the events (an unnamed user counts each time)."""

    name: SignalName
    events: int
    users: int
    rate: Interval


@dataclass(frozen=True, slots=True)
class ArmSignals:
    """One release on one arm. ``first_token`` and ``total``: (median, 95th percentile) seconds of answered requests."""

    release: str
    arm: Arm
    requests: int
    users: int
    signals: Mapping[SignalName, Signal]
    severe: int
    """Incidents of severity 1."""
    first_token: tuple[float, float]
    total: tuple[float, float]
    cost: Cost
    breaches: tuple[Breach, ...]


def events(trace: Trace, feedback: Iterable[Feedback], slo: SloConfig) -> dict[SignalName, bool]:
    """The signals that one request raised; what the canary's e-processes are fed with."""
    said = list(feedback)
    return {
        "error": trace.failed,
        "slow": not trace.error and trace.timing.total > slo.latency_seconds,
        "guard_trip": trace.tripped,
        "complaint": any(complaint(one) for one in said),
        "incident": any(one.severity is not None for one in said),
    }


def arm_signals(
    traces: Sequence[Trace], feedback: Mapping[str, Sequence[Feedback]], slo: SloConfig, now: float
) -> ArmSignals:
    """The signals of one arm; ``traces`` must be of one release and arm, and some. ``feedback`` goes by trace id."""
    raised = [events(trace, feedback.get(trace.id, ()), slo) for trace in traces]
    answered = [trace for trace in traces if not trace.error]
    burning = [
        breach
        for name in ("error", "slow")
        for breach in breaches(name, [(t.time, e[name]) for t, e in zip(traces, raised, strict=True)], now, slo)
    ]
    severe = sum(any(one.severity == 1 for one in feedback.get(trace.id, ())) for trace in traces)
    return ArmSignals(
        release=traces[0].release,
        arm=traces[0].arm,
        requests=len(traces),
        users=len({_who(trace) for trace in traces}),
        signals={name: _signal(name, traces, [row[name] for row in raised]) for name in SIGNALS},
        severe=severe,
        first_token=_percentiles([trace.timing.first_token for trace in answered]),
        total=_percentiles([trace.timing.total for trace in answered]),
        cost=cost_of(traces, feedback),
        breaches=tuple(burning),
    )


def signals(
    store: Store,
    *,
    now: float,
    slo: SloConfig | None = None,
    releases: Sequence[str] | None = None,
    since: float | None = None,
    limit: int | None = 20_000,
) -> list[ArmSignals]:
    """Signals of every (release, arm) with traffic since then, or of the releases named, stable before canary.

    Requests that named their release are left out (nobody split them), and shadow copies (nobody saw their answers).
    """
    by_arm: dict[tuple[str, Arm], list[Trace]] = {}
    for trace in store.traces.query(since=since, limit=limit):
        if not trace.pinned and trace.arm != "shadow" and (releases is None or trace.release in releases):
            by_arm.setdefault((trace.release, trace.arm), []).append(trace)
    feedback: dict[str, list[Feedback]] = {}
    for _, said in store.feedback.all():
        feedback.setdefault(said.trace, []).append(said)
    found = [arm_signals(traces, feedback, slo or SloConfig(), now) for traces in by_arm.values()]
    return sorted(found, key=lambda arm: arm.arm != "stable")


def _signal(name: SignalName, traces: Sequence[Trace], raised: Sequence[bool]) -> Signal:
    users = {_who(trace) for trace, hit in zip(traces, raised, strict=True) if hit}
    return Signal(name, sum(raised), len(users), wilson(sum(raised), len(raised)))


def _who(trace: Trace) -> str:
    return trace.user or f"request {trace.id}"


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile by nearest rank; zeros where nothing was answered."""
    ordered = sorted(seconds)
    if not ordered:
        return 0.0, 0.0
    return ordered[(len(ordered) - 1) // 2], ordered[-(-95 * len(ordered) // 100) - 1]
