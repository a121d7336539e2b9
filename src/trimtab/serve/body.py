"""A request's body, read within its limits and checked field by field before anything is computed."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect, Request

from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolSchema, UserError, messages_from_json, tools_from_json
from trimtab.serve.errors import ApiError, bad_request
from trimtab.serve.formats import ResponseFormat, ToolChoice, call_of, form_of

MOST_CHOICES = 8
"""Samples that one request may ask for (``n``): each takes a slot of the engine."""


Body = TypeVar("Body", bound=BaseModel)


class StreamOptions(BaseModel):
    """What a stream may carry beside its texts."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = False
    include_obfuscation: bool = False


class ChatBody(BaseModel):
    """OpenAI's chat completion request; an unknown field is refused, as OpenAI does."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    messages: list[Any]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Any] | None = Field(default=None, min_length=1)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = Field(default=None)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    n: int | None = Field(default=None, ge=1, le=MOST_CHOICES)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    user: str | None = Field(default=None, max_length=512)
    safety_identifier: str | None = Field(default=None, max_length=512)
    # Taken, without effect on the answer:
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    # Taken with the one value that is true of this server; another is refused, never ignored:
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None


ONLY: Mapping[str, Any] = {
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request. ``tools`` None: it brought none, and the workspace's own are used."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] | None
    user: str
    stream: bool
    include_usage: bool
    changes: Mapping[str, Any]
    n: int = 1

    @property
    def logprobs(self) -> bool:
        return "top_logprobs" in self.changes

    @property
    def formatted(self) -> bool:
        """Whether the answer must have a form, so that another text cannot be taken for it."""
        return "form" in self.changes

    def sampling(self, default: Sampling) -> Sampling:
        """The release's own decoding, with what the client asked for in its place."""
        return replace(default, **self.changes)


async def read_json(request: Request, limit: int, seconds: float) -> Any:
    """The body as JSON. Raises ApiError: 413 beyond ``limit`` bytes, 408 when it does not come, 400 when it is none."""
    too_large = ApiError(413, f"The body is larger than {limit} bytes.", code="request_too_large")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                data += part
                if len(data) > limit:
                    raise too_large
    except ClientDisconnect as error:
        raise ApiError(499, "The client left before its body was read.", code="client_closed") from error
    except TimeoutError as error:
        raise ApiError(408, "The body did not arrive in time.", code="timeout") from error
    return _parse(bytes(data))


def chat_request(body: Any) -> ChatRequest:
    """A chat completion request from its JSON. Raises ApiError 400 that names the field."""
    fields = validated(ChatBody, body)
    check_only(fields, ONLY)
    if fields.stream_options is not None and not fields.stream:
        raise ApiError(400, "stream_options needs stream = true.", param="stream_options", code="invalid_value")
    try:
        messages = messages_from_json([_known_role(row) for row in fields.messages])
        tools = tools_from_json(fields.tools)
    except UserError as error:
        raise bad_request(error) from error
    _check_results(messages)
    return ChatRequest(
        model=fields.model,
        messages=messages,
        tools=_offered(fields, tools),
        user=fields.user or fields.safety_identifier or "",
        stream=bool(fields.stream),
        include_usage=fields.stream_options is not None and fields.stream_options.include_usage,
        changes=decoding(fields, fields.max_completion_tokens or fields.max_tokens) | _shape(fields, tools),
        n=fields.n or 1,
    )


def fingerprint(value: Any) -> str:
    """sha256 of a JSON value; unlike an id by RFC 8785 it takes every number that a client may send."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _parse(data: bytes) -> Any:
    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no JSON value")

    try:
        value = json.loads(data, parse_constant=refuse, object_pairs_hook=_once)
        if b"\\u" in data:  # the escape of half a character parses, and is no text
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The body is not valid JSON ({error}).", code="invalid_json") from error
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ: of two with one name, one reader takes the first and another the last."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("an object has a key twice")
    return value


def check_only(fields: BaseModel, only: Mapping[str, Any]) -> None:
    """Raises ApiError where a field that has one supported value has another."""
    for name, supported in only.items():
        if (value := getattr(fields, name)) is not None and value != supported:
            said = f"{name} = {value!r} is not supported; only {supported!r}."
            raise ApiError(400, said, param=name, code="unsupported_value")


def validated(kind: type[Body], body: Any) -> Body:
    """The body's fields. Raises ApiError 400 that names the first wrong one."""
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object.", code="invalid_json")
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        param = ".".join(str(part) for part in first["loc"][:1]) or None
        if first["type"] == "extra_forbidden":
            name = ".".join(str(part) for part in first["loc"])
            raise ApiError(400, f"Unrecognized request argument supplied: {name}", param=name) from error
        code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
        raise ApiError(400, f"{param}: {first['msg']}", param=param, code=code) from error


def _known_role(row: Any) -> Any:
    """``developer`` is today's name of ``system``."""
    return {**row, "role": "system"} if isinstance(row, dict) and row.get("role") == "developer" else row


def _check_results(messages: tuple[Message, ...]) -> None:
    """Every tool result must answer a call of an assistant turn before it."""
    open_calls: set[str] = set()
    for i, message in enumerate(messages):
        open_calls |= {call.id for call in message.tool_calls if call.id}
        if message.role == "tool" and message.tool_call_id not in open_calls:
            raise ApiError(
                400,
                "A tool message must answer a tool call that came before it.",
                param=f"messages[{i}].tool_call_id",
                code="invalid_value",
            )


def _offered(fields: ChatBody, tools: tuple[ToolSchema, ...]) -> tuple[ToolSchema, ...] | None:
    choice = fields.tool_choice
    if choice == "none":
        return ()
    if choice is None or (choice == "auto" and fields.tools):
        return tools if fields.tools else None
    if not fields.tools:
        raise ApiError(400, "tool_choice needs tools.", param="tool_choice", code="invalid_value")
    return tools


def _shape(fields: ChatBody, tools: tuple[ToolSchema, ...]) -> dict[str, Any]:
    """What the answer must be, and whether its log-probs are wanted."""
    if fields.top_logprobs is not None and not fields.logprobs:
        raise ApiError(400, "top_logprobs needs logprobs = true.", param="top_logprobs", code="invalid_value")
    if fields.parallel_tool_calls is False and not tools:
        raise ApiError(400, "parallel_tool_calls needs tools.", param="parallel_tool_calls", code="invalid_value")
    given = {
        "form": form_of(fields.response_format),
        "call": call_of(fields.tool_choice, tools),
        "top_logprobs": (fields.top_logprobs or 0) if fields.logprobs else None,
        "one_call": True if fields.parallel_tool_calls is False else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def decoding(fields: Any, max_tokens: int | None) -> dict[str, Any]:
    """The fields of ``Sampling`` that a body gives. Raises ApiError for stops that are none."""
    stop = [fields.stop] if isinstance(fields.stop, str) else fields.stop
    if stop is not None and (len(stop) > 4 or not all(stop)):
        raise ApiError(400, "stop takes up to 4 strings, none empty.", param="stop", code="invalid_value")
    given = {
        "temperature": fields.temperature,
        "top_p": fields.top_p,
        "max_tokens": max_tokens,
        "stop": None if stop is None else tuple(stop),
        "seed": fields.seed,
    }
    return {name: value for name, value in given.items() if value is not None}
