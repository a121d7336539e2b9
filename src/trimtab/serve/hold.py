"""What one request holds while it is under way: a release, a place, its tenant's right. Given back once, at its end."""

from collections.abc import Callable
from dataclasses import dataclass

from trimtab.records import Trace
from trimtab.serve.admission import Place
from trimtab.serve.arms import Lease
from trimtab.serve.tenants import Grant, tokens_of


@dataclass(eq=False)
class Hold:
    """``samples``: exchanges that share it (``n`` choices, several prompts); the last one's end is the request's.

    ``release`` is told the request's tokens (None where nobody counted those of some sample) and dollars. ``lease`` is
    None where no release answers: an embedding has a model of its own.
    """

    lease: Lease | None
    place: Place
    grant: Grant
    release: Callable[["Hold", int | None, float], None]
    samples: int = 1
    _tokens: int | None = 0
    _dollars: float = 0.0

    def ended(self, trace: Trace) -> bool:
        """A sample has its trace; whether that was the last one."""
        return self.took(tokens_of(trace), trace.cost)

    def took(self, tokens: int | None, dollars: float) -> bool:
        """A sample has ended and took this; whether it was the last one."""
        self._tokens = None if tokens is None or self._tokens is None else self._tokens + tokens
        self._dollars += dollars
        self.samples -= 1
        if not self.samples:
            self.give_back()
        return not self.samples

    def give_back(self) -> None:
        """End it: the place is free, the tenant's account settled, the release let go."""
        self.place.leave()
        self.release(self, self._tokens, self._dollars)
