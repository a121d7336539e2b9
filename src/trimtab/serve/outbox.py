"""Traces and feedback on their way to the sink: off the event loop, in order, and never lost without a word."""

import asyncio
import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Protocol, runtime_checkable

from trimtab.records import Feedback, Sink, Trace

_log = logging.getLogger("trimtab.serve")
_RETRY_SECONDS = (0.05, 0.2, 1.0, 3.0)
_REMEMBERED = 10_000
_GATHER_SECONDS = 0.05  # traces that end so close together are written in one transaction
_TOGETHER = 256

_Work = Trace | Callable[[], object]


@runtime_checkable
class BatchSink(Protocol):
    """A sink that writes many traces more cheaply than one by one: all of them, or it raises."""

    def traces(self, traces: Sequence[Trace]) -> None: ...


class Outbox:
    """One thread writes in the order in which things came, so that feedback never overtakes its trace.

    A write that fails is tried again; one that fails for good is logged, counted in ``lost`` and makes ``healthy``
    false until a write succeeds. A sink that takes several traces at once gets what ended within a twentieth of a
    second together, for a transaction each is what a trace costs most; feedback and ``close`` wait for no more.
    """

    def __init__(self, sink: Sink, retry_seconds: tuple[float, ...] = _RETRY_SECONDS) -> None:
        self._sink, self._retry_seconds = sink, retry_seconds
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._write_all = sink.traces if isinstance(sink, BatchSink) and callable(sink.traces) else None
        self._hurry = threading.Event()
        self._gathered = 0
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._thread: threading.Thread | None = None
        self.lost = 0
        self.healthy = True

    @property
    def backlog(self) -> int:
        """How many traces and feedbacks are not written yet."""
        return self._queue.qsize() + self._gathered

    def tenant_of(self, trace_id: str) -> str | None:
        """Whose a recent trace is, written already or not; None when it is not remembered."""
        return self._recent.get(trace_id)

    def trace(self, trace: Trace) -> None:
        """Take a trace; returns at once."""
        if trace.arm != "shadow":  # nobody was told that id
            self._recent[trace.id] = trace.tenant
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        self._put(trace)

    async def feedback(self, feedback: Feedback) -> None:
        """Returns when the feedback is written. Raises what the sink raised last when it cannot be."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def deliver() -> None:
            error = self._deliver(f"feedback {feedback.id}", lambda: self._sink.feedback(feedback))
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, done, error)

        self._put(deliver)
        self._hurry.set()
        await done

    def close(self) -> None:
        """Write what is left, then stop."""
        if self._thread is not None:
            self._queue.put(None)
            self._hurry.set()
            self._thread.join()
            self._thread = None

    def _put(self, work: _Work) -> None:
        if self._thread is None:
            self._hurry.clear()
            self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
            self._thread.start()
        self._queue.put(work)

    def _run(self) -> None:
        found: list[_Work | None] = []
        while not found or found[-1] is not None:
            found = self._gather()
            for _, group in groupby(found, key=type):
                self._do(list(group))
            self._gathered = 0

    def _gather(self) -> list[_Work | None]:
        """What is to be written, at least one thing; None after the last of all."""
        found = [self._queue.get()]
        self._gathered = 1
        if self._write_all is not None and isinstance(found[0], Trace):
            self._hurry.wait(_GATHER_SECONDS)
        self._hurry.clear()  # before looking: whoever hurries has put first
        with suppress(queue.Empty):
            while found[-1] is not None and len(found) < _TOGETHER:
                found.append(self._queue.get_nowait())
                self._gathered += 1
        return found

    def _do(self, group: Sequence[_Work | None]) -> None:
        traces = [work for work in group if isinstance(work, Trace)]
        if len(traces) > 1 and self._delivered_at_once(traces):
            return
        for work in group:
            if isinstance(work, Trace):
                self._deliver(f"trace {work.id}", partial(self._sink.trace, work))
            elif work is not None:
                work()

    def _delivered_at_once(self, traces: Sequence[Trace]) -> bool:
        """Whether the sink took them together. What it did not take is written one by one: one bad trace costs no
        other, and a sink that failed is given time."""
        if self._write_all is None:
            return False
        try:
            self._write_all(traces)
        except Exception as error:  # the named boundary: whatever the sink raises
            _log.warning("%d traces could not be written together (%s); now one by one", len(traces), error)
            return False
        self.healthy = True
        return True

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
