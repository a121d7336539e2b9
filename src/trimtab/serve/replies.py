"""How an exchange leaves: at once as JSON or as a stream of events; a client that hangs up stops the generation."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from trimtab.serve.choices import Choice, Choices
from trimtab.serve.errors import ApiError
from trimtab.serve.wire import CHAT, KEEP_ALIVE, Wire, event

_HEADERS_AFTER_SECONDS = 2.0  # until then an error still gets its own status
_KEEP_ALIVE_SECONDS = 15.0
Said = tuple[int, str]
"""A choice's index and its next text; an empty one keeps the connection alive."""


class _Mailbox:
    """Texts on their way from the generation to the client: all that waits leaves together."""

    def __init__(self) -> None:
        self._waiting: list[Said] = []
        self._wake: asyncio.Future[None] | None = None
        self._ended = False

    def put(self, index: int, text: str) -> None:
        self._waiting.append((index, text))
        self._rouse()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._rouse()

    async def take(self) -> list[Said]:
        """What has come, at least one text; empty at the end."""
        if not self._waiting and not self._ended:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        said, self._waiting = self._waiting, []
        return said

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class WholeReply:
    """An ASGI response: the completion as one JSON object."""

    def __init__(self, exchange: Choices, wire: Wire = CHAT) -> None:
        self._exchange, self._wire = exchange, wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._exchange
        before = exchange.overhead()
        task = asyncio.ensure_future(exchange.run())
        gone = _cancel_when_gone(receive, task)
        try:
            await asyncio.wait({task})
            if task.cancelled():
                return
            ran = exchange.overhead()
            response = self._response(task, before)
            response.headers["x-trimtab-overhead-ms"] = f"{1000 * (before + exchange.overhead() - ran):.2f}"
        finally:
            await _end(task, gone)
        await response(scope, receive, send)

    def _response(self, task: "asyncio.Future[tuple[Choice, ...]]", overhead: float) -> Response:
        headers = self._exchange.headers(overhead)
        try:
            choices = task.result()
        except ApiError as error:
            return error.response(headers)
        body = self._wire.whole(
            choices, id=self._exchange.id, created=int(self._exchange.now), model=self._exchange.model
        )
        return JSONResponse(body, headers=headers)


class StreamReply:
    """An ASGI response: server-sent events, each text as soon as the guards let it leave.

    An error before the first text has its own status; later it is the stream's last event, without the end mark.
    """

    def __init__(self, exchange: Choices, wire: Wire = CHAT) -> None:
        self._exchange = exchange
        self._texts = _Mailbox()
        self._chunks = wire.chunks(
            id=exchange.id,
            created=int(exchange.now),
            model=exchange.model,
            include_usage=exchange.request.include_usage,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = self._exchange.overhead()
        task = asyncio.ensure_future(self._exchange.run(self._texts.put))
        task.add_done_callback(lambda _: self._texts.end())
        gone = _cancel_when_gone(receive, task)
        try:
            await self._exchange.settled()
            headers = self._exchange.headers(before)
            first = await self._first()
            early = None if first else _error(task)
            if early is not None:
                await early.response(headers)(scope, receive, send)
            elif not task.cancelled():
                await self._stream(first, task, headers, send)
        except OSError:  # the client is gone
            pass
        finally:
            await _end(task, gone)

    async def _stream(
        self, said: list[Said], task: "asyncio.Future[tuple[Choice, ...]]", headers: Mapping[str, str], send: Send
    ) -> None:
        await _start(send, headers)
        await _send(send, b"".join(self._chunks.role(index) for index in range(len(self._exchange))))
        alive = _KeepAlive(self._texts)
        try:
            while said:
                await _send(send, b"".join(self._chunks.text(*one) if one[1] else KEEP_ALIVE for one in said))
                alive.sent()
                said = await self._texts.take()
        finally:
            alive.stop()
        if task.cancelled():
            return
        if (error := _error(task)) is not None:
            await _send(send, event(error.body))
        else:
            await _send(send, b"".join(self._chunks.end(task.result())))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _first(self) -> list[Said]:
        """The first texts; an empty one when none came while an error could still have its own status."""
        try:
            async with asyncio.timeout(_HEADERS_AFTER_SECONDS):
                return await self._texts.take()
        except TimeoutError:
            return [(0, "")]


class _KeepAlive:
    """Puts an empty text where nothing was sent for a while; one timer a stream, not one a token."""

    def __init__(self, texts: _Mailbox) -> None:
        self._texts, self._loop = texts, asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(_KEEP_ALIVE_SECONDS, self._look)

    def sent(self) -> None:
        self._last = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        silent = self._loop.time() - self._last
        if silent >= _KEEP_ALIVE_SECONDS:
            self._texts.put(0, "")
            silent = 0.0
        self._timer = self._loop.call_later(_KEEP_ALIVE_SECONDS - silent, self._look)


def _cancel_when_gone(receive: Receive, task: "asyncio.Future[tuple[Choice, ...]]") -> "asyncio.Task[None]":
    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        task.cancel()

    return asyncio.ensure_future(watch())


async def _end(*tasks: "asyncio.Future[tuple[Choice, ...]] | asyncio.Task[None]") -> None:
    """Cancel what still runs and wait for it, so that no task outlives its request."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, ApiError):
            if not task.done():
                await asyncio.wait({task})
            if not task.cancelled():
                task.exception()


def _error(task: "asyncio.Future[tuple[Choice, ...]]") -> ApiError | None:
    if not task.done() or task.cancelled():
        return None
    error = task.exception()
    assert error is None or isinstance(error, ApiError), "exchanges raise nothing else"
    return error


async def _start(send: Send, headers: Mapping[str, str]) -> None:
    given = {**headers, "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
