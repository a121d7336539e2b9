"""The OpenVINO engine gives the trainer's tokens and log-probs, within the floor of its precision."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimtab.engine import FLOORS, OpenVinoEngine, Request, Sampling, TorchEngine, generate, record, replay
from trimtab.engine.openvino_engine import available

pytestmark = pytest.mark.skipif(not available(), reason="openvino-genai is not installed (the openvino extra)")
Prompts = Callable[..., list[tuple[int, ...]]]
GREEDY = Sampling(max_tokens=12)


def test_greedy_answers_are_the_torch_engines(
    torch_engine: TorchEngine, openvino_engine: OpenVinoEngine, prompts: Prompts
) -> None:
    requests = [Request(prompt, GREEDY) for prompt in prompts(4, 33, 70, 600, seed=1)]
    for ours, theirs in zip(generate(openvino_engine, requests), generate(torch_engine, requests), strict=True):
        assert ours.token_ids == theirs.token_ids
        assert ours.logprobs == pytest.approx(theirs.logprobs, abs=1e-3)


def test_scores_are_the_torch_engines_however_much_is_cached(
    torch_engine: TorchEngine, openvino_engine: OpenVinoEngine, prompts: Prompts
) -> None:
    prompt, completion, other = prompts(540, 30, 30, seed=2)
    exact = [torch_engine.score(prompt, completion), torch_engine.score(prompt, other)]
    cold = openvino_engine.score(prompt, completion)
    warm = openvino_engine.score_many([(prompt, completion), (prompt, other)])
    assert cold == pytest.approx(exact[0], abs=1e-3)
    for ours, theirs in zip(warm, exact, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3)


def test_only_what_the_prefix_cache_hides_is_scored_apart(
    openvino_engine: OpenVinoEngine, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart: list[int] = []
    plain = OpenVinoEngine._score_apart

    def counted(engine: OpenVinoEngine, pairs: Any) -> Any:
        apart.append(len(pairs))
        return plain(engine, pairs)

    monkeypatch.setattr(OpenVinoEngine, "_score_apart", counted)
    prompt, completion, other = prompts(70, 9, 9, seed=3)
    openvino_engine.score(prompt, completion)
    assert apart == []
    openvino_engine.score_many([(prompt, completion), (prompt, other)])
    assert apart == [1]


def test_without_a_prefix_cache_nothing_that_was_asked_before_is_hidden(
    tiny: Path, tmp_path: Path, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OpenVinoEngine(tiny, precision="f32", workdir=tmp_path, prefix_cache=False)
    monkeypatch.setattr(OpenVinoEngine, "_score_apart", None)
    prompt, completion = prompts(70, 9, seed=3)
    assert engine.score(prompt, completion) == engine.score(prompt, completion)
    assert engine.caps.scoped_cache
    engine.close()


def test_bf16_stays_within_a_coarser_floor(
    tiny: Path, tmp_path: Path, torch_engine: TorchEngine, prompts: Prompts
) -> None:
    engine = OpenVinoEngine(tiny, precision="bf16", workdir=tmp_path)
    fixed = [(prompt, answer) for prompt, answer in zip(prompts(20, 40), prompts(30, 30, seed=9), strict=True)]
    gap = replay(engine, record(torch_engine, fixed))
    assert gap.same_weights
    assert gap.mean < 10 * FLOORS["bf16"]  # the tiny model's wild weights make every rounding louder
    engine.close()


def test_close_joins_the_thread(tiny: Path, tmp_path: Path) -> None:
    engine = OpenVinoEngine(tiny, precision="f32", workdir=tmp_path)
    thread = engine._worker._thread
    engine.close()
    engine.close()
    assert thread not in threading.enumerate()
    assert generate(engine, [Request((5,))])[0].finish == "error"


def test_a_pipeline_that_fails_in_a_step_is_opened_anew(tiny: Path, tmp_path: Path, prompts: Prompts) -> None:
    class Broken:
        def __init__(self, pipeline: Any) -> None:
            self.pipeline = pipeline

        def add_request(self, *args: Any) -> Any:
            return self.pipeline.add_request(*args)

        def step(self) -> None:
            raise RuntimeError("the pipeline broke")

    engine = OpenVinoEngine(tiny, precision="f32", workdir=tmp_path)
    stepper: Any = engine._worker._stepper
    (prompt,) = prompts(9)
    fine = generate(engine, [Request(prompt, GREEDY)])[0]
    stepper._pipeline = Broken(stepper._pipeline)
    broken = generate(engine, [Request(prompt, GREEDY)])[0]
    assert (broken.finish, broken.error) == ("error", "the pipeline broke")
    assert generate(engine, [Request(prompt, GREEDY)])[0] == fine
    engine.close()
