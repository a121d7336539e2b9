"""Traces and feedback: kept once, queried by release, arm and time, followed by row."""

from dataclasses import replace
from pathlib import Path

import pytest

from trimtab.records import Arm, Feedback, Message, Timing, ToolCall, Trace, Verdict
from trimtab.store import Store, TraceCount


def _trace(id: str, *, time: float = 0.0, arm: Arm = "stable", release: str = "r0", text: str = "hello") -> Trace:
    return Trace(
        id=id,
        time=time,
        tenant="t",
        user="u",
        arm=arm,
        release=release,
        prompt=(Message("user", text),),
        turns=(
            Message("assistant", tool_calls=(ToolCall("search", {"query": text}, "c1"),)),
            Message("tool", "[]", tool_call_id="c1"),
            Message("assistant", text),
        ),
        finish="stop",
        token_ids=(1, 2),
        logprobs=(-0.5, -0.25),
        timing=Timing(0.1, 0.2, 0.01, 1.0),
    )


def test_a_trace_comes_back_as_it_went_even_with_broken_unicode(tmp_path: Path) -> None:
    trace = replace(_trace("a", text="caf\u00e9 \ud83d \U0001f600"), error="boom \udcff")
    with Store.open(tmp_path) as store:
        assert store.traces.add(trace)
        assert store.traces.get("a") == trace
        assert store.traces.get("b") is None


def test_the_first_of_two_with_one_id_stays(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert store.traces.add(_trace("a", text="first"))
        assert not store.traces.add(_trace("a", text="second"))
        assert store.traces.query()[0].prompt[0].content == "first"


def test_queries_agree_with_a_plain_filter(tmp_path: Path) -> None:
    arms: tuple[Arm, Arm] = ("stable", "canary")
    rows = [_trace(str(i), time=float(i), arm=arms[i % 2], release=f"r{i % 3}") for i in range(30)]
    with Store.open(tmp_path) as store:
        assert store.traces.add_all(rows) == 30
        for release in (None, "r1"):
            for arm in (None, *arms):
                for since in (None, 12.0):
                    plain = [
                        row
                        for row in rows
                        if release in (None, row.release) and arm in (None, row.arm) and row.time >= (since or 0)
                    ]
                    assert store.traces.query(release, arm, since) == plain
                    assert store.traces.query(release, arm, since, limit=3) == plain[-3:]


def test_the_stream_is_followed_without_gap_or_repeat(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.traces.add_all(_trace(str(i)) for i in range(5))
        first = store.traces.all(limit=2)
        store.traces.add(_trace("5"))
        rest = store.traces.all(since_rowid=first[-1][0])
        assert [trace.id for _, trace in first + rest] == list("012345")


def test_counts_by_release_and_arm(tmp_path: Path) -> None:
    tripped = replace(_trace("c", arm="canary", release="r1", time=9.0), verdicts=(Verdict("pii", "modify"),))
    with Store.open(tmp_path) as store:
        store.traces.add_all([_trace("a"), replace(_trace("b"), error="boom"), tripped])
        assert store.traces.counts() == [
            TraceCount("r0", "stable", 2, 1, 0),
            TraceCount("r1", "canary", 1, 0, 1),
        ]
        assert [count.release for count in store.traces.counts(since=9.0)] == ["r1"]
        assert store.traces.purge(before=9.0) == 2
        assert [trace.id for trace in store.traces.query()] == ["c"]


@pytest.mark.parametrize("reopen", [False, True])
def test_feedback_is_kept_once(tmp_path: Path, reopen: bool) -> None:
    said = Feedback(id="f1", trace="a", time=1.0, thumb=False, edit="better")
    store = Store.open(tmp_path)
    assert store.feedback.add(said)
    if reopen:
        store.close()
        store = Store.open(tmp_path)
    assert not store.feedback.add(replace(said, thumb=True))
    store.feedback.add(Feedback(id="f2", trace="b", time=2.0, escalated=True))
    assert store.feedback.for_trace("a") == [said]
    rowid = store.feedback.all()[0][0]
    assert [row.id for _, row in store.feedback.all(since_rowid=rowid)] == ["f2"]
    store.close()
