"""Cost: bills add up to the busy seconds, and a helpful answer pays for the unhelpful ones."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.observe import Meter, cost_of
from trimtab.records import Feedback, Message, Trace, Verdict


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def _plain_bills(spans: list[tuple[int, int]]) -> list[float]:
    """Second by second: each running request pays an even part."""
    bills = [0.0] * len(spans)
    for second in range(max(end for _, end in spans)):
        running = [i for i, (start, end) in enumerate(spans) if start <= second < end]
        for i in running:
            bills[i] += 1 / len(running)
    return bills


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), min_size=1, max_size=8))
def test_bills_agree_with_counting_second_by_second(raw: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in raw]
    clock = Clock()
    meter = Meter(3600.0, clock)
    marks: dict[int, float] = {}
    bills: dict[int, float] = {}
    moments = sorted({moment for span in spans for moment in span})
    for moment in moments:
        clock.now = 50.0 + moment
        for i, (start, end) in enumerate(spans):
            if end == moment:
                bills[i] = meter.stop(marks[i])
            if start == moment:
                marks[i] = meter.start()
    assert [bills[i] for i in range(len(spans))] == pytest.approx(_plain_bills(spans))
    busy = {second for start, end in spans for second in range(start, end)}
    assert sum(bills.values()) == pytest.approx(len(busy))


def test_an_idle_machine_bills_nobody() -> None:
    clock = Clock()
    meter = Meter(36.0, clock)
    clock.now += 1000
    mark = meter.start()
    clock.now += 10
    assert meter.stop(mark) == pytest.approx(0.1)


def test_a_helpful_answer_pays_for_the_others() -> None:
    good = Trace("a", 0.0, "", "", "stable", "r", (Message("user", "x"),), (), "stop", completion_tokens=50, cost=2.0)
    traces = [
        good,
        replace(good, id="failed", error="boom"),
        replace(good, id="blocked", verdicts=(Verdict("g", "block"),)),
        replace(good, id="flagged"),
        replace(good, id="praised"),
        replace(good, id="left", finish="cancelled"),
    ]
    said = {
        "flagged": [Feedback("f", "flagged", 0.0, thumb=False)],
        "praised": [Feedback("g", "praised", 0.0, thumb=True)],
    }
    cost = cost_of(traces, said)
    assert (cost.requests, cost.helpful, cost.dollars) == (6, 2, 12.0)
    assert (cost.per_request, cost.per_helpful, cost.per_1k_tokens) == (2.0, 6.0, 40.0)
    assert cost_of([], {}).per_helpful is None
