"""Who runs, who waits and who is refused: one decision out of queue, limit, token budget and predicted wait.

Pure: the clock comes as an argument, nothing waits here. A request holds its tokens (prompt and bounded completion)
from its start to its end, and never more run than the limiter allows or the budget holds. Fair shares are given by
the queue's turns; a tenant's room in the queue is at most what is left free (A. Choudhury and E. Hahne, "Dynamic queue
length thresholds for shared-memory packet switches", IEEE/ACM ToN 1998, with α = the tenant's weight): n tenants that
want all of it get 1/(n+1) each, and whoever comes next finds room.
"""

import math
from collections import Counter
from collections.abc import Callable

from trimtab.serve.admission.config import AdmissionConfig
from trimtab.serve.admission.fair import FairQueue
from trimtab.serve.admission.limiter import Limiter
from trimtab.serve.admission.pace import Pace
from trimtab.serve.admission.shares import Shares
from trimtab.serve.admission.snapshot import Snapshot
from trimtab.serve.admission.ticket import Reason, Refusal, Ticket, Turn

_MOST_RETRY = 60
_ELSEWHERE_SECONDS = 5  # a load balancer has found another server by then
_CAUTION = 1.4  # × the predicted wait must fit: requests differ, and who is let in should be served
_OPTIMISM = 0.75  # × the predicted service must fit: a completion often ends before its bound


