"""The routes beside the chat: legacy completions straight to the engine, metrics and the API's document."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolSchema
from trimtab.serve.arms import CompleteFn, Lease
from trimtab.serve.body import ChatRequest, StreamOptions, check_only, decoding, read_json, validated
from trimtab.serve.choices import Choice, Choices, several
from trimtab.serve.errors import ApiError
from trimtab.serve.metrics import CONTENT_TYPE, speculation_lines
from trimtab.serve.replies import StreamReply, WholeReply
from trimtab.serve.tenants import Tenant
from trimtab.serve.wire import DONE, Chunks, Wire, event, finish_reason, usage
from trimtab.tools import Reply, Toolbox

if TYPE_CHECKING:
    from trimtab.serve.gateway import Gateway

MOST_PROMPTS = 16
PLAIN: dict[str, Any] = {
    "n": 1,
    "best_of": 1,
    "echo": False,
    "suffix": "",
    "logprobs": None,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
}


class CompletionBody(BaseModel):
    """OpenAI's legacy completion request; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    prompt: str | list[str]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    user: str | None = Field(default=None, max_length=512)
    # Taken with the one value that is true of this server; another is refused, never ignored:
    n: int | None = None
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None


def completion_requests(body: Any) -> list[ChatRequest]:
    """One request a prompt, each prompt as a user's message without tools. Raises ApiError 400."""
    fields = validated(CompletionBody, body)
    check_only(fields, PLAIN)
    if fields.stream_options is not None and not fields.stream:
        raise ApiError(400, "stream_options needs stream = true.", param="stream_options", code="invalid_value")
    prompts = [fields.prompt] if isinstance(fields.prompt, str) else fields.prompt
    if not 0 < len(prompts) <= MOST_PROMPTS:
        raise ApiError(400, f"prompt takes 1 to {MOST_PROMPTS} texts.", param="prompt", code="invalid_value")
    shared = ChatRequest(
        model=fields.model,
        messages=(),
        tools=(),
        user=fields.user or "",
        stream=bool(fields.stream),
        include_usage=fields.stream_options is not None and fields.stream_options.include_usage,
        changes=decoding(fields, fields.max_tokens),
    )
    return [replace(shared, messages=(Message("user", prompt),)) for prompt in prompts]


def plain_lease(lease: Lease) -> Lease:
    """The release as something that goes on with a text, its guards around it. Raises ApiError where it cannot."""
    served = lease.served
    if served.complete is None:
        raise ApiError(400, "This model answers chats only.", param="model", code="unsupported_value")
    limits = replace(served.assistant.limits, steps=1)
    assistant = replace(served.assistant, reply=_raw(served.complete), toolbox=Toolbox(), system="", limits=limits)
    return replace(lease, served=replace(served, assistant=assistant))


def _raw(complete: CompleteFn) -> Callable[..., Any]:
    async def reply(
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = Sampling(),  # noqa: B008
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        return await complete(messages[-1].content, sampling, on_text)

    return reply


def text_completion(choices: Sequence[Choice], *, id: str, created: int, model: str) -> dict[str, Any]:
    """The ``text_completion`` object."""
    rows = [
        {"text": c.outcome.answer, "index": c.index, "logprobs": None, "finish_reason": finish_reason(c.outcome)}
        for c in choices
    ]
    head = {"id": id, "object": "text_completion", "created": created, "model": model}
    return {**head, "choices": rows, "usage": usage(choices)}


class TextChunks(Chunks):
    """The events of a streamed completion: texts, each choice's finish, the usage if asked."""

    kind = "text_completion"

    def role(self, index: int = 0) -> bytes:
        return b""

    def text(self, index: int, text: str) -> bytes:
        return self._text(index, text, None)

    def end(self, choices: Sequence[Choice]) -> Iterator[bytes]:
        for choice in choices:
            yield self._text(choice.index, "", finish_reason(choice.outcome))
        if self._include_usage:
            yield event({**self._head, "choices": [], "usage": usage(choices)})
        yield DONE

    def _text(self, index: int, text: str, finish: str | None) -> bytes:
        choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
        extra = {"usage": None} if self._include_usage else {}
        return event({**self._head, "choices": [choice], **extra})


_TEXT = Wire(text_completion, TextChunks)


def more_routes(gateway: "Gateway") -> list[Route]:
    """The routes, over one gateway."""

    async def completions(request: Request) -> ASGIApp:
        arrived = time.perf_counter()
        with gateway.admitted(request) as tenant:
            config = gateway.config
            requests = completion_requests(await read_json(request, config.body_bytes, config.body_seconds))
            choices = await _begin(gateway, requests, request, tenant, arrived)
        reply = StreamReply if requests[0].stream else WholeReply
        return reply(choices, _TEXT)

    async def metrics(request: Request) -> Response:
        now = {"in_flight": gateway.in_flight, "backlog": gateway.outbox.backlog, "traces_lost": gateway.outbox.lost}
        more = "\n".join([*gateway.shadow.lines(), *speculation_lines(gateway.arms.speculated())]) + "\n"
        return Response(gateway.metrics.text(now) + more, headers={"content-type": CONTENT_TYPE})

    async def openapi(request: Request) -> Response:
        from trimtab.serve.openapi import document

        return JSONResponse(document())

    return [
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/openapi.json", openapi, methods=["GET"]),
    ]


async def _begin(
    gateway: "Gateway", requests: Sequence[ChatRequest], request: Request, tenant: Tenant, arrived: float
) -> Choices:
    exchange = await gateway.begin(requests, "cmpl", request, tenant, arrived)
    try:
        exchange.lease = plain_lease(exchange.lease)
    except ApiError:
        exchange.hold.give_back()
        raise
    return several(exchange, requests)
