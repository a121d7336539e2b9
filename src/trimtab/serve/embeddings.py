"""/v1/embeddings: texts to vectors by the model that is configured for it, under the same limits as a chat.

An embedding takes its tenant's right and a place in the queue like any request, and is counted in metrics and in the
tenant's account. It leaves no trace: traces are what canaries are judged by and harvests learn from, and there is no
release behind a vector and no answer to judge. What is embedded is whole documents, and nothing here keeps them.
"""

import asyncio
import base64
import json
import logging
import math
import struct
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trimtab.records import UserError
from trimtab.serve.admission.deadline import timeout_of
from trimtab.serve.admission.limiter import PREFILL_SHARE
from trimtab.serve.body import read_json, validated
from trimtab.serve.errors import ApiError, bad_request, unknown_model
from trimtab.serve.estimate import text_tokens
from trimtab.serve.hold import Hold
from trimtab.serve.leaving import while_there
from trimtab.serve.tenants import Tenant

if TYPE_CHECKING:
    from trimtab.serve.gateway import Gateway

MOST_INPUTS = 2048
_log = logging.getLogger("trimtab.serve")
_Ids = tuple[int, ...]
_Vectors = list[list[float]]
_Text = Annotated[str, Field(min_length=1)]
_TokenIds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class Embedder(Protocol):
    """What makes vectors (``engine.TextEmbedder``). ``prepare`` may take its time and raises UserError."""

    weights: str
    dimensions: int

    def prepare(self, inputs: Sequence[str | Sequence[int]]) -> list[_Ids]: ...

    def embed(self, inputs: Sequence[_Ids]) -> "Future[_Vectors]": ...

    def close(self) -> None: ...


