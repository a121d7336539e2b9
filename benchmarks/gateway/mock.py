"""The bare upstream: an instant answer from the same server stack, for direct calls and behind LiteLLM."""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from benchmarks.channel import Channel
from benchmarks.gateway.workload import chunks, completion
from trimtab.serve import run_server

_COMPLETION, _CHUNKS = completion(), chunks()


async def chat(request: Request) -> Response:
    """The answer, whole or as a stream, as soon as the request is read."""
    body = await request.json()
    if body.get("stream"):
        return StreamingResponse(_words(), media_type="text/event-stream")
    return JSONResponse(_COMPLETION)


async def _words() -> AsyncIterator[bytes]:
    for chunk in _CHUNKS:
        yield chunk


def main() -> None:
    channel = Channel()
    app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
    run_server(app, port=0, on_ready=lambda url: channel.say(url=url))


if __name__ == "__main__":
    main()
