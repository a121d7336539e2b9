"""Where served requests go: redacted into the telemetry, exact and encrypted into the short-lived capture.

Feedback comes after the answer, and harvest needs the exact text of what it names. So every recent request is held,
encrypted, for ``recent_seconds``; one on which a guard tripped, or which feedback calls into question, is marked as
kept and lives for ``kept_seconds``; the rest is purged. The telemetry never holds a text that ``scrub`` has not seen.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from trimtab.records import Feedback, Scrub, Trace, Verdict, redacted
from trimtab.store import Hold, Store

WITHHELD = "[withheld: could not be redacted]"
_PURGE_EVERY_SECONDS = 60.0


class CapturePolicy(BaseModel):
    """How long exact texts are held, in seconds; ``telemetry_seconds`` None keeps redacted traces for good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    recent_seconds: float = Field(default=24 * 3600.0, gt=0)
    kept_seconds: float = Field(default=30 * 24 * 3600.0, gt=0)
    telemetry_seconds: float | None = Field(default=None, gt=0)


class StoreSink:
    """A records.Sink over a store; both methods are idempotent, so a caller may try again after an error."""

    def __init__(
        self, store: Store, scrub: Scrub, policy: CapturePolicy | None = None, *, clock: Callable[[], float]
    ) -> None:
        self._store, self._policy, self._clock = store, policy or CapturePolicy(), clock
        self._scrub = closed(scrub)
        self._purged = float("-inf")
        self._purging = threading.Lock()

    def trace(self, trace: Trace) -> None:
        """Hold the exact trace, then write the redacted one. Raises UserError when the store cannot."""
        self.traces([trace])

    def traces(self, traces: Sequence[Trace]) -> None:
        """Hold the exact traces in one transaction, then write the redacted ones in another."""
        now = self._clock()
        if self._policy.enabled:  # of a shadow nobody saw the answer: there is nothing to harvest
            self._store.capture.put_all([self._hold(trace, now) for trace in traces if trace.arm != "shadow"])
        self._store.traces.add_all([self.redact(trace) for trace in traces])
        self._purge(now)

    def _hold(self, trace: Trace, now: float) -> Hold:
        kept = trace.tripped or any(needs_work(said) for said in self._store.feedback.for_trace(trace.id))
        return Hold(trace.id, trace, self._expiry(now, kept), kept)

    def feedback(self, feedback: Feedback) -> None:
        """Mark what it names as kept and hold its exact words, then write it redacted."""
        now = self._clock()
        if self._policy.enabled and needs_work(feedback):
            self._store.capture.keep(feedback.trace, self._expiry(now, True))
            self._store.capture.put_feedback(feedback, self._expiry(now, True))
        self._store.feedback.add(
            replace(
                feedback,
                user=self._store.capture.pseudonym(feedback.user),
                edit=None if feedback.edit is None else self._scrub(feedback.edit),
                comment=self._scrub(feedback.comment),
            )
        )
        self._purge(now)

    def redact(self, trace: Trace) -> Trace:
        """The trace as telemetry may keep it: texts scrubbed, the user a code, no token ids."""
        verdicts = tuple(self._verdict(verdict) for verdict in trace.verdicts)
        clean = redacted(trace, self._scrub)
        user = self._store.capture.pseudonym(trace.user)
        return replace(clean, user=user, error=self._scrub(trace.error), verdicts=verdicts)

    def _verdict(self, verdict: Verdict) -> Verdict:
        return replace(verdict, reason=self._scrub(verdict.reason))

    def _expiry(self, now: float, kept: bool) -> float:
        return now + (self._policy.kept_seconds if kept else self._policy.recent_seconds)

    def _purge(self, now: float) -> None:
        with self._purging:
            if now - self._purged < _PURGE_EVERY_SECONDS:
                return
            self._purged = now
        self._store.capture.purge(now)
        self._store.vault.purge(now)
        if self._policy.telemetry_seconds is not None:
            self._store.traces.purge(now - self._policy.telemetry_seconds)


def needs_work(feedback: Feedback) -> bool:
    """Whether the feedback says that the answer was not good: flagged, edited or escalated. A thumb up does not."""
    return complaint(feedback) or feedback.severity is not None


def complaint(feedback: Feedback) -> bool:
    return feedback.thumb is False or feedback.edit is not None or feedback.escalated


def closed(scrub: Scrub) -> Scrub:
    """A scrub that fails closed: a text it cannot take is withheld, and the request is still counted."""

    def safe(text: str) -> str:
        try:
            return scrub(text)
        except Exception:  # the named boundary: telemetry must neither leak nor be lost
            return WITHHELD

    return safe
