"""Which gateway a request belongs to: by whom its key opens, then by the model or the answer that it names.

The gateways stay as they are: each has its own arms, tenants, limits, admission, traces and metrics, and makes its own
answers and errors. What a key's products do not have, the first of them says as it would alone; so another product's
model, answer or feedback id is answered like one that never was.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from trimtab.serve.errors import ApiError
from trimtab.serve.gateway import Gateway
from trimtab.serve.metrics import CONTENT_TYPE
from trimtab.serve.products.asking import Answer, ask
from trimtab.serve.products.labels import merged
from trimtab.serve.products.reading import Body
from trimtab.serve.tenants.tenant import NOBODY, Tenant

_ARRIVING = 64  # bodies that may be on their way at once, in the whole process
_THREADS = 16  # for each product's tools and store, which share one pool
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._/-]*")  # what ServeConfig.name may be; what follows it names a release
_MODELS = "/v1/models"


@dataclass(frozen=True, eq=False)
class Product:
    """A gateway and the application in front of it; its name is the gateway's model name."""

    gateway: Gateway
    app: Starlette

    @property
    def name(self) -> str:
        return self.gateway.config.name


class _Names(BaseModel):
    """All that the router reads of a body; the gateway checks the rest, and this again."""

    model: Any = None
    trace: Any = None


class Router:
    """An ASGI application, and ``Drainable``, over products of distinct names."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = tuple(products)
        assert len({product.name for product in products}) == len(products) > 0, "names are distinct"
        self._arriving, self._draining = 0, False
        self._shell = Starlette(lifespan=self._lifespan)
        self._together: Mapping[str, Callable[[Request], Any]] = {
            "/health": self._health,
            "/ready": self._ready,
            "/metrics": self._metrics,
            _MODELS: self._models,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._shell(scope, receive, send)
            return
        together = self._together.get(scope["path"]) if scope["method"] == "GET" else None
        if together is not None:
            response: Response = await together(Request(scope))
            await response(scope, receive, send)
            return
        body = Body(receive)
        try:
            product = await self._product(Request(scope), body)
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        await product.app(scope, body, send)

    @property
    def idle(self) -> bool:
        return not self._arriving and all(product.gateway.idle for product in self._products)

    def drain(self, grace: float) -> None:
        """All products drain together: the port is theirs together."""
        self._draining = True
        for product in self._products:
            product.gateway.drain(grace)

    async def _product(self, request: Request, body: Body) -> Product:
        """Whose request it is; its body is read where that tells. Raises ApiError 408 and 503."""
        opened = self._opened(request)
        path: str = request.scope["path"]
        if path.startswith(f"{_MODELS}/"):
            return self._named(opened, path.removeprefix(f"{_MODELS}/"))
        if request.method != "POST" or not path.startswith("/v1/") or len(opened) == 1 or self._draining:
            return next(iter(opened))
        names = await self._names(opened, body)
        if path == "/v1/feedback":
            return await self._answered(opened, names.trace)
        return self._named(opened, names.model)

    def _opened(self, request: Request) -> dict[Product, Tenant]:
        """The products that the request's key opens, some: those that know it; else those that ask for none. A key
        that opens nothing is refused by the first, in its own words."""
        found: dict[Product, Tenant] = {}
        for product in self._products:
            try:
                found[product] = product.gateway.tenant(request)
            except ApiError:
                continue
        known = {product: tenant for product, tenant in found.items() if tenant != NOBODY}
        return known or found or {self._products[0]: NOBODY}

    def _named(self, opened: Mapping[Product, Tenant], model: Any) -> Product:
        name = _PLAIN_NAME.match(model) if isinstance(model, str) else None
        plain = name.group() if name else ""
        return next((product for product in opened if product.name == plain), next(iter(opened)))

    async def _answered(self, opened: Mapping[Product, Tenant], trace: Any) -> Product:
        if isinstance(trace, str):
            for product, tenant in opened.items():
                if await product.gateway.knows(trace, tenant.name):
                    return product
        return next(iter(opened))

    async def _names(self, opened: Mapping[Product, Tenant], body: Body) -> _Names:
        if self._arriving >= _ARRIVING:
            raise ApiError(503, "Too many requests are arriving.", code="overloaded", headers={"retry-after": "1"})
        configs = [product.gateway.config for product in opened]
        self._arriving += 1
        try:
            data = await body.read(max(c.body_bytes for c in configs), max(c.body_seconds for c in configs))
        finally:
            self._arriving -= 1
        try:
            return _Names.model_validate_json(data)
        except ValidationError:  # the first product's gateway says what is wrong with it
            return _Names()

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, request: Request) -> Response:
        """503 only where no product can serve: a broken one refuses its own requests, and takes nobody else's away."""
        answers = await self._ask(self._products, request)
        rows = {product.name: json.loads(answer.body) for product, answer in answers.items()}
        serving = any(answer.status == 200 for answer in answers.values())
        status = "ready" if serving else "draining" if self._draining else "not ready"
        return JSONResponse({"status": status, "products": rows}, status_code=200 if serving else 503)

    async def _metrics(self, request: Request) -> Response:
        answers = await self._ask(self._products, request)
        texts = {product.name: answer.body.decode() for product, answer in answers.items()}
        return Response(merged(texts), headers={"content-type": CONTENT_TYPE})

    async def _models(self, request: Request) -> Response:
        """What each of the key's products lists for it."""
        answers = await self._ask(tuple(self._opened(request)), request)
        wrong = next((answer for answer in answers.values() if answer.status != 200), None)
        if wrong is not None:
            return Response(wrong.body, wrong.status, media_type="application/json")
        rows = [row for answer in answers.values() for row in json.loads(answer.body)["data"]]
        return JSONResponse({"object": "list", "data": rows})

    async def _ask(self, products: Sequence[Product], request: Request) -> dict[Product, Answer]:
        return {product: await ask(product.app, request.scope) for product in products}

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Every product's own lifespan; they start in order and end in turn."""
        pool = ThreadPoolExecutor(_THREADS * len(self._products), thread_name_prefix="products")
        asyncio.get_running_loop().set_default_executor(pool)
        async with AsyncExitStack() as running:
            for product in self._products:
                await running.enter_async_context(product.app.router.lifespan_context(product.app))
            yield