class Controller:
    """``most``: requests that ever run at once. ``budget``: tokens that may be held now; 0: no bound."""

    def __init__(self, config: AdmissionConfig, most: int, budget: Callable[[], int] = lambda: 0) -> None:
        self._config, self._budget = config, budget
        self.limiter = Limiter(
            config.min_in_flight, most, tolerance=config.latency_tolerance, window=config.window_seconds
        )
        self._pace = Pace()
        self._queue: FairQueue[Ticket] = FairQueue(config.quantum, self._weight)
        self._running, self._held = 0, 0
        self._shares = Shares(self._weight)
        self._refused: Counter[Reason] = Counter()
        self._area, self._since = 0.0, 0.0
        self.draining = False

    def closed(self) -> Refusal | None:
        """The refusal that everybody gets while draining."""
        if not self.draining:
            return None
        self._refused["draining"] += 1
        return Refusal("draining", _ELSEWHERE_SECONDS)

    def offer(self, now: float, ticket: Ticket) -> Refusal | None:
        """Start the request, queue it, or say why not. Who starts (now or later) is told by ``turn``."""
        if (closed := self.closed()) is not None:
            return closed
        refusal = self._refusal(now, ticket)
        if refusal is not None:
            self._refused[refusal.reason] += 1
            return refusal
        self._shares.use(ticket.tenant, ticket.tokens)
        self._queue.add(ticket.tenant, ticket, ticket.tokens)
        return None

    def turn(self, now: float) -> Turn:
        """Start those whose turn it is while there is room. The first that does not fit is waited for, so that no
        large request starves."""
        started, late = [], []
        while (ticket := self._queue.next()) is not None:
            if ticket.last < now:
                self._queue.remove(ticket.tenant, ticket)
                self._forget(ticket)
                self._refused["wait"] += 1
                late.append(ticket)
            elif self._fits(ticket):
                self._queue.take()
                self._start(now, ticket)
                started.append(ticket)
            else:
                break
        return Turn(tuple(started), tuple(late))

    def give_up(self, ticket: Ticket) -> bool:
        """A request leaves the queue unserved (its client is gone); whether it still waited."""
        if ticket.over or not self._queue.remove(ticket.tenant, ticket):
            return False
        self._forget(ticket)
        return True

    def expire(self, ticket: Ticket) -> Refusal:
        """What a request is told that waited too long."""
        if self.give_up(ticket):
            self._refused["wait"] += 1
        return Refusal("wait", self._retry_after(self._wait(ticket.tenant)))

    def end(self, now: float, ticket: Ticket, *, work: float = 0.0, lost: bool = False) -> None:
        """A request has left the engine. ``work``: what it did there in generated tokens, 0 where it tells nothing;
        ``lost``: it ran out of time. Ending twice is ending once."""
        if ticket.over or ticket.started is None:
            return
        self._tick(now)
        seconds = now - ticket.started
        load = (self._area - ticket.area) / seconds if seconds > 0 else float(self._running)
        self._running -= 1
        self._held -= ticket.tokens
        self._forget(ticket)
        if work > 0 and seconds > 0:
            self._pace.ended(tokens=ticket.tokens, seconds=seconds, load=load)
            self.limiter.ended(now, load=load, seconds=seconds, work=work)
        elif lost and ticket.patient:
            self.limiter.lost(now)

    def snapshot(self) -> Snapshot:
        curve = self.limiter.curve
        return Snapshot(
            queued=len(self._queue),
            queued_tokens=self._queue.tokens,
            tenants_queued=self._queue.tenants,
            in_flight=self._running,
            limit=self.limiter.limit,
            kv_tokens_held=self._held,
            kv_tokens=self._budget(),
            refused={str(reason): count for reason, count in self._refused.items()},
            idle_seconds_per_token=0.0 if curve is None else curve.idle,
            draining=self.draining,
        )

    def _refusal(self, now: float, ticket: Ticket) -> Refusal | None:
        if (budget := self._budget()) and ticket.tokens > budget:
            return Refusal("too_large")
        waits = bool(len(self._queue)) or not self._fits(ticket)
        wait = self._wait(ticket.tenant) if waits else 0.0
        if waits and (reason := self._no_room(ticket)):
            return Refusal(reason, self._retry_after(wait))
        if _CAUTION * wait > ticket.latest - now:
            greedy = self._shares.is_greedy(ticket.tenant, ticket.tokens)
            return Refusal("tenant_wait" if greedy else "wait", self._retry_after(wait))
        if not self._running:
            return None  # an idle engine tries, or a prediction that has become wrong would never be put right
        service = self._pace.service(ticket.tokens, self._load(), self.limiter.curve)
        if wait + _OPTIMISM * service > ticket.deadline - now:
            return Refusal("deadline", self._retry_after(wait))
        return None

    def _no_room(self, ticket: Ticket) -> Reason | None:
        free = self._config.queue - len(self._queue)
        if self._queue.length(ticket.tenant) < self._weight(ticket.tenant) * free:
            return None
        return "tenant_queue" if self._shares.is_greedy(ticket.tenant, ticket.tokens) else "queue"

    def _wait(self, tenant: str) -> float:
        """Seconds until a new request of the tenant would start, all places being taken; 0 while nothing is known."""
        ahead = self._queue.ahead(tenant) + self._pace.tokens
        return self._pace.wait(ahead, self._load(), self.limiter.curve)

    def _load(self) -> float:
        """Requests that run at once when all that can run does."""
        limit, budget, mean = self.limiter.limit, self._budget(), self._pace.tokens
        return max(1.0, min(limit, budget / mean)) if budget and mean else float(limit)

    def _retry_after(self, wait: float) -> int:
        return min(max(math.ceil(wait - self._config.queue_seconds), 1), _MOST_RETRY)

    def _fits(self, ticket: Ticket) -> bool:
        budget = self._budget()
        return self._running < self.limiter.limit and (not budget or self._held + ticket.tokens <= budget)

    def _start(self, now: float, ticket: Ticket) -> None:
        self._tick(now)
        ticket.started, ticket.area = now, self._area
        self._running += 1
        self._held += ticket.tokens

    def _tick(self, now: float) -> None:
        """Concurrency, integrated over time up to now."""
        self._area += self._running * max(now - self._since, 0.0)
        self._since = now

    def _forget(self, ticket: Ticket) -> None:
        ticket.over = True
        self._shares.give_back(ticket.tenant, ticket.tokens)

    def _weight(self, tenant: str) -> float:
        return self._config.weights.get(tenant, 1.0)
