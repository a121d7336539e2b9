"""Engines that another server is, over HTTP: one thread with an event loop of its own streams every request."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError as Abandoned
from contextlib import suppress
from typing import Any, TypeVar

import httpx

from trimtab.engine.core import Caps, Chunk, Request, Unsupported
from trimtab.engine.limits import room
from trimtab.engine.remote_link import Endpoint, Failed, Link, Sleep, TryAgain, asyncio_timeout, words_of
from trimtab.engine.remote_wire import Wire
from trimtab.engine.sse import BadStream, Events
from trimtab.records import UserError

Result = TypeVar("Result")
NO_LIMIT = 1 << 30
_LAST_WORDS_SECONDS = 1.0  # for the end mark of an answer that is whole, so that its connection can be used again
_log = logging.getLogger(__name__)


class _Call:
    """One request under way, and its caller's handle."""

    def __init__(self, engine: "RemoteEngine", request: Request, on_chunk: Callable[[Chunk], None]) -> None:
        self._engine, self.request, self._on_chunk = engine, request, on_chunk
        self.task: asyncio.Task[None] | None = None
        self.begun = self.ended = self.cancelled = False

    def cancel(self) -> None:
        """Close the stream; the last chunk says ``cancelled``. Does nothing once the request is finished."""
        self.cancelled = True
        self._engine.post(self.stop)

    def stop(self) -> None:
        """On the loop."""
        if self.task is not None and not self.ended:
            self.task.cancel()

    def tell(self, chunk: Chunk) -> None:
        """Hand a chunk to the caller, nothing after the last. A caller that fails to take it loses its request."""
        if self.ended:
            return
        self.begun = self.begun or bool(chunk.token_ids)
        self.ended = chunk.finish is not None
        try:
            self._on_chunk(chunk)
        except Exception:
            _log.exception("a caller failed to take a chunk, so its request is cancelled")
            raise asyncio.CancelledError from None

    def end(self, chunk: Chunk) -> None:
        """The last chunk, whatever the caller does with it."""
        with suppress(asyncio.CancelledError):
            self.tell(chunk)


class RemoteEngine:
    """An Engine over a server's /v1/completions. A request is tried again only while it has no token."""

    caps: Caps
    weights: str
    """As the server names them: nobody here has seen their bytes."""

    def __init__(self, endpoint: Endpoint, wire: Wire, *, vocabulary: int, sleep: Sleep) -> None:
        self.endpoint, self._wire, self._vocabulary = endpoint, wire, vocabulary
        self._calls: set[asyncio.Task[None]] = set()
        self._closing = threading.Lock()
        self._closed = False
        self.link = Link(endpoint, sleep)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="remote-engine", daemon=True)
        self._thread.start()

    @property
    def server(self) -> str:
        """Where its log-probs are computed, as their record names it."""
        return f"{self.endpoint.model}@{self.endpoint.url}"

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> _Call:
        """Send a request. Raises Unsupported for what the server cannot be asked, UserError for a wrong constraint."""
        if request.adapter and request.adapter not in self.caps.adapters:
            raise Unsupported(f"the engine {self.caps.name} serves no adapter {request.adapter!r}", "model")
        if request.constraint is not None and (missing := request.constraint.needs - self.caps.constrains):
            raise Unsupported(f"the engine {self.caps.name} cannot constrain {', '.join(sorted(missing))}")
        call = _Call(self, request, on_chunk)
        try:
            most = room(request, context=self.caps.context or NO_LIMIT, vocabulary=self._vocabulary)
        except UserError as error:
            call.end(Chunk((), (), "error", str(error)))
            return call
        body = self._wire.body(request, most)
        if not self.post(lambda: self._start(call, body)):
            call.end(Chunk((), (), "error", "the engine is closed"))
        return call

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        """Raises Unsupported: text alone tells no log-probs."""
        raise Unsupported(f"the engine {self.caps.name} gives no log-probs")

    def post(self, function: Callable[[], object]) -> bool:
        """Call ``function`` on the loop; False where that has ended."""
        with self._closing:
            if not self._closed:
                self._loop.call_soon_threadsafe(function)
            return not self._closed

    def close(self) -> None:
        """Cancel what runs, close every connection and join the thread. May be called twice."""
        with self._closing:
            if not self._closed:
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._closed = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def ask(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run ``work`` on the loop and wait. Raises UserError where the server fails."""
        with self._closing:
            if self._closed:
                work.close()
                raise RuntimeError("the engine is closed")
            answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return answer.result()
        except Abandoned as error:
            raise RuntimeError("the engine is closed") from error
        except (Failed, BadStream) as error:
            raise UserError(str(error), field="serving.endpoint") from error

    def _start(self, call: _Call, body: Mapping[str, Any]) -> None:
        call.task = self._loop.create_task(self._answer(call, body))
        self._calls.add(call.task)
        call.task.add_done_callback(lambda task: self._over(call, task))
        if call.cancelled:
            call.task.cancel()

    def _over(self, call: _Call, task: "asyncio.Task[None]") -> None:
        self._calls.discard(task)
        call.end(Chunk((), (), "cancelled"))  # of one that was cancelled before it began

    async def _answer(self, call: _Call, body: Mapping[str, Any]) -> None:
        """One request from its first try to its last chunk."""
        last = Chunk((), (), "error", "the stream ended before the answer did")
        try:
            await self.link.tried(lambda: self._stream(call, body))
        except asyncio.CancelledError:
            last = Chunk((), (), "cancelled")
        except (Failed, BadStream) as error:
            last = Chunk((), (), "error", str(error))
        except Exception as error:  # the named boundary: one broken answer must not leave its caller waiting
            _log.exception("a remote answer could not be read")
            last = Chunk((), (), "error", f"{type(error).__name__}: {error}")
        call.end(last)

    async def _stream(self, call: _Call, body: Mapping[str, Any]) -> None:
        """One try. Raises TryAgain only where no token has come."""
        read, events = self._wire.reader(), Events()
        try:
            async with (
                asyncio_timeout(self.endpoint.timeout_seconds) as deadline,
                self.link.open("/completions", body) as response,
            ):
                _check_type(response)
                async for data in response.aiter_bytes():
                    for text in events.push(data):
                        if text == "[DONE]":
                            return
                        chunk = read(_event(text))
                        if chunk is not None:
                            call.tell(chunk)
                        deadline.again(_LAST_WORDS_SECONDS if call.ended else None)
        except TryAgain as error:
            if call.begun:
                raise Failed(str(error), error.status) from error
            raise

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._wind_up())
        finally:
            self._loop.close()

    async def _wind_up(self) -> None:
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.link.close()
        await self._loop.shutdown_asyncgens()


def _check_type(response: httpx.Response) -> None:
    kind = response.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
    if kind != "text/event-stream":
        raise BadStream(f"the server answered {kind[:40]} where a stream was asked for")


def _event(text: str) -> Mapping[str, Any]:
    """One event's JSON. Raises BadStream for what is none, and Failed for an error."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadStream(f"an event of the stream is no JSON: {text[:60]!r}") from error
    if not isinstance(event, dict):
        raise BadStream("an event of the stream is no JSON object")
    if event.get("error"):
        raise Failed(f"the server failed: {words_of(text.encode())}")
    return event
