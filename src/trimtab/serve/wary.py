"""Connections may be anybody's: a head must come in time, the idle give way, nonsense gets OpenAI's error shape."""

import asyncio
import json
import resource
from dataclasses import dataclass, field
from typing import Any, ClassVar

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from trimtab.serve.errors import ApiError

_HEAD_SECONDS = 10.0
HEAD_BYTES = 1 << 16
"""Beyond it a head that is still not whole is refused."""
_MOST = 4096
_FILES = 0.75  # of those the process may open: the rest are the store's and the engine's
_PHRASES = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_Http: Any = AutoHTTPProtocol


def most_connections() -> int:
    """How many connections the process can hold beside its other files."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if files == resource.RLIM_INFINITY else min(_MOST, int(files * _FILES))


@dataclass(eq=False)
class Guard:
    """One server's connections. ``head_seconds``: from a request's first byte (or the connection) to the end of its
    headers. Beyond ``most`` connections, the one that has been silent the longest gives way to the new one."""

    head_seconds: float = _HEAD_SECONDS
    most: int = field(default_factory=most_connections)
    open: int = 0
    waiting: dict["_Wary", asyncio.TimerHandle] = field(default_factory=dict)
    """Those whose next head is not whole, oldest first."""

    def make_room(self) -> bool:
        """Whether there is room for one more; an old silent connection is closed for it."""
        if self.open < self.most:
            return True
        oldest = next(iter(self.waiting), None)
        if oldest is not None:
            oldest.refuse(ApiError(408, "Others needed the connection.", code="timeout"))
        return oldest is not None


class _Wary(_Http):  # type: ignore[misc]
    """Uvicorn's protocol, whichever parser it has."""

    guard: ClassVar[Guard]
    _head = 0  # bytes of the head that is coming

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        room = self.guard.make_room()
        self.guard.open += 1
        self._await_head()
        if not room:
            self.refuse(ApiError(503, "Too many connections.", code="overloaded", headers={"retry-after": "1"}))

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.open -= 1
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._await_head()
        if self in self.guard.waiting:
            self._head += len(data)
            if self._head > HEAD_BYTES and b"\r\n\r\n" not in data:
                self.refuse(ApiError(431, "The request's headers are too large.", code="headers_too_large"))
                return
        super().data_received(data)
        if self._busy:
            self._head_came()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP. In the middle of an answer nothing can be said any more."""
        if self._busy:
            self.transport.close()
        else:
            self.refuse(ApiError(400, msg, code="invalid_http"))

    def refuse(self, error: ApiError) -> None:
        """Say why, and close."""
        self._head_came()
        body = json.dumps(error.body).encode()
        headers = {"content-type": "application/json", "content-length": len(body), "connection": "close"}
        lines = [f"HTTP/1.1 {error.status} {_PHRASES[error.status]}"]
        lines += [f"{name}: {value}" for name, value in (headers | error.headers).items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

    @property
    def _busy(self) -> bool:
        """Whether a request is being answered or its body read."""
        return self.cycle is not None and not self.cycle.response_complete

    def _await_head(self) -> None:
        if not self._busy and self not in self.guard.waiting and not self.transport.is_closing():
            self.guard.waiting[self] = asyncio.get_running_loop().call_later(self.guard.head_seconds, self._too_slow)

    def _head_came(self) -> None:
        self._head = 0
        if (timer := self.guard.waiting.pop(self, None)) is not None:
            timer.cancel()

    def _too_slow(self) -> None:
        self.refuse(ApiError(408, "The request's headers did not arrive in time.", code="timeout"))


def wary(guard: Guard | None = None) -> type[asyncio.Protocol]:
    """An HTTP protocol for uvicorn whose connections share one guard."""
    return type("Wary", (_Wary,), {"guard": guard or Guard()})
