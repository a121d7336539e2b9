"""The gateway: OpenAI's API in front of the arms, and nothing that is served without its trace."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from trimtab.records import Feedback, Sink, Trace, UserError, feedback_from_json
from trimtab.serve.admission import Admission
from trimtab.serve.admission.deadline import timeout_of
from trimtab.serve.arms import Arms, Lease, Served
from trimtab.serve.body import ChatRequest, chat_request, fingerprint, read_json
from trimtab.serve.choices import choices_of
from trimtab.serve.completions import more_routes
from trimtab.serve.config import ServeConfig
from trimtab.serve.errors import ApiError, bad_request, on_api_error, on_failure, on_http_error, unknown_model
from trimtab.serve.estimate import request_tokens
from trimtab.serve.exchange import Exchange, Free, Meter, effect_key
from trimtab.serve.hold import Hold
from trimtab.serve.metrics import Counted, Metrics
from trimtab.serve.outbox import Outbox
from trimtab.serve.replies import StreamReply, WholeReply
from trimtab.serve.shadow import Shadow
from trimtab.serve.tenants import Tenant, TenantDoor, bound_of, door_of, owned

_log = logging.getLogger("trimtab.serve")

Task = Callable[[], Coroutine[Any, Any, None]]
_ARRIVING = 64  # requests whose bodies may be on their way beside those that wait and run
_FEEDBACK_FIELDS = frozenset({"id", "trace", "user", "thumb", "edit", "escalated", "severity", "comment"})


class Gateway:
    """The state behind the routes.

    ``share``: the canary's share, asked for at every request; ``shadow``: the share that it gets copies of.
    ``find_trace``: a stored trace by its id, or None.
    ``tenants``: a TenantDoor, or bearer token → tenant (None for a wrong one) without limits; without it everybody may
    ask (loopback).
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
        self.arms = Arms(self.config.name, share)
        self.outbox = Outbox(sink)
        self.admission = Admission(self.config.admission, self.config.max_in_flight, self._kv_tokens)
        self.in_flight = 0
        self.broken: list[str] = []
        self.metrics = Metrics()
        self._find_trace, self._tenants = find_trace, door_of(tenants)
        self._meter, self._clock = meter or Free(), clock
        self.shadow = Shadow(self.arms, self.admission, shadow, self._meter, self.outbox.trace)

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
        names = filter(tenant.may_use, self.arms.models())
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
        said = self._feedback(body)
        if not await self.knows(said.trace, tenant.name):
            raise ApiError(404, f"No answer has the id {said.trace!r}.", param="trace", code="trace_not_found")
        try:
            await self.outbox.feedback(owned(said, tenant))
        except Exception as error:  # the named boundary: whatever the sink raised
            raise ApiError(503, "The feedback could not be written; try again.", code="not_written") from error
        return {"id": said.id, "object": "feedback", "trace": said.trace}

    async def health(self, request: Request) -> Response:
        """Whether the process lives."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Whether requests should come here: a stable release, a sink that writes, every task running."""
        arms = {arm: served.release for arm in ("stable", "canary") if (served := self.arms.get(arm)) is not None}
        waiting = [
            reason
            for reason, wrong in (
                ("draining", self.admission.draining),
                ("no stable release", "stable" not in arms),
                ("traces cannot be written", not self.outbox.healthy or self._congested),
                *((f"task {name} ended", True) for name in self.broken),
            )
            if wrong
        ]
        body: dict[str, Any] = {"status": self._status(waiting), "reasons": waiting, "arms": arms}
        body |= {"in_flight": self.in_flight, "backlog": self.outbox.backlog, "lost": self.outbox.lost}
        body["admission"] = self.admission.snapshot().to_json()
        return JSONResponse(body, status_code=503 if waiting else 200)

    def _status(self, waiting: Sequence[str]) -> str:
        if self.admission.draining:
            return "draining"
        return "not ready" if waiting else "ready"

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
    def _congested(self) -> bool:
        return self.outbox.backlog >= self.config.max_backlog

    def _admit(self, request: Request) -> Tenant:
        tenant = self.tenant(request)
        retry = {"retry-after": "1"}
        self.admission.check_open()
        if self.in_flight >= self.config.max_in_flight + self.config.admission.queue + _ARRIVING:
            raise ApiError(503, "Too many requests are arriving.", code="overloaded", headers=retry)
        if self._congested:
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
            meter=self._meter,
            hold=hold,
            extra=hold.grant.headers,
            on_gap=self.metrics.inter_token.observe,
        )

    async def _hold(
        self, tenant: Tenant, asked: Sequence[ChatRequest], lease: Lease, arrived: float, timeout: float
    ) -> Hold:
        """The tenant's right to this request and its place in the queue; a refused request holds neither, nor the
        lease. Raises ApiError 400, 404, 429 and 503."""
        try:
            if not tenant.may_use(asked[0].model):
                raise unknown_model(asked[0].model)
            tokens = sum(_tokens(one, lease.served) for one in asked)
            grant = await self._tenants.reserve(tenant, bound_of(tokens, self._meter, timeout))
            try:
                patient = timeout >= self.config.timeout_seconds
                place = self.admission.ask(tenant.name, tokens, deadline=arrived + timeout, patient=patient)
                self.shadow.make_way(lease)
            except BaseException:
                self._tenants.settle(grant, 0, 0.0)
                raise
        except BaseException:
            self.arms.release(lease)
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

    def _release(self, hold: Hold, tokens: int | None, dollars: float) -> None:
        self._tenants.settle(hold.grant, tokens, dollars)
        self.arms.release(hold.lease)

    def _feedback(self, body: Any) -> Feedback:
        unknown = sorted(set(body) - _FEEDBACK_FIELDS) if isinstance(body, dict) else []
        if unknown:
            raise ApiError(400, f"Unrecognized request argument supplied: {unknown[0]}", param=unknown[0])
        try:
            return feedback_from_json(body, id=f"fb-{fingerprint(body)[:32]}", time=self._clock())
        except UserError as error:
            raise bad_request(error) from error

    async def knows(self, trace_id: str, tenant: str) -> bool:
        """Whether this tenant got an answer of that id; another tenant's is as unknown as one that never was."""
        owner = self.outbox.tenant_of(trace_id)
        if owner is None:
            trace = await run_in_threadpool(self._find_trace, trace_id)
            owner = None if trace is None or trace.arm == "shadow" else trace.tenant
        return owner == tenant


