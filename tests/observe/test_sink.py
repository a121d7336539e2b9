"""The sink: telemetry never holds what scrub has not seen, the capture holds what harvest needs, and no longer."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from trimtab.observe import CapturePolicy, StoreSink, needs_work
from trimtab.records import Feedback, Message, ToolCall, Trace, Verdict
from trimtab.store import Store

SECRET = "bob@example.com"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def scrub(text: str) -> str:
    return text.replace(SECRET, "<EMAIL_1>")


def _trace(id: str = "t1") -> Trace:
    return Trace(
        id=id,
        time=1000.0,
        tenant="acme",
        user=SECRET,
        arm="stable",
        release="r0",
        prompt=(Message("user", f"I am {SECRET}"),),
        turns=(
            Message("assistant", tool_calls=(ToolCall("lookup", {"who": [{"mail": SECRET}]}, "c1"),)),
            Message("tool", f'{{"mail": "{SECRET}"}}', tool_call_id="c1"),
            Message("assistant", f"Hello {SECRET}", reasoning=f"greet {SECRET}"),
        ),
        finish="stop",
        verdicts=(Verdict("pii", "allow", "R1", f"saw {SECRET}"),),
        token_ids=(1, 2, 3),
        logprobs=(-0.1, -0.2, -0.3),
        error=f"nothing about {SECRET}",
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink(store: Store, clock: Clock) -> StoreSink:
    return StoreSink(store, scrub, CapturePolicy(recent_seconds=100, kept_seconds=1000), clock=clock)


def _leaks(folder: Path) -> bool:
    return any(SECRET.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_no_file_of_the_store_holds_the_secret(sink: StoreSink, store: Store) -> None:
    sink.trace(_trace())
    sink.feedback(Feedback("f1", "t1", 1001.0, user=SECRET, edit=f"Hi {SECRET}", comment=f"not {SECRET}"))
    assert not _leaks(store.folder)
    StoreSink(store, lambda text: text, clock=lambda: 0.0).trace(_trace("t2"))
    assert _leaks(store.folder), "a scrub that does nothing leaks: the check above can fail"


def test_telemetry_keeps_the_shape_and_drops_what_spells_the_text(sink: StoreSink, store: Store) -> None:
    sink.trace(_trace())
    kept = store.traces.get("t1")
    assert kept is not None
    assert kept.prompt[0].content == "I am <EMAIL_1>"
    assert kept.turns[0].tool_calls[0].arguments == {"who": [{"mail": "<EMAIL_1>"}]}
    assert kept.verdicts[0].reason == "saw <EMAIL_1>"
    assert (kept.token_ids, kept.logprobs) == ((), ())
    assert kept.user.startswith("u-")


def test_one_user_has_one_code_in_traces_and_feedback(sink: StoreSink, store: Store) -> None:
    sink.trace(_trace())
    sink.feedback(Feedback("f1", "t1", 1001.0, user=SECRET, thumb=True))
    kept = store.traces.get("t1")
    assert kept is not None
    assert store.feedback.all()[0][1].user == kept.user


def test_a_scrub_that_breaks_withholds_the_text_and_counts_the_request(store: Store) -> None:
    def broken(text: str) -> str:
        raise ValueError(text)

    StoreSink(store, broken, clock=lambda: 0.0).trace(_trace())
    kept = store.traces.get("t1")
    assert kept is not None
    assert kept.prompt[0].content.startswith("[withheld")
    assert not _leaks(store.folder)


def test_what_nobody_questions_is_forgotten_after_the_short_retention(
    sink: StoreSink, store: Store, clock: Clock
) -> None:
    sink.trace(_trace("t1"))
    assert store.capture.get("t1") == _trace("t1")
    assert store.capture.kept() == []
    clock.now += 101
    sink.trace(_trace("t2"))
    assert store.capture.get("t1") is None
    assert store.traces.get("t1") is not None


def test_a_tripped_guard_keeps_the_exact_text_at_once(sink: StoreSink, store: Store, clock: Clock) -> None:
    sink.trace(replace(_trace(), verdicts=(Verdict("pii", "modify"),)))
    clock.now += 999
    sink.trace(_trace("t2"))
    assert [held.trace for held in store.capture.kept()] == ["t1"]
    clock.now += 100
    sink.trace(_trace("t3"))
    assert store.capture.get("t1") is None


@pytest.mark.parametrize(
    "say",
    [
        lambda: Feedback("f", "t1", 0.0, thumb=False),
        lambda: Feedback("f", "t1", 0.0, edit=f"Hello, {SECRET}"),
        lambda: Feedback("f", "t1", 0.0, escalated=True),
        lambda: Feedback("f", "t1", 0.0, severity=2),
    ],
)
@pytest.mark.parametrize("feedback_first", [False, True])
def test_feedback_that_questions_an_answer_keeps_exact_text_and_exact_words(
    sink: StoreSink, store: Store, clock: Clock, say: Callable[[], Feedback], feedback_first: bool
) -> None:
    steps: list[Callable[[], None]] = [lambda: sink.trace(_trace()), lambda: sink.feedback(say())]
    for step in reversed(steps) if feedback_first else steps:
        step()
    clock.now += 500
    sink.trace(_trace("t2"))
    assert store.capture.get("t1") == _trace()
    assert store.capture.feedback("t1") == [say()]
    assert [held.trace for held in store.capture.kept()] == ["t1"]


def test_a_thumb_up_keeps_nothing(sink: StoreSink, store: Store) -> None:
    good = Feedback("f", "t1", 0.0, thumb=True)
    assert not needs_work(good)
    sink.trace(_trace())
    sink.feedback(good)
    assert store.capture.kept() == []
    assert store.capture.feedback("t1") == []


def test_the_same_feedback_twice_is_once(sink: StoreSink, store: Store) -> None:
    sink.trace(_trace())
    for edit in ("first", "second"):
        sink.feedback(Feedback("f", "t1", 0.0, edit=edit))
    assert [said.edit for _, said in store.feedback.all()] == ["first"]
    assert [said.edit for said in store.capture.feedback("t1")] == ["first"]


def test_capture_can_be_switched_off_and_telemetry_can_expire(store: Store, clock: Clock) -> None:
    sink = StoreSink(store, scrub, CapturePolicy(enabled=False, telemetry_seconds=100), clock=clock)
    sink.trace(replace(_trace(), verdicts=(Verdict("pii", "block"),)))
    assert store.capture.held() == []
    clock.now += 101
    sink.trace(replace(_trace("t2"), time=clock.now))
    assert [trace.id for trace in store.traces.query()] == ["t2"]


def test_traces_written_together_are_kept_as_one_by_one(tmp_path: Path, clock: Clock) -> None:
    traces = [replace(_trace(f"t{i}"), verdicts=(Verdict("pii", "block", "R1"),) if i % 2 else ()) for i in range(6)]
    kept = []
    for name in ("together", "apart"):
        with Store.open(tmp_path / name) as store:
            store.feedback.add(Feedback("f", "t4", 1.0, thumb=False))
            sink = StoreSink(store, scrub, CapturePolicy(), clock=clock)
            if name == "together":
                sink.traces(traces)
            else:
                for trace in traces:
                    sink.trace(trace)
            exact = [store.capture.get(trace.id) for trace in traces]
            telemetry = [replace(trace, user="") for trace in store.traces.query()]  # each store has its own pseudonyms
            kept.append((telemetry, exact, store.capture.held()))
    assert kept[0] == kept[1]
    assert [held.trace for held in kept[0][2] if held.kept] == ["t1", "t3", "t4", "t5"]
