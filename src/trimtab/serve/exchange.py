"""One chat request from its lease to its trace: whatever happens, there is one trace, and the lease ends."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from trimtab.engine.core import Sampling, Unsupported
from trimtab.engine.scope import CACHE_SCOPE
from trimtab.records import Message, Timing, ToolSchema, Trace, UserError
from trimtab.serve.admission import Place
from trimtab.serve.arms import Lease
from trimtab.serve.body import ChatRequest, fingerprint
from trimtab.serve.errors import ApiError, bad_request
from trimtab.serve.hold import Hold
from trimtab.tools import Assistant, Outcome, Reply, run_plan

_log = logging.getLogger("trimtab.serve")
_DEFAULT = Sampling()


class Meter(Protocol):
    """What computing costs; ``stop`` returns dollars."""

    def start(self) -> float: ...

    def stop(self, mark: float) -> float: ...


class Free:
    """A meter that charges nothing."""

    def start(self) -> float:
        return 0.0

    def stop(self, mark: float) -> float:
        return 0.0

    def most(self, seconds: float) -> float:
        return 0.0


@dataclass
class Exchange:
    """A request under way. ``arrived``: by ``time.perf_counter``; ``now``: seconds since the epoch."""

    id: str
    tenant: str
    who: str
    """The user, else the session, else nothing: whose request it is."""
    request: ChatRequest
    lease: Lease
    model: str
    now: float
    arrived: float
    timeout: float
    idempotency: str
    on_end: Callable[[Trace], None]
    meter: Meter
    hold: Hold
    extra: Mapping[str, str] = field(default_factory=dict)
    """Headers that go out beside the gateway's own."""
    on_gap: Callable[[float], None] = lambda seconds: None
    """Told the seconds between two texts of one reply."""
    last_reply: Reply | None = field(default=None, init=False)
    """What the model said last."""
    generating: bool = field(default=False, init=False)
    """Whether the text being heard is the model's, not a guard's or the plan's own."""
    generated: bool = field(default=False, init=False)
    _heard: list[str] = field(default_factory=list, init=False)
    _ended: bool = field(default=False, init=False)

    @property
    def place(self) -> Place:
        return self.hold.place

    def headers(self, overhead: float) -> dict[str, str]:
        return {
            **self.extra,
            "x-request-id": self.id,
            "x-trimtab-release": self.lease.served.release,
            "x-trimtab-arm": self.lease.arm,
            **({"x-trimtab-adapter": self.lease.served.adapter} if self.lease.served.adapter else {}),
            "x-trimtab-overhead-ms": f"{1000 * overhead:.2f}",
            "x-trimtab-queue-ms": f"{1000 * self.place.waited:.2f}",
        }

    def overhead(self) -> float:
        """Seconds since the request arrived; before the plan starts, all of them are the gateway's own."""
        return time.perf_counter() - self.arrived

    async def run(self, on_text: Callable[[str], None] | None = None) -> Outcome:
        """Wait for the turn, then answer. Raises ApiError with what the client may know; cancelling stops the wait or
        the generation."""
        CACHE_SCOPE.set(self.tenant)
        await self._turn()
        mark, started = self.meter.start(), time.perf_counter()
        trace: Trace | None = None
        try:
            async with asyncio.timeout(self.place.left):
                outcome = await self._plan(on_text)
            trace = self._answered(outcome, started)
            self.place.did(outcome.prompt_tokens, outcome.completion_tokens)
            return outcome
        except asyncio.CancelledError:
            trace = self._trace("cancelled")
            raise
        except TimeoutError as error:
            self.place.timed_out()
            trace = self._trace("error", error=f"no answer in {self.timeout:g} s")
            raise ApiError(504, f"No answer within {self.timeout:g} seconds.", code="timeout") from error
        except UserError as error:
            trace = self._trace("invalid", error=str(error))
            raise bad_request(error) from error
        except Unsupported as error:
            trace = self._trace("invalid", error=str(error))
            raise ApiError(400, f"{error}.", param=error.field, code="unsupported_value") from error
        except Exception as error:  # the named boundary: one failing request is an outcome, not a crash
            _log.exception("request %s failed", self.id)
            trace = self._trace("error", error=f"{type(error).__name__}: {error}")
            raise ApiError(500, "The server failed on this request.", code="internal_error") from error
        finally:
            self._end(trace or self._trace("error", error="did not end"), started, self.meter.stop(mark))

    async def _turn(self) -> None:
        """The wait in the queue; a request that is turned away there, or leaves, has its trace too."""
        try:
            await self.place.turn()
        except BaseException as error:
            ended = "refused" if isinstance(error, ApiError) else "cancelled"
            self._end(self._trace(ended), time.perf_counter(), 0.0)
            raise

    async def _plan(self, on_text: Callable[[str], None] | None) -> Outcome:
        assistant = self.lease.served.assistant
        check_choices(self.request, assistant)

        def heard(text: str) -> None:
            self._heard.append(text)
            self.generated = self.generated or self.generating
            if on_text is not None:
                on_text(text)

        return await run_plan(
            replace(assistant, reply=self._reply, sampling=self.request.sampling(assistant.sampling)),
            self.request.messages,
            user=self.who,
            now=self.now,
            on_text=heard,
            tools=self.request.tools,
            idempotency=self.idempotency,
        )

    async def _reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = _DEFAULT,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """The assistant's reply, overheard."""

        last: float | None = None

        def heard(text: str) -> None:
            nonlocal last
            now, before = time.perf_counter(), last
            last = now
            if before is not None:
                self.on_gap(now - before)
            self.generating = True
            try:
                if on_text is not None:
                    on_text(text)
            finally:
                self.generating = False

        self.last_reply = await self.lease.served.assistant.reply(messages, tools, sampling, heard)
        return self.last_reply

    def abandon(self) -> None:
        """End what never began to run; nothing where it ended already."""
        if not self._ended:
            self._end(self._trace("cancelled"), time.perf_counter(), 0.0)

    def _end(self, trace: Trace, started: float, cost: float) -> None:
        self._ended = True
        ended = time.perf_counter()
        timing = Timing(
            queue=self.place.waited,
            first_token=trace.timing.first_token,
            overhead=max(started - self.arrived - self.place.waited, 0.0),
            total=ended - self.arrived,
        )
        self.on_end(replace(trace, timing=timing, cost=cost))

    def _answered(self, outcome: Outcome, started: float) -> Trace:
        waited = started - self.arrived
        first = time.perf_counter() - self.arrived if outcome.first_token is None else waited + outcome.first_token
        return replace(
            self._trace(outcome.finish),
            turns=outcome.turns,
            verdicts=outcome.verdicts,
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            token_ids=outcome.token_ids,
            logprobs=outcome.logprobs,
            timing=Timing(first_token=first),
        )

    def _trace(self, finish: str, error: str = "") -> Trace:
        """The trace of a request without an outcome; what was said so far is its only turn."""
        said = "".join(self._heard)
        return Trace(
            id=self.id,
            time=self.now,
            tenant=self.tenant,
            user=self.who,
            arm=self.lease.arm,
            release=self.lease.served.release,
            prompt=self.request.messages,
            turns=(Message("assistant", said),) if said else (),
            finish=finish,
            error=error,
            pinned=self.lease.pinned,
            adapter=self.lease.served.adapter,
        )


def check_choices(request: ChatRequest, assistant: Assistant) -> None:
    """Raises UserError where several samples would each act: a client who keeps one answer wants one effect."""
    if request.n > 1 and request.tools is None and any(tool.irreversible for tool in assistant.toolbox):
        raise UserError(
            "several answers would each carry out what cannot be undone",
            field="n",
            expected='1, or tools of the request\'s own, or tool_choice "none"',
        )


def effect_key(headers: Mapping[str, str], tenant: str, user: str, request: ChatRequest) -> str:
    """What makes an irreversible effect happen once: the client's ``Idempotency-Key``, else who says what.

    The same conversation of the same user sent again (a client's retry after a time-out) has the same key.
    """
    given = headers.get("idempotency-key", "")
    said = given or [message.to_json() for message in request.messages]
    return fingerprint({"tenant": tenant, "user": user, "said": said})
