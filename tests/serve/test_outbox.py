"""The outbox: in order, tried again, and when it is lost, said so."""

import asyncio
import threading
from collections.abc import Sequence
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


class _Together:
    """A sink that takes several traces at once; ``bad`` is the id of one that it cannot take."""

    def __init__(self, bad: str = "") -> None:
        self.bad, self.calls = bad, list[tuple[str, ...]]()

    def traces(self, traces: Sequence[Trace]) -> None:
        if self.bad in [trace.id for trace in traces]:
            raise OSError("cannot take it")
        self.calls.append(tuple(trace.id for trace in traces))

    def trace(self, trace: Trace) -> None:
        self.traces([trace])

    def feedback(self, feedback: Feedback) -> None:
        self.calls.append((feedback.id,))


def test_traces_that_end_together_are_written_together_and_in_order() -> None:
    sink = _Together()
    outbox = Outbox(sink)
    for i in range(9):
        outbox.trace(_trace(str(i)))
    outbox.close()
    assert [id for call in sink.calls for id in call] == [str(i) for i in range(9)]
    assert len(sink.calls) < 9


def test_one_bad_trace_costs_none_of_those_beside_it() -> None:
    sink = _Together(bad="2")
    outbox = Outbox(sink, retry_seconds=())
    for i in range(4):
        outbox.trace(_trace(str(i)))
    outbox.close()
    assert sorted(id for call in sink.calls for id in call) == ["0", "1", "3"]
    assert outbox.lost == 1


def test_feedback_hurries_the_traces_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.serve.outbox._GATHER_SECONDS", 30.0)
    sink = _Together()
    outbox = Outbox(sink)

    async def main() -> None:
        for name in "ab":
            outbox.trace(_trace(name))
        await asyncio.wait_for(outbox.feedback(Feedback("f", "a", 0.0, thumb=True)), 10)

    asyncio.run(main())
    assert [id for call in sink.calls for id in call] == ["a", "b", "f"]
    outbox.close()
