"""Which requests are copied, and when a copy may run: one at a time, when nobody waits and a place is free."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Literal

from starlette.types import ASGIApp

from trimtab.records import Trace
from trimtab.serve.admission import Admission
from trimtab.serve.arms import Arms, Lease
from trimtab.serve.errors import ApiError
from trimtab.serve.exchange import Exchange, Meter
from trimtab.serve.shadow.copy import Copy
from trimtab.serve.shadow.leaving import Leaving
from trimtab.serve.split import arm_of, safe_share

Fate = Literal["copied", "failed", "caught", "dropped", "preempted"]
FATES: tuple[Fate, ...] = ("copied", "failed", "caught", "dropped", "preempted")
"""Answered; answered by an error; tried an effect; no room to wait, or nothing to run on; stopped for a request."""
_BACKLOG = 16


class Shadow:
    """Copies of requests that stable has answered, for the canary's arm. Used on the event loop only.

    A copy takes no place in the admission, so that no request ever waits for one: it starts when the queue is empty and
    a place is free, and is stopped as soon as a request has to wait or goes to its engine. ``share``: which part of the
    users is copied, asked at every request; ``keep`` is given each copy's trace.
    """

    def __init__(
        self,
        arms: Arms,
        admission: Admission,
        share: Callable[[], float],
        meter: Meter,
        keep: Callable[[Trace], None],
    ) -> None:
        self._arms, self._admission, self._share, self._meter, self._keep = arms, admission, share, meter, keep
        self._answered: dict[str, Trace | None] = {}
        self._backlog: deque[Copy] = deque()
        self._running: asyncio.Task[None] | None = None
        self.counts: Counter[Fate] = Counter()

    def after(self, reply: ASGIApp, exchange: Exchange) -> ASGIApp:
        """The reply; once it has left, its request is copied where the share says so."""
        share = safe_share(self._share)
        canary = self._arms.get("canary") if share else None
        lease = exchange.lease
        if canary is None or lease.pinned or lease.arm != "stable":
            return reply
        key = f"{exchange.tenant}\0{exchange.who or exchange.id}"
        if arm_of(key, share, f"shadow {canary.release}") != "canary":
            return reply
        model = f"{self._arms.name}@{canary.release}"
        self._answered[exchange.id] = None
        return Leaving(reply, lambda left: self._left(left, exchange, model))

    def ended(self, trace: Trace) -> None:
        """A request has ended, and its place is free."""
        if trace.id in self._answered:
            self._answered[trace.id] = trace
        self._turn()

    def make_way(self, lease: Lease | None) -> None:
        """A request has come (without a lease: to no release): the copy under way stops where that has to wait, or
        needs the same engine."""
        canary = lease is not None and lease.arm == "canary"
        if self._running is not None and (canary or self._admission.snapshot().queued):
            self._running.cancel()

    def stop(self) -> None:
        """No more copies: what waits is dropped, what runs is stopped."""
        self.counts["dropped"] += len(self._backlog)
        self._backlog.clear()
        if self._running is not None:
            self._running.cancel()

    async def close(self) -> None:
        """Stop, and wait until the copy under way has let its release go."""
        self.stop()
        if self._running is not None:
            await asyncio.wait({self._running})

    def lines(self) -> Iterator[str]:
        """The counts in Prometheus' text format."""
        yield "# TYPE trimtab_shadow_copies_total counter"
        for fate in FATES:
            yield f'trimtab_shadow_copies_total{{fate="{fate}"}} {self.counts[fate]}'

    def _left(self, left: bool, exchange: Exchange, model: str) -> None:
        original = self._answered.pop(exchange.id)
        if not left or original is None or original.error:
            return
        if len(self._backlog) >= _BACKLOG or self._admission.draining:
            self.counts["dropped"] += 1
            return
        self._backlog.append(Copy.of(exchange, original, model))
        self._turn()

    def _turn(self) -> None:
        if self._running is None and self._backlog and self._has_room():
            self._running = asyncio.ensure_future(self._run(self._backlog.popleft()))
            self._running.add_done_callback(self._done)

    def _has_room(self) -> bool:
        now = self._admission.snapshot()
        return not now.draining and not now.queued and now.in_flight < now.limit

    async def _run(self, copy: Copy) -> None:
        try:
            lease = self._arms.lease(copy.model, "")
        except ApiError:  # the candidate is gone
            self.counts["dropped"] += 1
            return
        if lease.arm != "canary":  # promoted meanwhile: its engine is the users' now
            self._arms.release(lease)
            self.counts["dropped"] += 1
            return
        try:
            trace = await copy.answer(lease, self._meter)
        except asyncio.CancelledError:
            self.counts["preempted"] += 1
            raise
        finally:
            self._arms.release(lease)
        self.counts["caught" if copy.caught else "failed" if trace.error else "copied"] += 1
        self._keep(trace)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._running = None
        self._turn()