class EmbeddingBody(BaseModel):
    """OpenAI's embedding request; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    input: (
        _Text
        | Annotated[list[_Text], Field(min_length=1, max_length=MOST_INPUTS)]
        | _TokenIds
        | Annotated[list[_TokenIds], Field(min_length=1, max_length=MOST_INPUTS)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = Field(default=None, max_length=512)

    @field_validator("input", mode="wrap")
    @classmethod
    def _said_once(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        """One message for the four kinds, in place of one for each."""
        try:
            return handler(value)
        except ValidationError as error:
            kinds = f"a text, token ids, or a list of 1 to {MOST_INPUTS} texts or of as many lists of token ids"
            raise PydanticCustomError("input", f"it must be {kinds}, none of them empty") from error

    @property
    def inputs(self) -> Sequence[str | Sequence[int]]:
        """A single text or single token ids are a list of one."""
        given: Any = self.input
        one = isinstance(given, str) or isinstance(given[0], int)
        found: Sequence[str | Sequence[int]] = [given] if one else given
        return found

    @property
    def tokens(self) -> int:
        """Estimated for texts, exact for ids."""
        texts = [given for given in self.inputs if isinstance(given, str)]
        return text_tokens(texts) + sum(len(given) for given in self.inputs if not isinstance(given, str))


def embedding_model(name: str) -> str:
    """The embedding model's name beside the gateway's: a suffix after a colon, as an adapter's is, so that a name can
    be no other product's and the products' router finds its product by it."""
    return f"{name}:embeddings"


def embedding_routes(gateway: "Gateway") -> list[Route]:
    """The route, over one gateway."""

    async def embeddings(request: Request) -> Response:
        arrived = time.perf_counter()
        with gateway.admitted(request) as tenant:
            body = await read_json(request, gateway.config.body_bytes, gateway.config.body_seconds)
            asked = validated(EmbeddingBody, body)
            errand = await _begin(gateway, asked, request, tenant, arrived)
        try:
            return await while_there(request.receive, errand.run())
        except ApiError as error:
            error.headers = {**errand.headers(), **error.headers}
            raise
        finally:
            errand.end()

    return [Route("/v1/embeddings", embeddings, methods=["POST"])]


async def _begin(
    gateway: "Gateway", asked: EmbeddingBody, request: Request, tenant: Tenant, arrived: float
) -> "_Errand":
    """The request with all that it needs being held. Raises ApiError."""
    embedder = gateway.embedder
    if embedder is None or asked.model != gateway.embedding_model or not tenant.may_use(asked.model):
        raise unknown_model(asked.model)
    if asked.dimensions not in (None, embedder.dimensions):
        message = f"This model's vectors have {embedder.dimensions} dimensions, no others."
        raise ApiError(400, message, param="dimensions", code="unsupported_value")
    timeout = timeout_of(request.headers, gateway.config.timeout_seconds)
    hold = await gateway.hold(tenant, asked.model, asked.tokens, arrived, timeout, cost=_cost(gateway, asked.tokens))
    return _Errand(gateway, embedder, asked, hold, arrived, timeout)


def _cost(gateway: "Gateway", tokens: int) -> int:
    """What it counts as in the queue: a token that is only read weighs what a prompt's does. Of the engine's cache it
    holds none, so that no list of documents is larger than all of it."""
    cost = max(1, math.ceil(tokens * PREFILL_SHARE))
    budget = gateway.admission.snapshot().kv_tokens
    return min(cost, budget) if budget else cost


@dataclass
class _Errand:
    """One request under way. ``arrived``: by ``time.perf_counter``; ``timeout`` in seconds."""

    gateway: "Gateway"
    embedder: Embedder
    asked: EmbeddingBody
    hold: Hold
    arrived: float
    timeout: float
    counted: int | None = 0
    """Tokens to settle; None while nobody has counted those of a request that has begun."""
    id: str = field(default_factory=lambda: f"embd-{uuid.uuid4().hex}")
    dollars: float = 0.0
    busy: float = 0.0
    """Seconds from its turn to its vectors."""

    async def run(self) -> Response:
        """Wait for the turn, then answer. Raises ApiError; cancelling stops the wait or the computing."""
        await self.hold.place.turn()
        mark, started = self.gateway.meter.start(), time.perf_counter()
        try:
            content = await self._computed()
        finally:
            self.dollars, self.busy = self.gateway.meter.stop(mark), time.perf_counter() - started
        return Response(content, headers=self.headers(), media_type="application/json")

    def end(self) -> None:
        """Give back what it held, whether it ever ran."""
        self.gateway.end(self.hold, self.counted, self.dollars)

    async def _computed(self) -> bytes:
        self.counted = None
        try:
            async with asyncio.timeout(self.hold.place.left):
                ids = await asyncio.to_thread(self.embedder.prepare, self.asked.inputs)
                self.counted = sum(map(len, ids))
                vectors = await asyncio.wrap_future(self.embedder.embed(ids))
                self.gateway.metrics.tokens["embedding"] += self.counted
                return await asyncio.to_thread(
                    _rendered, vectors, self.asked.model, self.counted, self.asked.encoding_format
                )
        except TimeoutError as error:
            self.hold.place.timed_out()
            raise ApiError(504, f"No answer within {self.timeout:g} seconds.", code="timeout") from error
        except UserError as error:
            self.counted = 0
            raise bad_request(error) from error
        except Exception as error:  # the named boundary: one failing request is an outcome, not a crash
            _log.exception("an embedding failed")
            raise ApiError(500, "The server failed on this request.", code="internal_error") from error

    def headers(self) -> dict[str, str]:
        waited = self.hold.place.waited
        own = max(time.perf_counter() - self.arrived - waited - self.busy, 0.0)
        return {
            **self.hold.grant.headers,
            "x-request-id": self.id,
            "x-trimtab-weights": self.embedder.weights,
            "x-trimtab-overhead-ms": f"{1000 * own:.2f}",
            "x-trimtab-queue-ms": f"{1000 * waited:.2f}",
        }


def _rendered(vectors: _Vectors, model: str, tokens: int, encoding: str | None) -> bytes:
    """The ``list`` object. Row by row, for one large call into the encoder would hold Python's lock all the while."""
    rows = (
        json.dumps({"object": "embedding", "index": i, "embedding": _encoded(vector, encoding)})
        for i, vector in enumerate(vectors)
    )
    end = json.dumps({"model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
    return f'{{"object": "list", "data": [{", ".join(rows)}], {end[1:]}'.encode()


def _encoded(vector: list[float], encoding: str | None) -> list[float] | str:
    """The numbers, or the base64 of them as little-endian float32, which they are already."""
    if encoding != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
