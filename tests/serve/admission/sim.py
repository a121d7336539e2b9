"""A server under load in simulated time: arrivals, the controller under test, and a batching engine of known capacity.

The engine shares its steps among the running requests: a token takes ``seconds(running)``, the same for all of them.
"""

import heapq
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trimtab.serve.admission import AdmissionConfig, Controller, Refusal, Ticket

Seconds = Callable[[float], float]


def line(idle: float, knee: float) -> Seconds:
    """Latency doubles at ``knee`` running requests, and grows along a line."""
    return lambda running: idle * (1 + running / knee)


def wall(idle: float, capacity: float) -> Seconds:
    """Nothing gets slower up to ``capacity``; beyond it requests share what there is."""
    return lambda running: idle * max(1.0, running / capacity)


@dataclass(frozen=True)
class Source:
    """A tenant's traffic: requests a second from ``start`` to ``end``; ``prompt`` and ``completion`` in tokens."""

    tenant: str
    rate: float
    prompt: int = 100
    completion: int = 100
    start: float = 0.0
    end: float = math.inf


@dataclass(eq=False)
class Job:
    ticket: Ticket
    work: float
    said: float
    source: Source
    finished: float = math.nan


@dataclass
class World:
    """Runs ``controller`` before the engine; ``engine`` may be changed while it runs."""

    engine: Seconds
    config: AdmissionConfig = field(default_factory=AdmissionConfig)
    most: int = 64
    budget: int = 0
    timeout: float = 30.0
    seed: int = 0
    noise: float = 0.0
    now: float = 0.0
    done: list[Job] = field(default_factory=list)
    late: list[Job] = field(default_factory=list)
    refused: list[tuple[float, str, Refusal]] = field(default_factory=list)
    offered: int = 0
    longest_queue: int = 0
    running: dict[Ticket, Job] = field(default_factory=dict)
    waiting: dict[Ticket, Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.controller = Controller(self.config, self.most, lambda: self.budget)
        self._random = random.Random(self.seed)

    def run(self, sources: Sequence[Source], seconds: float) -> None:
        """Poisson arrivals of each source for so long."""
        end = self.now + seconds
        arrivals = [(self._next(max(self.now, s.start), s), i) for i, s in enumerate(sources)]
        heapq.heapify(arrivals)
        while self.now < end:
            arrival = arrivals[0][0] if arrivals else math.inf
            finish, job = self._finish()
            until = min(arrival, finish, self._expiry(), end)
            self._advance(until)
            if until == finish and job is not None:
                self._end(job)
            elif until == arrival:
                _, i = heapq.heappop(arrivals)
                self._offer(sources[i])
                if (later := self._next(self.now, sources[i])) < sources[i].end:
                    heapq.heappush(arrivals, (later, i))
            self._expire()
            self._turn()

    def keep_busy(self, clients: int, seconds: float, source: Source) -> None:
        """So many clients that each ask again as soon as they are answered or turned away."""
        end = self.now + seconds
        while self.now < end:
            while len(self.running) + len(self.waiting) < clients and self._offer(source):
                self._turn()
            finish, job = self._finish()
            self._advance(min(finish, self._expiry(), end))
            if job is not None and self.now == finish:
                self._end(job)
            self._expire()
            self._turn()

    def _next(self, after: float, source: Source) -> float:
        return after + self._random.expovariate(source.rate) if source.rate else math.inf

    def _offer(self, source: Source) -> bool:
        self.offered += 1
        latest = min(self.now + self.config.queue_seconds, self.now + self.timeout)
        ticket = Ticket(source.tenant, source.prompt + source.completion, self.now, latest, self.now + self.timeout)
        refusal = self.controller.offer(self.now, ticket)
        if refusal is not None:
            self.refused.append((self.now, source.tenant, refusal))
            return False
        generated = max(1.0, source.completion * self._random.uniform(0.5, 1.0))
        said = generated + source.prompt / 16
        work = said * math.exp(self._random.gauss(0, self.noise))
        self.waiting[ticket] = Job(ticket, work, said, source)
        self.longest_queue = max(self.longest_queue, self.controller.snapshot().queued)
        return True

    def _turn(self) -> None:
        turn = self.controller.turn(self.now)
        for ticket in turn.started:
            self.running[ticket] = self.waiting.pop(ticket)
        for ticket in turn.late:
            self.late.append(self.waiting.pop(ticket))

    def _expiry(self) -> float:
        """When the one that waits longest (they all have the same patience) has waited too long."""
        return next((ticket.last for ticket in self.waiting), math.inf)

    def _expire(self) -> None:
        for ticket in [ticket for ticket in self.waiting if ticket.last <= self.now]:
            self.controller.expire(ticket)
            self.late.append(self.waiting.pop(ticket))

    def _finish(self) -> tuple[float, Job | None]:
        if not self.running:
            return math.inf, None
        job = min(self.running.values(), key=lambda job: job.work)
        return self.now + job.work * self.engine(len(self.running)), job

    def _advance(self, until: float) -> None:
        if self.running and until > self.now:
            share = (until - self.now) / self.engine(len(self.running))
            for job in self.running.values():
                job.work -= share
        self.now = until

    def _end(self, job: Job) -> None:
        del self.running[job.ticket]
        job.finished = self.now
        self.controller.end(self.now, job.ticket, work=job.said)
        self.done.append(job)
