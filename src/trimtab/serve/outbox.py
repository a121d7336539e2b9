"""Traces and feedback on their way to the sink: off the event loop, in order, and never lost without a word."""

import asyncio
import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable

from trimtab.records import Feedback, Sink, Trace

_log = logging.getLogger("trimtab.serve")
_RETRY_SECONDS = (0.05, 0.2, 1.0, 3.0)
_REMEMBERED = 10_000


class Outbox:
    """One thread writes in the order in which things came, so that feedback never overtakes its trace.

    A write that fails is tried again; one that fails for good is logged, counted in ``lost`` and makes ``healthy``
    false until a write succeeds.
    """

    def __init__(self, sink: Sink, retry_seconds: tuple[float, ...] = _RETRY_SECONDS) -> None:
        self._sink, self._retry_seconds = sink, retry_seconds
        self._queue: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._thread: threading.Thread | None = None
        self.lost = 0
        self.healthy = True

    @property
    def backlog(self) -> int:
        return self._queue.qsize()

    def tenant_of(self, trace_id: str) -> str | None:
        """Whose a recent trace is, written already or not; None when it is not remembered."""
        return self._recent.get(trace_id)

    def trace(self, trace: Trace) -> None:
        """Take a trace; returns at once."""
        if trace.arm != "shadow":  # nobody was told that id
            self._recent[trace.id] = trace.tenant
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        self._put(lambda: self._deliver(f"trace {trace.id}", lambda: self._sink.trace(trace)))

    async def feedback(self, feedback: Feedback) -> None:
        """Returns when the feedback is written. Raises what the sink raised last when it cannot be."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def deliver() -> None:
            error = self._deliver(f"feedback {feedback.id}", lambda: self._sink.feedback(feedback))
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, done, error)

        self._put(deliver)
        await done

    def close(self) -> None:
        """Write what is left, then stop."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _put(self, work: Callable[[], object]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
            self._thread.start()
        self._queue.put(work)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()

    def _deliver(self, what: str, write: Callable[[], None]) -> Exception | None:
        failure: Exception | None = None
        pause = threading.Event()
        for wait in (*self._retry_seconds, None):
            try:
                write()
            except Exception as error:  # the named boundary: whatever the sink raises
                failure = error
                self.healthy = False
                if wait is not None:
                    pause.wait(wait)
            else:
                self.healthy = True
                return None
        self.lost += 1
        _log.error("%s is lost: the sink failed %d times: %s", what, len(self._retry_seconds) + 1, failure)
        return failure


def _settle(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
