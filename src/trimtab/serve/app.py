"""The application: every route over one gateway, the tasks beside it, errors in OpenAI's shape."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from trimtab.serve.completions import more_routes
from trimtab.serve.embeddings import embedding_routes
from trimtab.serve.errors import ApiError, on_api_error, on_failure, on_http_error
from trimtab.serve.gateway import Gateway, Task
from trimtab.serve.metrics import Counted
from trimtab.serve.probes import probe_routes


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
            *embedding_routes(gateway),
            Route("/v1/models", gateway.models, methods=["GET"]),
            Route("/v1/models/{model:path}", gateway.models, methods=["GET"]),
            Route("/v1/feedback", gateway.feedback, methods=["POST"]),
            *probe_routes(gateway),
            *routes,
        ],
        exception_handlers={ApiError: on_api_error, HTTPException: on_http_error, Exception: on_failure},
        lifespan=lifespan,
        middleware=[Middleware(Counted, metrics=gateway.metrics)],
    )
