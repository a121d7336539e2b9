"""Dollars from compute seconds: what a request costs is its share of the machine while it ran."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trimtab.observe.sink import complaint
from trimtab.records import Feedback, Trace


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars in all and each; ``helpful``: answers that no error, guard or person called into question."""

    dollars: float
    requests: int
    helpful: int
    tokens: int

    @property
    def per_request(self) -> float | None:
        return self.dollars / self.requests if self.requests else None

    @property
    def per_helpful(self) -> float | None:
        """All dollars over the helpful answers: those that did not help were paid for too. None without any."""
        return self.dollars / self.helpful if self.helpful else None

    @property
    def per_1k_tokens(self) -> float | None:
        return 1000 * self.dollars / self.tokens if self.tokens else None


class Meter:
    """Shares the machine's seconds evenly among the requests that run at the same instant.

    With n(t) requests running, one that ran from a to b pays price · ∫ₐᵇ dt / n(t). The bills of all requests add up
    to the busy seconds exactly, however they overlapped. Thread-safe.
    """

    def __init__(self, dollars_per_hour: float, clock: Callable[[], float]) -> None:
        self._price = dollars_per_hour / 3600
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._share = 0.0  # ∫ dt / n(t) over all busy time so far
        self._at = 0.0

    def start(self) -> float:
        """A request begins; give the returned mark to ``stop``."""
        with self._lock:
            self._advance()
            self._running += 1
            return self._share

    def stop(self, mark: float) -> float:
        """The request that got ``mark`` ends, once; returns what it cost in dollars."""
        with self._lock:
            assert self._running > 0, "stopped more often than started"
            self._advance()
            self._running -= 1
            return (self._share - mark) * self._price

    def most(self, seconds: float) -> float:
        """What a request of so many seconds costs at most, in dollars: it had the machine to itself."""
        return seconds * self._price

    def _advance(self) -> None:
        now = self._clock()
        if self._running:
            self._share += (now - self._at) / self._running
        self._at = now


def cost_of(traces: Sequence[Trace], feedback: Mapping[str, Sequence[Feedback]]) -> Cost:
    """Sum of what the traces cost; ``feedback`` goes by trace id."""
    return Cost(
        dollars=sum(trace.cost for trace in traces),
        requests=len(traces),
        helpful=sum(_helpful(trace, feedback.get(trace.id, ())) for trace in traces),
        tokens=sum(trace.completion_tokens for trace in traces),
    )


def _helpful(trace: Trace, feedback: Sequence[Feedback]) -> bool:
    blocked = any(verdict.ruling == "block" for verdict in trace.verdicts)
    unhappy = any(complaint(said) or said.severity is not None for said in feedback)
    return not (trace.error or trace.finish == "cancelled" or blocked or unhappy)
