"""How many requests may run at once: a limit that follows the latency it measures.

The law is Netflix's gradient limiter (github.com/Netflix/concurrency-limits, GradientLimit and Gradient2Limit; E.
Landau et al., "Performance under load", 2018): the limit times min(1, tolerance × unloaded latency / latency), plus
headroom of its square root, within bounds, and held where less than half of it is in use. Three things differ:

- *Latency is seconds a token of engine work*, not of the whole request, whose length depends on what was asked. It is
  the service time (without the wait in our queue) over generated tokens plus a sixteenth of the prompt's, so it grows
  both when steps get slower and when the engine lets requests wait for their first token.
- *The unloaded latency is the foot of a fitted line* (``curve``), not a long average, which under lasting overload
  drifts up with what it should judge.
- *Headroom is only taken as far as the line allows*, so the limit rests where latency is ``tolerance`` × unloaded.
"""

from dataclasses import dataclass, field
from statistics import median

from trimtab.serve.admission.curve import Curve, first_curve, follow

PREFILL_SHARE = 1 / 16  # of a generated token's work: prompts are read hundreds of tokens a step
_ENOUGH = 16  # samples a window
_PATIENCE = 8  # windows' times after which few samples are enough
_FEW = 3
_MOST = 512  # samples that a window keeps
_DOUBT = 0.3  # of the idle latency, at which a look at half the load is due
_LOOK_WINDOWS = 6
_REST_WINDOWS = 60
_LOST = 0.9  # of the limit is left when a request took too long to end


@dataclass(slots=True)
class _Window:
    start: float
    loads: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    lost: bool = False


class Limiter:
    """A concurrency limit from measured latency; times are seconds of any one clock."""

    def __init__(self, least: int, most: int, *, tolerance: float, window: float, start: int = 32) -> None:
        self._least, self._most = min(least, most), most
        self._tolerance, self._seconds = tolerance, window
        self._limit = float(min(max(start, self._least), most))
        self._curve: Curve | None = None
        self._window: _Window | None = None
        self._looking, self._resting = 0, 0

    @property
    def limit(self) -> int:
        """Requests that may run at once now."""
        wanted = self._limit / 2 if self._looking else self._limit
        return max(self._least, int(wanted))

    @property
    def curve(self) -> Curve | None:
        """Latency by load, seconds a token; None before the first window has ended."""
        return self._curve

    def ended(self, now: float, *, load: float, seconds: float, work: float) -> None:
        """A request ended well. ``load``: requests running on average during its service, itself included;
        ``work``: its generated tokens and its share of the prompt's."""
        window = self._open(now)
        if work > 0 and len(window.loads) < _MOST:
            window.loads.append(load)
            window.latencies.append(seconds / work)
        self._close(now, window)

    def lost(self, now: float) -> None:
        """A request ran out of time: the limit falls, once a window."""
        window = self._open(now)
        if not window.lost:
            window.lost = True
            self._limit = max(self._limit * _LOST, self._least)
        self._close(now, window)

    def _open(self, now: float) -> _Window:
        if self._window is None:
            self._window = _Window(now)
        return self._window

    def _close(self, now: float, window: _Window) -> None:
        age, count = now - window.start, len(window.loads)
        if age < self._seconds or count < (_ENOUGH if age < _PATIENCE * self._seconds else _FEW):
            return
        self._window = None
        load, latency = sum(window.loads) / count, median(window.latencies)
        spread = 1.4826 * median(abs(one - latency) for one in window.latencies) / count**0.5
        before = self._curve or first_curve(load, latency)
        self._curve = follow(before, load, latency, spread, self._least)
        self._move(load, latency, self._curve)

    def _move(self, load: float, latency: float, curve: Curve) -> None:
        """One step of the gradient law, then the question whether another load has to be looked at."""
        used = load >= self._limit / 2
        if self._looking:
            done = load <= 0.75 * self._limit and curve.doubt < _DOUBT
            self._looking = 0 if done else self._looking - 1
            self._resting = _REST_WINDOWS
            return
        if used:
            seen = max(latency, curve.at(load))
            wanted = self._limit * self._tolerance * curve.idle / seen
            step = min(max(wanted - self._limit, -self._limit / 4), self._limit**0.5)
            self._limit = min(max(self._limit + step, self._least), self._most)
        self._resting = max(self._resting - 1, 0)
        if used and not self._resting and curve.doubt > _DOUBT and self._limit > self._least:
            self._looking = _LOOK_WINDOWS
