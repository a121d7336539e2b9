"""How fast the engine works off what was promised: the wait that a place in the queue means."""

from trimtab.serve.admission.curve import Curve

_MEMORY = 1 - 1 / 32  # an ended request's weight after the next one


class Pace:
    """Service times of the requests that ended last, in seconds a token of cost (prompt and bounded completion).

    By Little's law n running requests of ``cost`` tokens and ``seconds`` each work off n × cost / seconds tokens a
    second. What was measured at another load is carried over by the latency line.
    """

    def __init__(self) -> None:
        self._tokens = self._seconds = self._loads = self._count = 0.0

    def ended(self, *, tokens: int, seconds: float, load: float) -> None:
        """A request that cost ``tokens`` has left the engine after ``seconds``, beside ``load`` others on average."""
        self._tokens = self._tokens * _MEMORY + tokens
        self._seconds = self._seconds * _MEMORY + seconds
        self._loads = self._loads * _MEMORY + load
        self._count = self._count * _MEMORY + 1

    @property
    def known(self) -> bool:
        return self._seconds > 0

    @property
    def tokens(self) -> float:
        """Mean cost of a request; 0 before one has ended."""
        return self._tokens / self._count if self._count else 0.0

    def service(self, tokens: float, load: float, curve: Curve | None) -> float:
        """Seconds that a request of this cost takes beside ``load``; 0 while nothing is known."""
        if not self._tokens:
            return 0.0
        return tokens * self._seconds / self._tokens * self._slower(load, curve)

    def wait(self, tokens: float, load: float, curve: Curve | None) -> float:
        """Seconds until ``tokens`` have left an engine that runs ``load`` requests; 0 while nothing is known."""
        return self.service(tokens, load, curve) / max(load, 1.0)

    def _slower(self, load: float, curve: Curve | None) -> float:
        if curve is None or not self._count:
            return 1.0
        return curve.at(load) / curve.at(self._loads / self._count)
