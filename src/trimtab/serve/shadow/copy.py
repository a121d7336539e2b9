"""One copy of a request, answered by a candidate for nobody: no effects, and a trace that names the request."""

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass, field, replace

from trimtab.engine.scope import CACHE_SCOPE
from trimtab.records import Timing, Trace
from trimtab.serve.arms import Lease
from trimtab.serve.body import ChatRequest
from trimtab.serve.exchange import Exchange, Meter
from trimtab.serve.shadow.effectless import effectless
from trimtab.tools import Outcome, run_plan

_log = logging.getLogger("trimtab.serve")


@dataclass(eq=False)
class Copy:
    """``original``: the trace of the request that was answered; ``model``: the candidate's full name."""

    original: Trace
    request: ChatRequest
    model: str
    who: str
    idempotency: str
    timeout: float
    caught: list[str] = field(default_factory=list)
    """Tools that tried an effect, though they are declared to have none."""

    @classmethod
    def of(cls, exchange: Exchange, original: Trace, model: str) -> "Copy":
        return cls(original, exchange.request, model, exchange.who, exchange.idempotency, exchange.timeout)

    async def answer(self, lease: Lease, meter: Meter) -> Trace:
        """Run it, in the tenant's own cache scope. A failure is a trace with an error; cancelling stops it."""
        CACHE_SCOPE.set(self.original.tenant)
        mark, started = meter.start(), time.perf_counter()
        outcome, error = None, ""
        try:
            async with asyncio.timeout(self.timeout):
                outcome = await self._plan(lease)
        except Exception as failure:  # the named boundary: a copy that fails is a count, and no user's business
            _log.warning("the copy of request %s failed", self.original.id, exc_info=True)
            error = f"{type(failure).__name__}: {failure}"
        finally:
            cost = meter.stop(mark)
        if self.caught:
            _log.error("a copy's tools tried effects, which were refused: %s", ", ".join(self.caught))
            error = f"tried an effect: {', '.join(self.caught)}"
        return self._trace(lease, outcome, error, time.perf_counter() - started, cost)

    async def _plan(self, lease: Lease) -> Outcome:
        assistant = lease.served.assistant
        still = effectless(assistant.toolbox, self.original.turns, self.caught.append)
        return await run_plan(
            replace(assistant, toolbox=still, sampling=self.request.sampling(assistant.sampling)),
            self.request.messages,
            user=self.who,
            now=self.original.time,
            tools=self.request.tools,
            idempotency=self.idempotency,
            rehearse=True,
        )

    def _trace(self, lease: Lease, outcome: Outcome | None, error: str, seconds: float, cost: float) -> Trace:
        first = None if outcome is None else outcome.first_token
        return Trace(
            id=f"shadow-{uuid.uuid4().hex}",
            time=self.original.time,
            tenant=self.original.tenant,
            user=self.who,
            arm="shadow",
            release=lease.served.release,
            prompt=self.request.messages,
            turns=() if outcome is None else outcome.turns,
            finish="error" if outcome is None else outcome.finish,
            verdicts=() if outcome is None else outcome.verdicts,
            prompt_tokens=0 if outcome is None else outcome.prompt_tokens,
            completion_tokens=0 if outcome is None else outcome.completion_tokens,
            timing=Timing(first_token=seconds if first is None else first, total=seconds),
            cost=cost,
            error=error,
            shadow_of=self.original.id,
        )