def _tokens(asked: ChatRequest, served: Served) -> int:
    """Prompt and bounded completion of one sample, estimated."""
    sampling = asked.sampling(served.assistant.sampling)
    return sum(request_tokens(served.assistant, asked.messages, asked.tools, sampling, context=served.context))


def create_app(
    gateway: Gateway, *, tasks: Mapping[str, Task] | None = None, routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The application. ``tasks`` run beside it by name (the canary controller); ``routes`` come after the API's."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        running = [asyncio.ensure_future(gateway.watched(name, task)) for name, task in (tasks or {}).items()]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await gateway.close()

    return Starlette(
        routes=[
            Route("/v1/chat/completions", gateway.chat, methods=["POST"]),
            *more_routes(gateway),
            Route("/v1/models", gateway.models, methods=["GET"]),
            Route("/v1/models/{model:path}", gateway.models, methods=["GET"]),
            Route("/v1/feedback", gateway.feedback, methods=["POST"]),
            Route("/health", gateway.health, methods=["GET"]),
            Route("/ready", gateway.ready, methods=["GET"]),
            *routes,
        ],
        exception_handlers={ApiError: on_api_error, HTTPException: on_http_error, Exception: on_failure},
        lifespan=lifespan,
        middleware=[Middleware(Counted, metrics=gateway.metrics)],
    )
