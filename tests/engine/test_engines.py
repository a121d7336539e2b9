"""What every engine promises: the same answer whatever runs beside it, exact scores, slots that are freed."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from trimtab.engine import Chunk, Completion, Engine, OpenVinoEngine, Request, Sampling, TorchEngine, generate
from trimtab.records import UserError

Prompts = Callable[..., list[tuple[int, ...]]]
GREEDY = Sampling(max_tokens=10)


class Heard:
    """Keeps a request's chunks; ``over`` is set at the last, ``some`` at the first."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.some, self.over = threading.Event(), threading.Event()

    def __call__(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.some.set()
        if chunk.finish is not None:
            self.over.set()

    def finish(self) -> str | None:
        assert self.over.wait(20), "the request never ended"
        return self.chunks[-1].finish


def greedy_alone(engine: Engine, prompts: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return [generate(engine, [Request(prompt, GREEDY)])[0].token_ids for prompt in prompts]


def test_batching_and_order_do_not_change_greedy_answers(engine: Engine, prompts: Prompts) -> None:
    asked = prompts(5, 31, 9, 64, 1, 40)
    alone = greedy_alone(engine, asked)
    for seed in range(3):
        order = random.Random(seed).sample(range(len(asked)), len(asked))
        answers = generate(engine, [Request(asked[i], GREEDY) for i in order])
        assert [answer.token_ids for answer in answers] == [alone[i] for i in order]


def test_joining_and_leaving_others_do_not_change_greedy_answers(engine: Engine, prompts: Prompts) -> None:
    first, *others = prompts(20, 33, 7, 12, seed=1)
    (alone,) = greedy_alone(engine, [first])
    heard, noise = Heard(), [Heard() for _ in others]
    engine.submit(Request(first, GREEDY), heard)
    handles = []
    for prompt, ear in zip(others, noise, strict=True):
        handles.append(engine.submit(Request(prompt, Sampling(max_tokens=500)), ear))
        ear.some.wait(20)
        handles[-1].cancel()
    assert heard.finish() == "length"
    assert tuple(token for chunk in heard.chunks for token in chunk.token_ids) == alone
    assert {ear.finish() for ear in noise} <= {"cancelled", "length"}


def test_prompts_that_begin_alike_get_what_they_get_alone(engine: Engine, prompts: Prompts) -> None:
    shared, *tails = prompts(70, 3, 20, 1, 8, seed=2)
    asked = [shared + tail for tail in tails]
    together = [answer.token_ids for answer in generate(engine, [Request(prompt, GREEDY) for prompt in asked])]
    assert together == greedy_alone(engine, asked) == greedy_alone(engine, asked[::-1])[::-1]


def test_the_same_seed_draws_the_same_whatever_runs_beside_it(engine: Engine, prompts: Prompts) -> None:
    prompt, other = prompts(12, 30, seed=3)
    draw = Sampling(max_tokens=12, temperature=0.8, top_p=0.95, seed=5)
    alone = generate(engine, [Request(prompt, draw)])[0]
    requests = [Request(other, replace(draw, seed=6)), Request(prompt, draw), Request(prompt, replace(draw, seed=7))]
    crowd = generate(engine, requests)
    assert crowd[1].token_ids == alone.token_ids != crowd[2].token_ids


def test_draws_follow_the_temperature(engine: Engine, prompts: Prompts) -> None:
    (prompt,) = prompts(12, seed=4)
    (greedy,) = greedy_alone(engine, [prompt])
    cold = generate(engine, [Request(prompt, Sampling(10, temperature=1e-3, seed=s)) for s in range(4)])
    hot = generate(engine, [Request(prompt, Sampling(10, temperature=3.0, seed=s)) for s in range(4)])
    assert {answer.token_ids for answer in cold} == {greedy}
    assert len({answer.token_ids for answer in hot}) == 4


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(10, temperature=0.5, top_p=0.9, seed=1)])
def test_log_probs_are_the_models_own_and_equal_the_score(engine: Engine, prompts: Prompts, sampling: Sampling) -> None:
    for prompt in prompts(3, 50, seed=5):
        answer = generate(engine, [Request(prompt, sampling)])[0]
        assert engine.score(prompt, answer.token_ids) == pytest.approx(answer.logprobs, abs=1e-4)


