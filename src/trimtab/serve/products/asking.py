"""One product's own answer to a plain GET, taken inside the process."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Scope


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


async def ask(app: ASGIApp, scope: Scope) -> Answer:
    """What ``app`` answers to the request of ``scope``, whose body is empty."""
    status, parts = 500, list[bytes]()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        parts.append(message.get("body", b""))

    await app(dict(scope), receive, send)
    return Answer(status, b"".join(parts))
