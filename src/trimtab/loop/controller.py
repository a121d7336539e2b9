"""The canary controller: a task beside the gateway that settles requests, decides, and acts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from trimtab.loop.canary import (
    SIGNALS,
    CanaryConfig,
    CanaryState,
    Decision,
    Request,
    canary_from_json,
    copies_only,
    decide,
    observe,
    shadow_of,
    share_of,
)
from trimtab.observe import SloConfig, breaches, events
from trimtab.records import Feedback, Trace, UserError
from trimtab.release import get, promote, rollback
from trimtab.store import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one tick did: the state, the decision on it, and whether the arms changed."""

    state: CanaryState | None
    decision: Decision | None
    changed: bool


class Controller:
    """Reads traces and feedback from the store, moves the canary, and answers "which share?".

    All that it knows is in the store (state and how far it has read, in one transaction): killed at any instant, the
    next tick goes on. ``on_arms(stable, canary)`` is told the digests to serve; None where
    no gateway runs beside it.
    """

    def __init__(
        self,
        store: Store,
        config: CanaryConfig,
        slo: SloConfig,
        on_arms: Callable[[str, str | None], None] | None,
    ) -> None:
        self._store = store
        self._config = config
        self._slo = slo
        self._on_arms: Callable[[str, str | None], None] = on_arms or (lambda stable, canary: None)
        self._state, self._position = _load(store)

    @property
    def state(self) -> CanaryState | None:
        return self._state

    def share(self) -> float:
        """The canary's share of traffic, asked for each request."""
        return 0.0 if self._state is None else share_of(self._state, self._config)

    def shadow(self) -> float:
        """The share of requests of which the canary gets copies, asked for each request."""
        return 0.0 if self._state is None else shadow_of(self._state)

    def tick(self, now: float) -> Outcome:
        """Carry out waiting commands, take in what has settled by ``now``, decide, act. Unix seconds."""
        changed = self._commands(now)
        state = self._state
        if state is None or state.verdict != "running":
            return Outcome(state, None, self._finished() or changed)
        if state.shadow:  # copies are no evidence, and stable's own traffic is none without a split
            return Outcome(state, Decision("pause", (copies_only(state.shadow),)), changed)
        state, position = self._taken_in(state, now)
        decision = decide(state, self._config)
        state = self._acted(state, decision)
        self._keep(state, position)
        return Outcome(state, decision, self._apply(state, decision) or changed)

    def _commands(self, now: float) -> bool:
        pending = self._store.intents.pending()
        for intent in pending:
            try:
                self._carry_out(intent.kind, intent.payload)
                outcome = {}
            except UserError as error:
                outcome = {"error": str(error)}
            self._store.intents.done(intent.id, outcome)
        return bool(pending)

    def _carry_out(self, kind: str, payload: Mapping[str, str]) -> None:
        if kind == "canary_start":
            shadow = _share(payload.get("shadow") or self._config.shadow)
            self._begin(payload["release"], forced=bool(payload.get("force")), shadow=shadow)
        elif kind == "canary_shadow":
            self._shadow(_share(payload["share"]))
        elif kind == "canary_stop":
            self._end("stopped", "stopped by a person")
        elif kind == "rollback":
            self._back(payload.get("release") or None)
        elif kind == "promote":
            release, force = get(self._store, payload["release"]), bool(payload.get("force"))
            self._end("stopped", "another release was promoted")
            reason = "promoted by a person"
            self._swap(release.digest, lambda: promote(self._store, release.digest, reason=reason, force=force))

    def _shadow(self, share: float) -> None:
        """Copy another share, or with 0 begin to send traffic: what was answered before is no evidence."""
        if self._state is None or self._state.verdict != "running":
            raise UserError("no canary is running", fix="Start one with `trimtab canary start --shadow SHARE`")
        if not self._state.shadow and any(self._state.requests.values()):
            raise UserError("this canary has traffic already", fix="Stop it, and start it anew with --shadow")
        self._keep(replace(self._state, shadow=share), self._store.traces.last())

    def _begin(self, which: str, *, forced: bool, shadow: float = 0.0) -> None:
        release, stable = get(self._store, which), self._store.aliases.get("stable")
        if stable is None:
            raise UserError("no stable release to compare with", fix="Run `trimtab run` first")
        if release.digest == stable:
            raise UserError("this release is the stable one already", field="release")
        if release.gate.get("verdict") != "passed" and not forced:
            raise UserError(
                "the gate did not let this release pass", field="release", fix="See `trimtab gate`, or use --force"
            )
        position = self._store.traces.last()
        self._on_arms(stable, release.digest)  # first: what cannot be served never becomes a canary
        self._keep(CanaryState(release=release.digest, stable=stable, forced=forced, shadow=shadow), position)

    def withdraw(self, why: str) -> None:
        """End the running canary without a verdict on it: it cannot be served."""
        self._end("stopped", why)

    def _swap(self, release: str, move: Callable[[], str]) -> None:
        """``move`` makes ``release`` stable; it is opened before, so that one which cannot be served never is."""
        stable = self._store.aliases.get("stable")
        if stable is not None and stable != release:
            self._open_beside(stable, release)
        try:
            move()
        except UserError:
            if stable is not None:
                self._on_arms(stable, None)
            raise
        self._on_arms(release, None)

    def _open_beside(self, stable: str, release: str) -> None:
        """Raises UserError where ``release`` cannot be served; a stable release that cannot is no reason to keep it."""
        try:
            self._on_arms(stable, release)
        except UserError:
            self._on_arms(release, None)

    def _end(self, verdict: str, why: str) -> None:
        if self._state is not None and self._state.verdict == "running":
            self._keep(replace(self._state, verdict=verdict, drivers=(why,)), self._position)
            self._on_arms(self._state.stable, None)

    def _back(self, to: str | None) -> None:
        running = self._state is not None and self._state.verdict == "running"
        self._end("rolled_back", "rolled back by a person")
        if not running or to is not None:
            target = to or self._store.aliases.get("rollback")

            def move() -> str:
                return rollback(self._store, to=to, reason="rolled back by a person")

            self._swap(get(self._store, target).digest, move) if target else move()

    def _taken_in(self, state: CanaryState, now: float) -> tuple[CanaryState, int]:
        position = self._position
        for row, trace in self._store.traces.all(position):
            if trace.time + trace.timing.total + self._config.settle_seconds > now:
                break
            position = row
            if trace.release in (state.release, state.stable) and not trace.pinned and trace.arm != "shadow":
                feedback = self._store.feedback.for_trace(trace.id)
                state = observe(state, settled(trace, feedback, self.share(), self._slo), self._config)
        return (state if position == self._position else self._budgeted(state, now)), position

    def _budgeted(self, state: CanaryState, now: float) -> CanaryState:
        """The state with the error budgets of the canary arm looked at."""
        since = now - max(window.long for window in self._slo.windows)
        seen = [
            (trace.time, events(trace, (), self._slo))
            for trace in self._store.traces.query(release=state.release, arm="canary", since=since)
        ]
        for objective in ("error", "slow"):
            found = breaches(objective, [(at, raised[objective]) for at, raised in seen], now, self._slo)
            if found:
                burn = found[0]
                return replace(state, breach=f"{objective}: {burn.bad} of {burn.n}, {burn.burn:.0f}× the error budget")
        return state

    def _acted(self, state: CanaryState, decision: Decision) -> CanaryState:
        if decision.action == "push":
            return replace(state, ramp=state.ramp + 1, drivers=decision.drivers)
        if decision.action == "promote":
            return replace(state, verdict="promoted", drivers=decision.drivers)
        if decision.action == "roll_back":
            return replace(state, verdict="rolled_back", drivers=decision.drivers)
        if state.requests["canary"] >= self._config.max_requests:
            return replace(state, verdict="inconclusive", drivers=decision.drivers)
        return replace(state, drivers=decision.drivers)

    def _apply(self, state: CanaryState, decision: Decision) -> bool:
        if state.verdict == "promoted":
            self._promote(state)
        elif state.verdict in ("rolled_back", "inconclusive"):
            self._on_arms(state.stable, None)
        return state.verdict != "running" or decision.action == "push"

    def _finished(self) -> bool:
        """Swap the alias of a promotion that was decided but not carried out when the process died."""
        state = self._state
        if state is None or state.verdict != "promoted" or self._store.get("canary_done", state.release) is not None:
            return False
        self._promote(state)
        return True

    def _promote(self, state: CanaryState) -> None:
        promote(self._store, state.release, reason="; ".join(state.drivers), force=state.forced)
        self._store.put("canary_done", state.release, {"verdict": state.verdict})
        self._on_arms(state.release, None)

    def _keep(self, state: CanaryState, position: int) -> None:
        self._state, self._position = state, position
        self._store.canary.save({"state": state.to_json(), "position": position})


def _share(given: str | float) -> float:
    try:
        share = float(given)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UserError(f"{given!r} is no share", field="shadow", expected="0 to 1")
    return share


def settled(trace: Trace, feedback: list[Feedback], share: float, slo: SloConfig) -> Request:
    """What one request raised, once people have had their time to speak."""
    raised = events(trace, feedback, slo)
    severities = [word.severity for word in feedback if word.severity is not None]
    return Request(
        arm=trace.arm,
        share=share,
        user=trace.user,
        raised=frozenset(name for name in SIGNALS if raised[name]),
        severity=min(severities, default=None),
    )


def _load(store: Store) -> tuple[CanaryState | None, int]:
    kept = store.canary.load()
    if kept is None:
        return None, 0
    return canary_from_json(kept["state"]), int(kept["position"])
