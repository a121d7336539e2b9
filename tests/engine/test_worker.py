"""The worker's thread sleeps while idle, loses nobody, and outlives callers and steppers that fail."""

import threading
import time
from collections.abc import Iterable

import pytest

from trimtab.engine import Chunk, Request, Sampling
from trimtab.engine.worker import Slot, Worker


class Counter:
    """A stepper whose requests count up to ``max_tokens``; it can be held before a step, and told to fail."""

    capacity = 3

    def __init__(self) -> None:
        self.left: dict[Slot, int] = {}
        self.go = threading.Event()
        self.go.set()
        self.steps = self.most = 0
        self.fail = ""
        self.closed = False

    def admit(self, slot: Slot) -> Chunk | None:
        if self.fail == "admit":
            raise RuntimeError("cannot admit")
        self.left[slot] = slot.request.sampling.max_tokens
        return None

    def step(self) -> Iterable[tuple[Slot, Chunk]]:
        assert self.go.wait(20)
        self.steps += 1
        self.most = max(self.most, len(self.left))
        if self.fail == "step":
            raise RuntimeError("cannot step")
        for slot in list(self.left):
            self.left[slot] -= 1
            over = self.left[slot] == 0
            if over:
                del self.left[slot]
            yield slot, Chunk((1,), (0.0,), "length" if over else None)

    def drop(self, slot: Slot) -> None:
        if self.fail == "drop":
            raise RuntimeError("cannot drop")
        del self.left[slot]

    def reset(self) -> None:
        self.left.clear()

    def close(self) -> None:
        self.closed = True


class Ear:
    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.some, self.over = threading.Event(), threading.Event()

    def __call__(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.some.set()
        if chunk.finish is not None:
            self.over.set()

    def last(self) -> Chunk:
        assert self.over.wait(20)
        return self.chunks[-1]


@pytest.fixture
def stepper() -> Counter:
    return Counter()


@pytest.fixture
def worker(stepper: Counter) -> Iterable[Worker]:
    worker = Worker(stepper, "test")
    yield worker
    stepper.go.set()
    worker.close()


def ask(worker: Worker, tokens: int = 2) -> tuple[Slot, Ear]:
    ear = Ear()
    return worker.submit(Request((1,), Sampling(max_tokens=tokens)), ear), ear


def test_an_idle_thread_does_nothing(worker: Worker, stepper: Counter) -> None:
    waits = 0
    plain = worker._await_work

    def counted() -> bool:
        nonlocal waits
        waits += 1
        return plain()

    ask(worker)[1].last()
    worker._await_work = counted  # type: ignore[method-assign]
    steps = stepper.steps
    time.sleep(0.15)
    assert (stepper.steps, waits) == (steps, 0)
    assert ask(worker)[1].last().finish == "length"


def test_no_more_run_than_fit_and_all_get_their_turn(worker: Worker, stepper: Counter) -> None:
    stepper.go.clear()
    ears = [ask(worker, tokens)[1] for tokens in (3, 1, 4, 1, 5, 2, 6)]
    stepper.go.set()
    assert [ear.last().finish for ear in ears] == ["length"] * 7
    assert [len(ear.chunks) for ear in ears] == [3, 1, 4, 1, 5, 2, 6]
    assert stepper.most == 3


def test_what_waits_is_cancelled_while_others_run(worker: Worker, stepper: Counter) -> None:
    running = [ask(worker, 10**9) for _ in range(3)]
    slot, ear = ask(worker)
    slot.cancel()
    assert ear.last() == Chunk((), (), "cancelled")
    for handle, _ in running:
        handle.cancel()
    assert {heard.last().finish for _, heard in running} == {"cancelled"}


def test_closing_cancels_what_waits_and_runs(worker: Worker, stepper: Counter) -> None:
    ears = [ask(worker, 10**9)[1] for _ in range(5)]
    worker.close()
    assert {ear.last().finish for ear in ears} == {"cancelled"}
    assert stepper.closed
    assert ask(worker)[1].last().finish == "error"


@pytest.mark.parametrize("where", ["admit", "step"])
def test_a_failing_stepper_is_an_error_and_not_the_end(worker: Worker, stepper: Counter, where: str) -> None:
    stepper.fail = where
    assert ask(worker)[1].last() == Chunk((), (), "error", f"cannot {where}")
    stepper.fail = ""
    assert ask(worker)[1].last().finish == "length"


def test_a_drop_that_fails_leaves_nobody_waiting(worker: Worker, stepper: Counter) -> None:
    slot, ear = ask(worker, 10**9)
    _, other = ask(worker, 10**9)
    assert ear.some.wait(20)
    assert other.some.wait(20)
    stepper.fail = "drop"
    slot.cancel()
    assert ear.last().finish == "cancelled"
    assert other.last().finish == "error"


def test_a_thread_that_dies_leaves_nobody_waiting(stepper: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    stepper.fail = "step"
    monkeypatch.setattr(stepper, "reset", lambda: 1 / 0)
    stepper.go.clear()
    worker = Worker(stepper, "test")
    (_, first), (_, second) = ask(worker), ask(worker)
    waiting = [ask(worker)[1] for _ in range(4)]
    stepper.go.set()
    assert {ear.last().finish for ear in (first, second, *waiting)} == {"error"}
    assert ask(worker)[1].last().finish == "error"
    worker.close()


def test_a_caller_that_fails_loses_only_its_own_request(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Chunk] = []

    def broken(chunk: Chunk) -> None:
        heard.append(chunk)
        raise ValueError("no")

    worker.submit(Request((1,), Sampling(max_tokens=10**9)), broken)
    assert ask(worker, 50)[1].last().finish == "length"
    assert heard[-1].finish == "cancelled"
    assert "failed to take a chunk" in caplog.text


def test_a_call_runs_on_the_thread_and_brings_back_what_happened(worker: Worker) -> None:
    assert worker.call(threading.current_thread) is worker._thread
    assert worker.call(lambda: worker.call(lambda: 5)) == 5
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 / 0)
    worker.close()
    with pytest.raises(RuntimeError, match="closed"):
        worker.call(lambda: 1)
