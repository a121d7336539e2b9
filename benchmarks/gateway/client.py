"""A lean HTTP/1.1 client on kept connections: what it costs is little beside what it measures."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

_HEAD_END, _LAST_CHUNK = b"\r\n\r\n", b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """``began`` to ``done`` by ``time.perf_counter``; ``status`` 0: the connection broke. ``head`` in lower case."""

    status: int
    head: bytes
    body: bytes
    began: float
    done: float

    @property
    def seconds(self) -> float:
        return self.done - self.began

    def header(self, name: str) -> str | None:
        mark = f"\r\n{name}: ".encode()
        start = self.head.find(mark)
        if start < 0:
            return None
        end = self.head.find(b"\r\n", start + 2)
        return self.head[start + len(mark) : end if end >= 0 else None].decode("latin-1").strip()


OnAnswer = Callable[[Answer], None]


class Pool:
    """Kept connections to one server. A request takes a free one, or opens one more."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.host, self.port = parts.hostname, parts.port or 80
        self.free: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    async def open(self, connections: int) -> None:
        """Have so many connections ready."""
        self.free += [await self._connect() for _ in range(connections)]

    def ask(self, request: bytes, began: float, on_answer: OnAnswer) -> None:
        """Send at once; ``began`` is when it should have been sent."""
        if self.free:
            self.free.pop().ask(request, began, on_answer)
            return
        task = asyncio.ensure_future(self._open_and_ask(request, began, on_answer))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def answer(self, request: bytes) -> Answer:
        """Send and wait for the answer."""
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.ask(request, time.perf_counter(), lambda answer: None if done.done() else done.set_result(answer))
        return await done

    def close(self) -> None:
        """Break off whatever is under way."""
        for task in self._opening:
            task.cancel()
        for connection in list(self._all):
            connection.close()

    def forget(self, connection: "_Connection") -> None:
        self._all.discard(connection)
        if connection in self.free:
            self.free.remove(connection)

    async def _open_and_ask(self, request: bytes, began: float, on_answer: OnAnswer) -> None:
        try:
            connection = await self._connect()
        except OSError:
            on_answer(Answer(0, b"", b"", began, time.perf_counter()))
        else:
            connection.ask(request, began, on_answer)

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self), self.host, self.port)
        self._all.add(connection)
        return connection


class _Connection(asyncio.Protocol):
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._on_answer: OnAnswer | None = None
        self._began, self._buffer = 0.0, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by name

    def ask(self, request: bytes, began: float, on_answer: OnAnswer) -> None:
        assert self._transport is not None
        self._began, self._on_answer = began, on_answer
        self._buffer.clear()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return
        head, start = bytes(self._buffer[:end]).lower(), end + len(_HEAD_END)
        if b"transfer-encoding: chunked" in head:
            whole = self._buffer.endswith(_LAST_CHUNK)
        else:
            whole = len(self._buffer) - start >= _length(head)
        if whole:
            self._answered(int(head[9:12]), head, bytes(self._buffer[start:]))

    def connection_lost(self, error: Exception | None) -> None:
        self._pool.forget(self)
        self._answered(0, b"", b"")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _answered(self, status: int, head: bytes, body: bytes) -> None:
        on_answer, self._on_answer = self._on_answer, None
        if status and b"connection: close" not in head:
            self._pool.free.append(self)
        if on_answer is not None:
            on_answer(Answer(status, head, body, self._began, time.perf_counter()))


def post(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    """The bytes of a request with a JSON body; ``url`` with its path."""
    parts, data = urlsplit(url), json.dumps(body).encode()
    lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}", "content-type: application/json"]
    lines += [f"content-length: {len(data)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + _HEAD_END + data


def _length(head: bytes) -> int:
    mark = b"content-length:"
    start = head.find(mark)
    return int(head[start + len(mark) :].split(b"\r\n", 1)[0]) if start >= 0 else 0
