"""A way of guessing is served only where its own measurement shows that it wins, and that it changes no answer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine import Caps, Chunk, Counts, Handle, Request, Sampling, Speculation, TorchEngine
from trimtab.engine.trial import FLOOR, Trial, decide, measure

WON = Trial("lookup", 1, 8, 320, 8, 8, 12.0, 8.0, 24.0, 15.0, 160, 312, 300, 152, 800)


class Mock:
    """An engine that answers at once; each answer moves its clock by ``seconds``."""

    def __init__(self, clock: list[float], seconds: float, answer: tuple[int, ...] = (7, 8)) -> None:
        self.caps, self.weights = Caps("mock"), "w"
        self.counts = Counts()
        self._clock, self._seconds, self._answer = clock, seconds, answer

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> Handle:
        self._clock[0] += self._seconds
        self.counts.turns += 1
        self.counts.emitted += len(self._answer)
        on_chunk(Chunk(self._answer, (0.0,) * len(self._answer), "length" if self._answer else "error", "broken"))
        return self

    def cancel(self) -> None: ...

    def close(self) -> None: ...

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        return [0.0 for _ in completion_ids]


def took(seconds: float, **changes: object) -> Trial:
    return replace(WON, plain_seconds=1.0, seconds=seconds, **changes)  # type: ignore[arg-type]


def test_nothing_measured_is_no_guessing() -> None:
    assert decide([]) == ""


def test_the_floor_is_the_border() -> None:
    assert decide([took(1 / FLOOR - 1e-9)]) == "lookup"
    assert decide([took(1 / FLOOR + 1e-6)]) == ""


def test_a_way_must_win_at_every_concurrency() -> None:
    assert decide([took(0.5), took(0.9, concurrency=8)]) == "lookup"
    assert decide([took(0.5), took(1.1, concurrency=8)]) == ""


def test_of_two_that_win_the_better_worst_is_taken() -> None:
    lookup = [took(0.5), took(0.9, concurrency=8)]
    draft = [took(0.8, way="draft"), took(0.8, way="draft", concurrency=8)]
    assert decide(lookup + draft) == decide(draft + lookup) == "draft"


def test_a_way_that_changes_answers_is_never_taken() -> None:
    assert decide([took(0.1, identical=7)]) == ""
    assert decide([took(0.1, identical=7, steady=7)]) == "lookup"  # the plain engine itself rounds as often
    assert decide([took(0.1, identical=0, steady=0, requests=0)]) == ""


@given(st.lists(st.tuples(st.sampled_from(["lookup", "draft"]), st.floats(0.1, 3.0), st.integers(6, 8)), max_size=6))
def test_whatever_is_chosen_has_won_everywhere_and_changed_nothing(rows: list[tuple[str, float, int]]) -> None:
    trials = [took(seconds, way=way, identical=same) for way, seconds, same in rows]
    chosen = decide(trials)
    own = [trial for trial in trials if trial.way == chosen]
    assert all(trial.speedup >= FLOOR and trial.identical >= trial.steady for trial in own)
    assert bool(own) == bool(chosen)


def test_a_trial_survives_json_and_reads_its_ratios() -> None:
    assert Trial.from_json(WON.to_json()) == WON
    assert (WON.speedup, WON.acceptance, WON.forwards_a_token) == (1.5, 152 / 300, 160 / 312)
    assert WON.work_a_token == 800 / 312
    empty = replace(WON, seconds=0.0, emitted=0, proposed=0)
    assert (empty.speedup, empty.acceptance, empty.forwards_a_token, empty.work_a_token) == (0.0, 0.0, 1.0, 1.0)


def test_measuring_counts_wall_time_answers_and_only_its_own_turns() -> None:
    clock = [0.0]
    plain, fast, wrong = Mock(clock, 3.0), Mock(clock, 2.0), Mock(clock, 1.0, (7, 9))
    requests = [Request((1,)), Request((2,)), Request((3,))]
    trials = measure(
        plain, {"lookup": fast, "draft": wrong}, requests, (1,), wall=lambda: clock[0], cpu=lambda: clock[0]
    )
    assert [(t.way, t.plain_seconds, t.seconds, t.identical, t.steady, t.turns) for t in trials] == [
        ("lookup", 9.0, 6.0, 3, 3, 3),
        ("draft", 9.0, 3.0, 0, 3, 3),
    ]
    assert decide(trials) == "lookup"


def test_measuring_needs_requests_and_engines_that_answer() -> None:
    clock = [0.0]
    with pytest.raises(ValueError, match="no request"):
        measure(Mock(clock, 1.0), {}, [])
    with pytest.raises(RuntimeError, match="broken"):
        measure(Mock(clock, 1.0, ()), {}, [Request((1,))])


def test_a_real_engine_is_measured_with_its_counts(tiny: Path, torch_engine: TorchEngine) -> None:
    fast = TorchEngine(tiny, speculation=Speculation())
    try:
        requests = [Request((5, 6, 7) * 4, Sampling(max_tokens=8)), Request((9,), Sampling(max_tokens=8))]
        for trial in measure(torch_engine, {"lookup": fast}, requests, (1, 2)):
            assert trial.identical == trial.requests == 2
            assert trial.emitted == trial.tokens - 2  # each request's first token is its prompt's
            assert trial.verified >= trial.turns
    finally:
        fast.close()
