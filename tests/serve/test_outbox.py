"""The outbox: in order, tried again, and when it is lost, said so."""

import asyncio
import threading
from typing import Any

import pytest

from trimtab.records import Feedback, Message, Trace
from trimtab.serve.outbox import Outbox


def _trace(id: str) -> Trace:
    return Trace(id, 0.0, "acme", "", "stable", "r", (Message("user", "x"),), (), "stop")


def test_feedback_never_overtakes_its_trace_and_returns_when_written(memory_of: type[Any]) -> None:
    sink, release = memory_of(), threading.Event()
    order: list[str] = []

    class Slow:
        def trace(self, trace: Trace) -> None:
            release.wait(5)
            order.append(trace.id)

        def feedback(self, feedback: Feedback) -> None:
            order.append(feedback.id)
            sink.feedback(feedback)

    outbox = Outbox(Slow())

    async def main() -> None:
        outbox.trace(_trace("t"))
        task = asyncio.ensure_future(outbox.feedback(Feedback("f", "t", 0.0, thumb=True)))
        await asyncio.sleep(0.01)
        assert not task.done()
        release.set()
        await task
        assert len(sink.said) == 1

    asyncio.run(main())
    outbox.close()
    assert order == ["t", "f"]


def test_a_write_that_fails_is_tried_again(memory_of: type[Any]) -> None:
    sink = memory_of(failures=2)
    outbox = Outbox(sink, retry_seconds=(0.0, 0.0))
    outbox.trace(_trace("t"))
    outbox.close()
    assert [trace.id for trace in sink.traces] == ["t"]
    assert (outbox.lost, outbox.healthy) == (0, True)


def test_what_is_lost_is_said(memory_of: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    sink = memory_of(failures=3)
    outbox = Outbox(sink, retry_seconds=(0.0, 0.0))
    outbox.trace(_trace("gone"))
    outbox.close()
    assert (outbox.lost, outbox.healthy) == (1, False)
    assert "trace gone is lost" in caplog.text
    outbox.trace(_trace("next"))
    outbox.close()
    assert (outbox.lost, outbox.healthy) == (1, True)
    assert [trace.id for trace in sink.traces] == ["next"]


def test_feedback_that_cannot_be_written_raises(memory_of: type[Any]) -> None:
    outbox = Outbox(memory_of(failures=9), retry_seconds=())
    with pytest.raises(OSError, match="disk full"):
        asyncio.run(outbox.feedback(Feedback("f", "t", 0.0, thumb=True)))
    outbox.close()


def test_taking_a_trace_never_waits_for_the_sink() -> None:
    release = threading.Event()

    class Stuck:
        def trace(self, trace: Trace) -> None:
            release.wait(5)

        def feedback(self, feedback: Feedback) -> None: ...

    outbox = Outbox(Stuck())
    for i in range(100):
        outbox.trace(_trace(str(i)))
    assert outbox.backlog >= 98
    assert outbox.tenant_of("7") == "acme"
    assert outbox.tenant_of("never") is None
    release.set()
    outbox.close()
    assert outbox.backlog == 0
