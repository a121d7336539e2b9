"""A client of streams that costs little: it shares the cores with the server that it measures."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from benchmarks.serve.streams import Stream

_TEXT = re.compile(rb'"delta":\{"content":')
_USAGE = re.compile(rb'"completion_tokens":(\d+)')
_END = b"data: [DONE]"
_SECONDS = 120.0  # for one reply; a benchmark that hangs measures nothing


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    key: str
    model: str


class _Reading(asyncio.Protocol):
    """One request on a connection of its own, closed by the server's end mark."""

    def __init__(self, request: bytes, stream: Stream) -> None:
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._request, self._stream, self._tail = request, stream, b""
        self._transport: Any = None  # uvloop's is no asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if _TEXT.search(data):
            self._stream.arrive()
        self._tail = (self._tail + data)[-4096:]
        if _END in self._tail:
            self._transport.close()
            self._settle()

    def connection_lost(self, error: Exception | None) -> None:
        self._settle()

    def _settle(self) -> None:
        if not self.done.done():
            self.done.set_result(self._tail)


async def ask(address: Address, prompt: dict[str, Any], new_tokens: int) -> Stream:
    """One streamed chat. Raises RuntimeError where it did not end as it should."""
    stream = Stream()
    _, reading = await asyncio.get_running_loop().create_connection(
        lambda: _Reading(_request(address, prompt, new_tokens), stream), address.host, address.port
    )
    async with asyncio.timeout(_SECONDS):
        tail = await reading.done
    usage = _USAGE.search(tail)
    if usage is None or _END not in tail:
        raise RuntimeError(f"the stream broke off: {tail[-400:].decode(errors='replace')}")
    stream.tokens = int(usage[1])
    return stream


def _request(address: Address, prompt: dict[str, Any], new_tokens: int) -> bytes:
    body = json.dumps(
        {
            "model": address.model,
            "messages": prompt["messages"],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": new_tokens,
            "temperature": 0,
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {address.host}\r\nauthorization: Bearer {address.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
