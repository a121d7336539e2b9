"""What a load balancer asks: whether the process lives, and whether requests should come here."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trimtab.serve.gateway import Gateway


def probe_routes(gateway: Gateway) -> list[Route]:
    """The routes, over one gateway."""

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        waiting = _waiting(gateway)
        return JSONResponse(_state(gateway, waiting), status_code=503 if waiting else 200)

    return [Route("/health", health, methods=["GET"]), Route("/ready", ready, methods=["GET"])]


def _waiting(gateway: Gateway) -> list[str]:
    """What is missing: a stable release whose engine lives, a sink that writes, every task running."""
    return [
        reason
        for reason, wrong in (
            ("draining", gateway.admission.draining),
            ("no stable release", "stable" not in gateway.arms.answering()),
            ("traces cannot be written", not gateway.outbox.healthy or gateway.congested),
            *((f"task {name} ended", True) for name in gateway.broken),
        )
        if wrong
    ]


def _state(gateway: Gateway, waiting: Sequence[str]) -> dict[str, Any]:
    return {
        "status": "draining" if gateway.admission.draining else "not ready" if waiting else "ready",
        "reasons": list(waiting),
        "arms": gateway.arms.answering(),
        "in_flight": gateway.in_flight,
        "backlog": gateway.outbox.backlog,
        "lost": gateway.outbox.lost,
        "admission": gateway.admission.snapshot().to_json(),
    }
