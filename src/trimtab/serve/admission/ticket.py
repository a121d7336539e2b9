"""A request's place: what it may cost, how long it can wait, whether it runs; and the word to one that has none."""

from dataclasses import dataclass, field
from typing import Literal

Reason = Literal["draining", "too_large", "tenant_queue", "queue", "tenant_wait", "wait", "deadline"]

_PATIENCE = 2.0  # × the wait that was thought the longest
_WAITING = 0.75  # of the time until the deadline; the rest is for the answer


@dataclass(eq=False, slots=True)
class Ticket:
    """One request at the door. Times are seconds of the controller's clock; tokens are prompt and completion.

    ``latest``: when it should have started, by the prediction that lets it in; ``deadline``: when it must have ended;
    ``patient``: the deadline is the server's own, so that missing it tells of the server and not of the client.
    """

    tenant: str
    tokens: int
    arrived: float
    latest: float
    deadline: float
    patient: bool = True
    started: float | None = None
    over: bool = False
    area: float = field(default=0.0, repr=False)
    """The controller's integral of concurrency over time when it started."""

    @property
    def last(self) -> float:
        """When it is told that it waits in vain. Later than ``latest``: whoever was let in by a prediction that was a
        little wrong is served, for a refusal is worth something only at once."""
        promised, whole = self.latest - self.arrived, self.deadline - self.arrived
        return self.arrived + min(_PATIENCE * promised, _WAITING * whole)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served. ``retry_after``: seconds after which it is likely to be; 0: never as it is."""

    reason: Reason
    retry_after: int = 0

    @property
    def status(self) -> int:
        """400 for what never fits, 429 for what the tenant itself used up, 503 for what the server cannot do now."""
        return {"too_large": 400, "tenant_queue": 429, "tenant_wait": 429}.get(self.reason, 503)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a look at the queue brought: requests that run from now on, and those that waited too long."""

    started: tuple[Ticket, ...] = ()
    late: tuple[Ticket, ...] = ()
