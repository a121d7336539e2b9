"""One thread drives an engine: it admits, steps and finishes requests, and sleeps while there are none."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from trimtab.engine.core import Chunk, Finish, Request

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Slot:
    """A request in flight, and the handle that its caller holds."""

    def __init__(self, request: Request, on_chunk: Callable[[Chunk], None], wake: Callable[[], None]) -> None:
        self.request = request
        self.cancelled = False
        self._on_chunk = on_chunk
        self._wake = wake

    def cancel(self) -> None:
        """Free the slot; the last chunk says ``cancelled``. Does nothing once the request is finished."""
        self.cancelled = True
        self._wake()

    def tell(self, chunk: Chunk) -> None:
        """Hand a chunk to the caller. A caller that fails to take it has its request cancelled."""
        try:
            self._on_chunk(chunk)
        except Exception:
            _log.exception("a caller failed to take a chunk, so its request is cancelled")
            self.cancelled = True


class Stepper(Protocol):
    """What an engine does for its worker; called from the worker's thread only."""

    capacity: int
    """Most requests that run at once."""

    def admit(self, slot: Slot) -> Chunk | None:
        """Take a request in; may give its first tokens. Raises where this one request cannot run."""

    def step(self) -> Iterable[tuple[Slot, Chunk]]:
        """Advance every running request. A slot whose chunk has a ``finish`` has left. Raises where all are lost."""

    def drop(self, slot: Slot) -> None:
        """Forget a running request and free what it held."""

    def reset(self) -> None:
        """Forget every request after a step that failed."""

    def close(self) -> None:
        """Free the model."""


class Worker:
    """The queue before a stepper and the thread that drives it. ``submit``, ``call`` and ``close`` are thread-safe."""

    def __init__(self, stepper: Stepper, name: str) -> None:
        self._stepper = stepper
        self._condition = threading.Condition()
        self._waiting: deque[Slot] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._running: dict[Slot, None] = {}
        self._closed = False
        self._on_turn: Callable[[], None] = _nothing
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> Slot:
        """Queue a request. On a closed worker its one chunk is an error."""
        slot = Slot(request, on_chunk, self._wake)
        with self._condition:
            open_ = not self._closed
            if open_:
                self._waiting.append(slot)
                self._condition.notify()
        if not open_:
            slot.tell(Chunk((), (), "error", "the engine is closed"))
        return slot

    def call(self, function: Callable[[], Result]) -> Result:
        """Run ``function`` between two steps and give its result or exception. Raises RuntimeError when closed."""
        if threading.current_thread() is self._thread:
            return function()
        future: Future[Result] = Future()
        with self._condition:
            if self._closed:
                raise RuntimeError("the engine is closed")
            self._calls.append(lambda: _settle(future, function))
            self._condition.notify()
        return future.result()

    def close(self) -> None:
        """Cancel what waits and runs, end the thread and free the model. May be called twice."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def on_turn(self, told: Callable[[], None]) -> None:
        """``told`` is called from the worker's thread whenever the chunks of a turn have been handed out."""
        self._on_turn = told

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        with self._condition:
            return not (self._waiting or self._running or self._calls)

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify()

    def _run(self) -> None:
        try:
            while self._await_work():
                self._do_calls()
                try:
                    self._turn()
                except Exception as error:
                    self._lose_all(error)
                self._on_turn()
        finally:
            self._shut()

    def _turn(self) -> None:
        self._drop_cancelled()
        self._admit()
        if self._running:
            for slot, chunk in self._stepper.step():
                self._tell(slot, chunk)

    def _await_work(self) -> bool:
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._waiting or self._running or self._calls)
            return not self._closed

    def _do_calls(self) -> None:
        while self._calls:
            self._calls.popleft()()

    def _drop_cancelled(self) -> None:
        with self._condition:
            waiting = [slot for slot in self._waiting if slot.cancelled]
            for slot in waiting:
                self._waiting.remove(slot)
        for slot in waiting:
            slot.tell(Chunk((), (), "cancelled"))
        for slot in [slot for slot in self._running if slot.cancelled]:
            del self._running[slot]
            try:
                self._stepper.drop(slot)
            finally:
                slot.tell(Chunk((), (), "cancelled"))

    def _admit(self) -> None:
        while len(self._running) < self._stepper.capacity and not self._closed and (slot := self._next()) is not None:
            if slot.cancelled:
                slot.tell(Chunk((), (), "cancelled"))
                continue
            try:
                first = self._stepper.admit(slot)
            except Exception as error:
                _log.debug("a request was not admitted", exc_info=True)
                slot.tell(Chunk((), (), "error", _words(error)))
                continue
            self._running[slot] = None
            if first is not None:
                self._tell(slot, first)

    def _next(self) -> Slot | None:
        with self._condition:
            return self._waiting.popleft() if self._waiting else None

    def _tell(self, slot: Slot, chunk: Chunk) -> None:
        if chunk.finish is not None:
            del self._running[slot]
        slot.tell(chunk)

    def _lose_all(self, error: Exception) -> None:
        _log.error("a step failed, so every running request fails", exc_info=error)
        lost, self._running = list(self._running), {}
        for slot in lost:
            slot.tell(Chunk((), (), "error", _words(error)))
        self._stepper.reset()

    def _shut(self) -> None:
        """The thread's last act: nobody is left waiting, whether it was closed or has failed."""
        with self._condition:
            finish: Finish = "cancelled" if self._closed else "error"
            self._closed = True
            left = [*self._running, *self._waiting]
            self._running.clear()
            self._waiting.clear()
        self._do_calls()
        for slot in left:
            slot.tell(Chunk((), (), finish, "" if finish == "cancelled" else "the engine's thread has failed"))
        self._on_turn()
        self._stepper.close()


def _settle(future: "Future[Result]", function: Callable[[], Result]) -> None:
    try:
        future.set_result(function())
    except Exception as error:
        future.set_exception(error)


def _nothing() -> None:
    return None


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
