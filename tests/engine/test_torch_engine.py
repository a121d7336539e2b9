"""The torch engine is plain transformers, only batched, cached and on a thread of its own."""

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen3NextConfig

from trimtab.engine import Request, Sampling, TorchEngine, Unsupported, generate
from trimtab.engine.kv import check_cacheable
from trimtab.model import load
from trimtab.records import UserError

Prompts = Callable[..., list[tuple[int, ...]]]


def plain_greedy(model: Any, prompt: tuple[int, ...], tokens: int) -> tuple[int, ...]:
    """The slow twin: the whole sequence forward for every token."""
    ids = list(prompt)
    with torch.inference_mode():
        for _ in range(tokens):
            ids.append(int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return tuple(ids[len(prompt) :])


def test_greedy_answers_are_those_of_plain_transformers(
    tiny: Path, torch_engine: TorchEngine, prompts: Prompts
) -> None:
    model: Any = load(tiny)
    asked = prompts(1, 6, 17, 40, 90, 5)
    answers = generate(torch_engine, [Request(prompt, Sampling(max_tokens=14)) for prompt in asked])
    for prompt, answer in zip(asked, answers, strict=True):
        generated = model.generate(torch.tensor([prompt]), max_new_tokens=14, do_sample=False, eos_token_id=None)
        assert answer.token_ids == tuple(generated[0, len(prompt) :].tolist()) == plain_greedy(model, prompt, 14)


def test_scores_are_those_of_one_plain_forward(tiny: Path, torch_engine: TorchEngine, prompts: Prompts) -> None:
    model: Any = load(tiny)
    prompt, completion = prompts(30, 25, seed=1)
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt + completion]), use_cache=False).logits[0]
    plain = logits.log_softmax(-1)[len(prompt) - 1 : -1].gather(1, torch.tensor(completion)[:, None])[:, 0]
    for _ in range(2):  # the second time on the kept prefix
        assert torch_engine.score(prompt, completion) == pytest.approx(plain.tolist(), abs=1e-5)


def test_a_prompt_seen_before_is_not_computed_again(tiny: Path, prompts: Prompts) -> None:
    engine = TorchEngine(tiny)
    lengths: list[int] = []
    model = engine._stepper._model
    model.register_forward_pre_hook(
        lambda _, args, kwargs: lengths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    shared, tail = prompts(50, 4)
    generate(engine, [Request(shared, Sampling(max_tokens=1))])
    generate(engine, [Request(shared + tail, Sampling(max_tokens=1))])
    engine.score(shared + tail, (7, 8))
    assert lengths == [50, 4, 2]
    engine.close()


def test_a_prompt_that_another_scope_has_asked_is_computed_whole(tiny: Path, prompts: Prompts) -> None:
    engine = TorchEngine(tiny)
    lengths: list[int] = []
    engine._stepper._model.register_forward_pre_hook(
        lambda _, args, kwargs: lengths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    (prompt,) = prompts(50)
    for scope in ("acme", "other", "acme"):
        generate(engine, [Request(prompt, Sampling(max_tokens=1), cache_scope=scope)])
    assert lengths == [50, 50, 1]
    assert engine.caps.scoped_cache
    engine.close()


def test_close_joins_the_thread_and_frees_the_weights(tiny: Path, prompts: Prompts) -> None:
    engine = TorchEngine(tiny)
    model, thread = weakref.ref(engine._stepper._model), engine._worker._thread
    generate(engine, [Request(prompts(9)[0], Sampling(max_tokens=3))])
    engine.close()
    engine.close()
    gc.collect()
    assert model() is None
    assert thread not in threading.enumerate()
    (late,) = generate(engine, [Request((5,))])
    assert (late.finish, late.error) == ("error", "the engine is closed")
    with pytest.raises(RuntimeError, match="closed"):
        engine.score((5,), (6,))


def test_a_step_that_fails_ends_its_requests_and_the_engine_goes_on(
    tiny: Path, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TorchEngine(tiny)
    (prompt,) = prompts(9)
    fine = generate(engine, [Request(prompt, Sampling(max_tokens=5))])[0]
    with monkeypatch.context() as patched:
        patched.setattr(engine._stepper, "_joined", lambda: 1 / 0)
        broken = generate(engine, [Request(prompt, Sampling(max_tokens=5))])[0]
    assert broken.finish == "error"
    assert "division" in broken.error
    assert generate(engine, [Request(prompt, Sampling(max_tokens=5))])[0] == fine
    engine.close()


def test_more_requests_than_slots_all_get_their_turn(tiny: Path, torch_engine: TorchEngine, prompts: Prompts) -> None:
    engine = TorchEngine(tiny, capacity=2, threads=1)
    requests = [Request(prompt, Sampling(max_tokens=6)) for prompt in prompts(*range(4, 13))]
    assert [a.token_ids for a in generate(engine, requests)] == [a.token_ids for a in generate(torch_engine, requests)]
    engine.close()


def test_recurrent_layers_are_refused() -> None:
    class Model:
        config = Qwen3NextConfig(num_hidden_layers=4)

    with pytest.raises(Unsupported, match="LinearAttention"):
        check_cacheable(Model())


def test_a_folder_that_is_no_model_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        TorchEngine(tmp_path)
