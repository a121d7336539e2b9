"""The gateway: OpenAI's API in front of the arms, and nothing that is served without its trace."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from trimtab.records import Sink, Trace
from trimtab.serve.admission import Admission
from trimtab.serve.admission.deadline import timeout_of
from trimtab.serve.arms import Arms, Lease, Served
from trimtab.serve.body import ChatRequest, chat_request, read_json
from trimtab.serve.choices import choices_of
from trimtab.serve.config import ServeConfig
from trimtab.serve.embeddings import Embedder, embedding_model
from trimtab.serve.errors import ApiError, unknown_model
from trimtab.serve.estimate import samples_tokens
from trimtab.serve.exchange import Exchange, Free, Meter, effect_key
from trimtab.serve.hold import Hold
from trimtab.serve.metrics import Metrics
from trimtab.serve.outbox import Outbox
from trimtab.serve.replies import StreamReply, WholeReply
from trimtab.serve.said import feedback_of
from trimtab.serve.shadow import Shadow
from trimtab.serve.tenants import Tenant, TenantDoor, bound_of, door_of, owned

_log = logging.getLogger("trimtab.serve")

Task = Callable[[], Coroutine[Any, Any, None]]
_ARRIVING = 64  # requests whose bodies may be on their way beside those that wait and run


class Gateway:
    """The state behind the routes.

    ``share``: the canary's share, asked for at every request; ``shadow``: the share that it gets copies of.
    ``find_trace``: a stored trace by its id, or None.
    ``tenants``: a TenantDoor, or bearer token → tenant (None for a wrong one) without limits; without it everybody may
    ask (loopback). ``embedder``, set before it serves, answers ``/v1/embeddings`` as ``embedding_model`` and is closed
    with the gateway.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        config: ServeConfig | None = None,
        share: Callable[[], float] = lambda: 0.0,
        shadow: Callable[[], float] = lambda: 0.0,
        find_trace: Callable[[str], Trace | None] = lambda trace_id: None,
        tenants: TenantDoor | Callable[[str], str | None] | None = None,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config or ServeConfig()
        self.embedder: Embedder | None = None
        self.embedding_model = embedding_model(self.config.name)
        self.arms = Arms(self.config.name, share)
        self.outbox = Outbox(sink)
        self.admission = Admission(self.config.admission, self.config.max_in_flight, self._kv_tokens)
        self.in_flight = 0
        self.broken: list[str] = []
        self.metrics = Metrics()
        self._find_trace, self._tenants = find_trace, door_of(tenants)
        self.meter, self._clock = meter or Free(), clock
        self.shadow = Shadow(self.arms, self.admission, shadow, self.meter, self.outbox.trace)

    def set_arms(self, stable: Served | None, canary: Served | None = None) -> None:
        """Swap what is served: new requests go there, those under way end where they began. Thread-safe."""
        self.arms.set(stable, canary)

    async def chat(self, request: Request) -> ASGIApp:
        arrived = time.perf_counter()
        with self.admitted(request) as tenant:
            exchange = await self._exchange(request, tenant, arrived)
        choices = choices_of(exchange)
        return self.shadow.after(StreamReply(choices) if choices.request.stream else WholeReply(choices), exchange)

    @contextmanager
    def admitted(self, request: Request) -> Iterator[Tenant]:
        """The request's tenant, its place taken; given back where the block fails. Raises ApiError."""
        tenant = self._admit(request)
        self.in_flight += 1
        try:
            with self._limits_told(tenant):
                yield tenant
        except BaseException:
            self.in_flight -= 1
            raise

    @contextmanager
    def _limits_told(self, tenant: Tenant) -> Iterator[dict[str, str]]:
        """The tenant's rate-limit headers, which go out with a refusal too."""
        try:
            yield dict(self._tenants.headers(tenant))
        except ApiError as error:
            error.headers = {**self._tenants.headers(tenant), **error.headers}
            raise

    async def models(self, request: Request) -> Response:
        tenant = self.tenant(request)
        with self._limits_told(tenant) as headers:
            return JSONResponse(self._models(request, tenant), headers=headers)

    def _models(self, request: Request, tenant: Tenant) -> dict[str, Any]:
        embedding = [] if self.embedder is None else [self.embedding_model]
        names = filter(tenant.may_use, [*self.arms.models(), *embedding])
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "trimtab"} for name in names]
        if (wanted := request.path_params.get("model")) is None:
            return {"object": "list", "data": data}
        for row in data:
            if row["id"] == wanted:
                return row
        raise unknown_model(wanted)

    async def feedback(self, request: Request) -> Response:
        """Take what a person said; the same words on the same trace, or the same id, count once."""
        tenant = self.tenant(request)
        with self._limits_told(tenant) as headers:
            return JSONResponse(await self._said(request, tenant), headers=headers)

    async def _said(self, request: Request, tenant: Tenant) -> dict[str, Any]:
        body = await read_json(request, self.config.body_bytes, self.config.body_seconds)
        said = feedback_of(body, self._clock())
        if not await self.knows(said.trace, tenant.name):
            raise ApiError(404, f"No answer has the id {said.trace!r}.", param="trace", code="trace_not_found")
        try:
            await self.outbox.feedback(owned(said, tenant))
        except Exception as error:  # the named boundary: whatever the sink raised
            raise ApiError(503, "The feedback could not be written; try again.", code="not_written") from error
        return {"id": said.id, "object": "feedback", "trace": said.trace}

    @property
    def idle(self) -> bool:
        """Whether no request is under way or waits."""
        return self.in_flight == 0

    def drain(self, grace: float) -> None:
        """Take nobody new: who is under way or waits has ``grace`` seconds to end. On the event loop."""
        self.admission.drain(grace)
        self.shadow.stop()

    async def close(self) -> None:
        """Close the arms, then write the traces that are left."""
        await self.shadow.close()
        await asyncio.to_thread(self.arms.close)
        if self.embedder is not None:
            await asyncio.to_thread(self.embedder.close)
        await asyncio.to_thread(self.outbox.close)

    async def watched(self, name: str, task: Task) -> None:
        """Run a task beside the gateway; one that ends is logged and makes it not ready."""
        try:
            await task()
            _log.error("task %s ended", name)
        except Exception:  # the named boundary: a broken controller must not stop the service
            _log.exception("task %s failed", name)
        self.broken.append(name)

    @property
    def congested(self) -> bool:
        return self.outbox.backlog >= self.config.max_backlog

    def _admit(self, request: Request) -> Tenant:
        tenant = self.tenant(request)
        retry = {"retry-after": "1"}
        self.admission.check_open()
        if self.in_flight >= self.config.max_in_flight + self.config.admission.queue + _ARRIVING:
            raise ApiError(503, "Too many requests are arriving.", code="overloaded", headers=retry)
        if self.congested:
            raise ApiError(503, "Traces cannot be written; no request is served unseen.", code="backlog", headers=retry)
        return tenant

    def tenant(self, request: Request) -> Tenant:
        """Whose request it is. Raises ApiError 401."""
        return self._tenants.authenticate(request.headers.get("authorization", ""))

    async def _exchange(self, request: Request, tenant: Tenant, arrived: float) -> Exchange:
        body = await read_json(request, self.config.body_bytes, self.config.body_seconds)
        asked = chat_request(body)
        return await self.begin([asked] * asked.n, "chatcmpl", request, tenant, arrived)

    async def begin(
        self, samples: Sequence[ChatRequest], kind: str, request: Request, tenant: Tenant, arrived: float
    ) -> Exchange:
        """The exchange of a checked request's first sample, all that the samples need being held. Raises ApiError."""
        asked = samples[0]
        request_id = f"{kind}-{uuid.uuid4().hex}"
        who = asked.user or request.headers.get("x-session", "")
        timeout = timeout_of(request.headers, self.config.timeout_seconds)
        lease = self.arms.lease(asked.model, f"{tenant.name}\0{who or request_id}")
        hold = await self._hold(tenant, samples, lease, arrived, timeout)
        return Exchange(
            id=request_id,
            tenant=tenant.name,
            who=who,
            request=asked,
            lease=lease,
            model=self.arms.full_name(lease.served.release) + lease.suffix,
            now=self._clock(),
            arrived=arrived,
            timeout=timeout,
            idempotency=effect_key(request.headers, tenant.name, who, asked),
            on_end=lambda trace: self._ended(trace, hold),
            meter=self.meter,
            hold=hold,
            extra=hold.grant.headers,
            on_gap=self.metrics.inter_token.observe,
        )

    async def _hold(
        self, tenant: Tenant, asked: Sequence[ChatRequest], lease: Lease, arrived: float, timeout: float
    ) -> Hold:
        """``hold`` beside a lease, which a refused request does not keep either."""
        try:
            tokens = samples_tokens(asked, lease.served)
            return await self.hold(tenant, asked[0].model, tokens, arrived, timeout, lease=lease)
        except BaseException:
            self.arms.release(lease)
            raise

    async def hold(
        self,
        tenant: Tenant,
        model: str,
        tokens: int,
        arrived: float,
        timeout: float,
        *,
        cost: int | None = None,
        lease: Lease | None = None,
    ) -> Hold:
        """The tenant's right to a request of ``tokens`` and its place in the queue, where it counts as ``cost``
        tokens (default: as many). A refused one holds neither. Raises ApiError 400, 404, 429 and 503."""
        if not tenant.may_use(model):
            raise unknown_model(model)
        grant = await self._tenants.reserve(tenant, bound_of(tokens, self.meter, timeout))
        try:
            patient = timeout >= self.config.timeout_seconds
            place = self.admission.ask(tenant.name, cost or tokens, deadline=arrived + timeout, patient=patient)
            self.shadow.make_way(lease)
        except BaseException:
            self._tenants.settle(grant, 0, 0.0)
            raise
        return Hold(lease, place, grant, self._release)

    def _kv_tokens(self) -> int:
        """Tokens that requests under way may hold: as configured, else what the smallest cache in use holds."""
        if self.config.admission.kv_tokens:
            return self.config.admission.kv_tokens
        arms = [self.arms.get("stable"), self.arms.get("canary")]
        return min((served.kv_tokens for served in arms if served is not None and served.kv_tokens), default=0)

    def _ended(self, trace: Trace, hold: Hold) -> None:
        """One trace: counted, and handed to the sink after its request has given everything back."""
        if hold.ended(trace):
            self.in_flight -= 1
        self.metrics.trace(trace)
        self.outbox.trace(trace)
        self.shadow.ended(trace)

    def end(self, hold: Hold, tokens: int | None, dollars: float) -> None:
        """A request without a trace has ended: all that it held is given back."""
        if hold.took(tokens, dollars):
            self.in_flight -= 1

    def _release(self, hold: Hold, tokens: int | None, dollars: float) -> None:
        self._tenants.settle(hold.grant, tokens, dollars)
        if hold.lease is not None:
            self.arms.release(hold.lease)

    async def knows(self, trace_id: str, tenant: str) -> bool:
        """Whether this tenant got an answer of that id; another tenant's is as unknown as one that never was."""
        owner = self.outbox.tenant_of(trace_id)
        if owner is None:
            trace = await run_in_threadpool(self._find_trace, trace_id)
            owner = None if trace is None or trace.arm == "shadow" else trace.tenant
        return owner == tenant