def test_a_stop_id_ends_the_answer_and_is_part_of_it(engine: Engine, prompts: Prompts) -> None:
    (prompt,) = prompts(15, seed=6)
    (free,) = greedy_alone(engine, [prompt])
    stopped = generate(engine, [Request(prompt, replace(GREEDY, stop_ids=(free[4], 299)))])[0]
    assert stopped.token_ids == free[: free.index(free[4]) + 1]
    assert (stopped.finish, len(stopped.logprobs)) == ("stop", len(stopped.token_ids))


def test_without_stop_ids_nothing_but_length_ends_an_answer(engine: Engine, prompts: Prompts) -> None:
    answers = generate(
        engine, [Request(prompt, Sampling(64, 1.5, seed=i)) for i, prompt in enumerate(prompts(*[8] * 6))]
    )
    assert {(answer.finish, len(answer.token_ids)) for answer in answers} == {("length", 64)}


def test_cancelling_frees_the_slot_and_says_so(engine: Engine, prompts: Prompts) -> None:
    heard = [Heard() for _ in range(3)]
    for ear, prompt in zip(heard, prompts(10, 11, 12), strict=True):
        handle = engine.submit(Request(prompt, Sampling(max_tokens=4000)), ear)
        assert ear.some.wait(20)
        handle.cancel()
        assert ear.finish() == "cancelled"
        handle.cancel()  # and again does nothing
    assert [answer.finish for answer in generate(engine, [Request(p, GREEDY) for p in prompts(4, 5)])] == ["length"] * 2
    assert isinstance(engine, TorchEngine | OpenVinoEngine)
    assert engine._worker.idle


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(()), "empty"),
        (Request((1, 2, 100_000)), "vocabulary"),
        (Request((-1,)), "vocabulary"),
        (Request((5,) * 4096), "context"),
        (Request((5,), Sampling(max_tokens=0)), "max_tokens"),
        (Request((5,), Sampling(temperature=-1.0)), "temperature"),
        (Request((5,), Sampling(top_p=0.0)), "top_p"),
    ],
)
def test_a_request_that_cannot_run_fails_alone(engine: Engine, prompts: Prompts, request_: Request, words: str) -> None:
    (prompt,) = prompts(9)
    good, bad = generate(engine, [Request(prompt, GREEDY), request_])
    assert good.finish == "length"
    assert (bad.finish, bad.token_ids) == ("error", ())
    assert words in bad.error


def test_an_answer_ends_where_the_context_does(engine: Engine) -> None:
    answer = generate(engine, [Request((5,) * 4090, Sampling(max_tokens=50))])[0]
    assert (answer.finish, len(answer.token_ids)) == ("length", 6)


def test_scoring_needs_a_prompt_and_may_fill_the_context(engine: Engine) -> None:
    with pytest.raises(UserError, match="prompt is empty"):
        engine.score((), (5,))
    with pytest.raises(UserError, match="context"):
        engine.score((5,) * 4090, (6,) * 7)
    assert len(engine.score((5,) * 4090, (6,) * 6)) == 6
    assert engine.score((5, 6), ()) == []


def test_scores_stay_the_same_while_the_engine_is_busy(engine: Engine, prompts: Prompts) -> None:
    prompt, completion, other = prompts(10, 40, 20, seed=7)
    quiet = engine.score(prompt, completion)
    heard = Heard()
    handle = engine.submit(Request(other, Sampling(max_tokens=2000)), heard)
    assert heard.some.wait(20)
    assert engine.score(prompt, completion) == pytest.approx(quiet, abs=1e-5)
    handle.cancel()
    assert heard.finish() in ("cancelled", "length")  # a slow machine may have scored for longer


def test_many_threads_may_submit_at_once(engine: Engine, prompts: Prompts) -> None:
    asked = prompts(*range(3, 15), seed=8)
    alone = greedy_alone(engine, asked)
    found: dict[int, Completion] = {}

    def ask(i: int) -> None:
        found[i] = generate(engine, [Request(asked[i], GREEDY)])[0]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [found[i].token_ids for i in range(len(asked))] == alone


def test_completions_name_their_weights(engine: Engine, torch_engine: TorchEngine, prompts: Prompts) -> None:
    (prompt,) = prompts(4)
    assert generate(engine, [Request(prompt, GREEDY)])[0].weights == torch_engine.weights
