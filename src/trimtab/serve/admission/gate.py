"""The gate at the event loop: requests wait on it in order, leave it when their client does, and are told why not."""

import asyncio
import time
from collections.abc import Callable

from trimtab.serve.admission.config import AdmissionConfig
from trimtab.serve.admission.control import Controller
from trimtab.serve.admission.limiter import PREFILL_SHARE
from trimtab.serve.admission.snapshot import Snapshot
from trimtab.serve.admission.ticket import Reason, Refusal, Ticket
from trimtab.serve.errors import ApiError

_WORDS: dict[Reason, tuple[str, str]] = {
    "draining": ("draining", "The server is shutting down; another one will answer."),
    "too_large": ("context_length_exceeded", "Prompt and completion together are more than the server can ever hold."),
    "tenant_queue": ("rate_limit_exceeded", "Too many requests of yours are waiting."),
    "tenant_wait": ("rate_limit_exceeded", "Your requests under way take the time that this one would need."),
    "queue": ("overloaded", "The server is overloaded: its queue is full."),
    "wait": ("overloaded", "The server is overloaded: the wait would be too long."),
    "deadline": ("deadline_unreachable", "The answer cannot be there before the request's deadline."),
}


class Place:
    """One request's place, from its admission to its end: wait for ``turn``, serve, and ``leave`` whatever happened."""

    def __init__(self, admission: "Admission", ticket: Ticket) -> None:
        self._admission, self._ticket = admission, ticket
        self._turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._work = 0.0
        self._lost = False

    @property
    def waited(self) -> float:
        """Seconds in the queue, so far or until the start."""
        ticket = self._ticket
        return (self._admission.now() if ticket.started is None else ticket.started) - ticket.arrived

    @property
    def left(self) -> float:
        """Seconds to the deadline."""
        return self._ticket.deadline - self._admission.now()

    async def settled(self) -> None:
        """Wait until the request has started or is refused, or nobody wants it any more."""
        await asyncio.wait({self._turn})

    def did(self, prompt_tokens: int, completion_tokens: int) -> None:
        """What the engine did for it (for each of its samples): a measurement of the latency. Without it the service
        tells nothing."""
        self._work += completion_tokens + prompt_tokens * PREFILL_SHARE if completion_tokens else 0.0

    def timed_out(self) -> None:
        """The service did not end in time."""
        self._lost = True

    async def turn(self) -> None:
        """Wait until the service may start; cancelled, it leaves the queue. Raises ApiError when it waited too long."""
        if self._turn.done() and not self._turn.cancelled() and self._turn.exception() is None:
            return  # there was room: no timer, no round of the loop
        try:
            async with asyncio.timeout(max(self._ticket.last - self._admission.now(), 0.0)):
                await asyncio.shield(self._turn)
        except TimeoutError as error:
            if self._ticket.started is None:  # else its turn came in the same moment
                raise self._admission._late(self) from error
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """The request has ended, or will not be served: its place is free. Leaving twice is leaving once."""
        self._admission._leave(self, work=self._work, lost=self._lost)

    def _begin(self) -> None:
        if not self._turn.done():
            self._turn.set_result(None)

    def _refuse(self, error: ApiError | None) -> None:
        if self._turn.done():
            return
        if error is None:
            self._turn.cancel()
        else:
            self._turn.set_exception(error)
            self._turn.exception()  # it may be that nobody waits any more


class Admission:
    """The gateway's only door. Not thread-safe: it lives on the event loop.

    ``most``: requests that ever run at once; ``budget``: tokens that they may hold together, 0 for no bound.
    """

    def __init__(
        self,
        config: AdmissionConfig,
        most: int,
        budget: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._config, self.now = config, clock
        self._control = Controller(config, most, budget)
        self._places: dict[Ticket, Place] = {}

    def ask(self, tenant: str, tokens: int, *, deadline: float, patient: bool = True) -> Place:
        """A place for a request of ``tokens`` (prompt and bounded completion) that must have ended by ``deadline``.

        Decided at once, without waiting. Raises ApiError: 400 for what is larger than the whole budget, 429 where the
        tenant has used its share, 503 where the server cannot make it in time; with ``Retry-After`` where it helps.
        """
        now = self.now()
        latest = min(now + self._config.queue_seconds, deadline)
        ticket = Ticket(tenant, tokens, now, latest, deadline, patient)
        refusal = self._control.offer(now, ticket)
        if refusal is not None:
            raise _error(refusal)
        place = self._places[ticket] = Place(self, ticket)
        self._turn()
        return place

    def drain(self, grace: float) -> None:
        """Take nobody new; who waits has to start within half of ``grace`` seconds, or is told to go elsewhere."""
        self._control.draining = True
        latest = self.now() + grace / 2
        for ticket, place in list(self._places.items()):
            if ticket.started is None and ticket.last > latest:
                asyncio.get_running_loop().call_later(grace / 2, self._overdue, place)

    def check_open(self) -> None:
        """Raises ApiError 503 while draining: what arrives then is not even read."""
        if (refusal := self._control.closed()) is not None:
            raise _error(refusal)

    @property
    def draining(self) -> bool:
        return self._control.draining

    def snapshot(self) -> Snapshot:
        return self._control.snapshot()

    def _turn(self) -> None:
        turn = self._control.turn(self.now())
        for ticket in turn.started:
            self._places[ticket]._begin()
        for ticket in turn.late:
            self._places.pop(ticket)._refuse(_error(Refusal("wait", 1)))

    def _leave(self, place: Place, *, work: float, lost: bool) -> None:
        if self._places.pop(place._ticket, None) is None:
            return
        if not self._control.give_up(place._ticket):
            self._control.end(self.now(), place._ticket, work=work, lost=lost)
        place._refuse(None)
        self._turn()

    def _late(self, place: Place) -> ApiError:
        error = _error(self._control.expire(place._ticket))
        self._places.pop(place._ticket, None)
        place._refuse(error)
        self._turn()
        return error

    def _overdue(self, place: Place) -> None:
        if place._ticket in self._places and place._ticket.started is None:
            self._late(place)


def _error(refusal: Refusal) -> ApiError:
    code, words = _WORDS[refusal.reason]
    headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after else {}
    param = "messages" if refusal.reason == "too_large" else None
    return ApiError(refusal.status, words, param=param, code=code, headers=headers)
