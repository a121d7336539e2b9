"""An engine in a process of its own: the same answers, and an end that leaves nobody waiting."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.engine import Chunk, Form, Request, Sampling, Speculation, TorchEngine, Unsupported, generate
from trimtab.engine.apart import ApartEngine
from trimtab.engine.constraint import Constraint
from trimtab.model import tiny_random_model
from trimtab.records import UserError

REQUESTS = [Request(tuple(range(5, 5 + n)), Sampling(max_tokens=n, temperature=n % 2, seed=n)) for n in (3, 6, 9)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("apart") / "tiny")


@pytest.fixture(scope="module")
def apart(folder: Path) -> Iterator[ApartEngine]:
    engine = ApartEngine("torch", folder)
    yield engine
    engine.close()


def test_it_answers_and_scores_as_the_engine_itself(apart: ApartEngine, folder: Path) -> None:
    plain = TorchEngine(folder)
    try:
        for request in REQUESTS:  # one at a time: who joins a batch when changes the last bits
            assert generate(apart, [request]) == generate(plain, [request])
        assert apart.score((5, 6), (7, 8)) == plain.score((5, 6), (7, 8))
        assert (apart.caps, apart.weights) == (plain.caps, plain.weights)
    finally:
        plain.close()


def test_what_opening_raises_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="config"):
        ApartEngine("torch", tmp_path)


def test_what_a_method_raises_is_raised_here(apart: ApartEngine) -> None:
    with pytest.raises(UserError, match="prompt"):
        apart.score((), (7,))


def test_a_constraint_that_is_wrong_is_refused_at_once(apart: ApartEngine) -> None:
    constraint = Constraint(answer=Form("regex", "("))
    with pytest.raises((UserError, Unsupported)):
        apart.submit(Request((5, 6), constraint=constraint), lambda chunk: None)


def test_a_cancelled_request_ends_as_cancelled(apart: ApartEngine) -> None:
    first, ended, finishes = threading.Event(), threading.Event(), []

    def take(chunk: Chunk) -> None:
        first.set()
        if chunk.finish is not None:
            finishes.append(chunk.finish)
            ended.set()

    handle = apart.submit(Request((5, 6), Sampling(max_tokens=200)), take)
    assert first.wait(20)
    handle.cancel()
    assert ended.wait(20)
    assert finishes in (["cancelled"], ["length"])
    handle.cancel()  # does nothing any more


def test_a_caller_that_fails_to_take_a_chunk_loses_its_own_request_alone(apart: ApartEngine) -> None:
    def fail(chunk: Chunk) -> None:
        raise RuntimeError("no")

    apart.submit(REQUESTS[0], fail)
    assert generate(apart, REQUESTS)[1].finish == "length"


def test_a_killed_process_fails_what_runs_and_what_comes_and_says_why(folder: Path) -> None:
    engine = ApartEngine("torch", folder)
    started, ended, last = threading.Event(), threading.Event(), []

    def take(chunk: Chunk) -> None:
        started.set()
        if chunk.finish is not None:
            last.append(chunk)
            ended.set()

    engine.submit(Request((5, 6), Sampling(max_tokens=400)), take)
    assert started.wait(20)
    os.kill(engine.pid, signal.SIGKILL)
    assert ended.wait(20)
    assert last[0].finish in ("error", "length")
    (late,) = generate(engine, REQUESTS[:1])
    assert late.finish == "error"
    assert "signal 9" in late.error
    assert not engine.alive
    with pytest.raises(RuntimeError, match="signal 9"):
        engine.score((5,), (6,))
    engine.close()


def test_it_ends_with_the_process_that_opened_it(folder: Path) -> None:
    engine = ApartEngine("torch", folder)
    pid = engine.pid
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    (late,) = generate(engine, REQUESTS[:1])
    assert (late.finish, late.error) == ("cancelled", "")


def test_it_knows_what_was_guessed_ahead_without_asking(folder: Path) -> None:
    request = Request((5, 6, 7) * 6, Sampling(max_tokens=24))
    apart = ApartEngine("torch", folder, speculation=Speculation("lookup"))
    plain = TorchEngine(folder, speculation=Speculation("lookup"))
    try:
        assert generate(apart, [request]) == generate(plain, [request])
        assert apart.counts == plain.counts
        assert plain.counts.proposed > 0
    finally:
        apart.close()
        plain.close()
