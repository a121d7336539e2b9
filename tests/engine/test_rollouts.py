"""Rollouts come from the live weights, are the same whatever runs beside them, and equal transformers' own."""

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from trimtab.engine.rollouts import Draw, RolloutSampler, pick_rows
from trimtab.engine.shadow import Shadow, effective_weight
from trimtab.model import load, lora, tiny_random_model
from trimtab.records import UserError

PROMPTS = [[5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15], [5, 6, 7, 8, 20]]
KEYS = [(0, 3, number) for number in range(3)]
STOP = tuple(range(2, 300, 25))
DRAW = Draw(12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_random_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def model(folder: Path) -> Any:
    return load(folder)


def sampler(model: Any, *, plain: bool = False, **changes: Any) -> RolloutSampler:
    made = RolloutSampler(model, **{"dtype": torch.float32, "stop_ids": STOP, **changes})
    assert made.reason == ""
    if plain:
        made._shadow = None
    return made


def tokens(rollouts: Any) -> list[list[tuple[int, ...]]]:
    return [[rollout.token_ids for rollout in group] for group in rollouts]


def test_the_shadow_decodes_as_transformers_does(model: Any) -> None:
    fast = sampler(model).sample(PROMPTS, KEYS, 4, DRAW)
    slow = sampler(model, plain=True).sample(PROMPTS, KEYS, 4, DRAW)
    assert tokens(fast) == tokens(slow)
    for ours, theirs in zip(chain(*fast), chain(*slow), strict=True):
        assert ours.finish == theirs.finish
        assert ours.logprobs == pytest.approx(theirs.logprobs, abs=1e-4)
    assert {rollout.finish for rollout in chain(*fast)} == {"stop", "length"}


def test_log_probs_are_the_models_own(model: Any) -> None:
    (group,) = sampler(model).sample(PROMPTS[:1], KEYS[:1], 3, DRAW)
    for rollout in group:
        ids = torch.tensor([[*PROMPTS[0], *rollout.token_ids]])
        with torch.no_grad():
            logp = model(ids).logits[0].log_softmax(1)
        rows = logp[len(PROMPTS[0]) - 1 : -1].gather(1, torch.tensor(rollout.token_ids)[:, None])
        assert rollout.logprobs == pytest.approx(rows[:, 0].tolist(), abs=1e-4)


def test_a_rollout_does_not_depend_on_what_is_sampled_beside_it(model: Any) -> None:
    together = tokens(sampler(model).sample(PROMPTS, KEYS, 4, DRAW))
    alone = [tokens(sampler(model).sample([p], [k], 4, DRAW))[0] for p, k in zip(PROMPTS, KEYS, strict=True)]
    fewer = tokens(sampler(model).sample(PROMPTS, KEYS, 2, DRAW))
    waves = tokens(sampler(model, memory_mb=0).sample(PROMPTS, KEYS, 4, DRAW))
    assert together == alone == waves
    assert [group[:2] for group in together] == fewer
    assert tokens(sampler(model).sample(PROMPTS, [(1, 3, n) for n in range(3)], 4, DRAW)) != together


def test_rows_of_a_group_differ_and_prompts_are_prefilled_once(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    own, made = Shadow.prefill, sampler(model)

    def counted(shadow: Shadow, ids: list[int]) -> Any:
        calls.append(len(ids))
        return own(shadow, ids)

    monkeypatch.setattr(Shadow, "prefill", counted)
    groups = tokens(made.sample(PROMPTS, KEYS, 4, DRAW))
    assert calls == [4, 7, 5]
    assert all(len(set(group)) == 4 for group in groups)


def test_the_weights_are_the_live_ones(model: Any) -> None:
    made = sampler(model)
    before = tokens(made.sample(PROMPTS, KEYS, 2, DRAW))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    after = made.sample(PROMPTS, KEYS, 2, DRAW)
    assert tokens(after) != before
    assert tokens(after) == tokens(sampler(model, plain=True).sample(PROMPTS, KEYS, 2, DRAW))


@pytest.mark.parametrize("dora", [False, True])
def test_adapters_are_merged(folder: Path, dora: bool) -> None:
    model: Any = lora(load(folder), 4, 8.0, dora=dora)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.3, generator=random)
            if "magnitude" in name:
                parameter.mul_(1.2)
    fast = sampler(model).sample(PROMPTS, KEYS, 2, DRAW)
    assert tokens(fast) == tokens(sampler(model, plain=True).sample(PROMPTS, KEYS, 2, DRAW))
    module = next(m for m in model.modules() if hasattr(m, "get_delta_weight"))
    merged = effective_weight(module)
    x = torch.randn(3, merged.shape[1], generator=random)
    torch.testing.assert_close(x @ merged.T, module(x), rtol=1e-4, atol=1e-4)


SHAPE: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


@pytest.mark.parametrize(
    "kind", ["qwen2 with biases", "qwen3 with head norms", "many heads, untied", "scaled rotation"]
)
def test_relatives_of_llama_decode_fast(kind: str) -> None:
    torch.manual_seed(0)
    if kind.startswith("qwen2"):
        model: Any = Qwen2ForCausalLM(Qwen2Config(**SHAPE))
    elif kind.startswith("qwen3"):
        model = Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=16))
    elif kind.startswith("many"):
        model = LlamaForCausalLM(LlamaConfig(**{**SHAPE, "num_key_value_heads": 6}, tie_word_embeddings=False))
    else:
        rope = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
        model = LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters=rope))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(1.0 if "norm" in name else 0.0, 0.2)
    fast = sampler(model.eval()).sample(PROMPTS, KEYS, 3, DRAW)
    assert tokens(fast) == tokens(sampler(model, plain=True).sample(PROMPTS, KEYS, 3, DRAW))


def test_a_model_that_means_something_else_falls_back(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Shadow.step
    monkeypatch.setattr(Shadow, "step", lambda self, ids, rows: own(self, ids, rows) * 1.5)
    made = RolloutSampler(model, dtype=torch.float32, stop_ids=STOP)
    assert "differs from the model's own" in made.reason
    monkeypatch.undo()
    assert tokens(made.sample(PROMPTS, KEYS, 2, DRAW)) == tokens(sampler(model).sample(PROMPTS, KEYS, 2, DRAW))


def test_a_model_without_the_parts_falls_back() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=2, n_positions=64)).eval()
    made = RolloutSampler(model, dtype=torch.float32, stop_ids=STOP)
    assert "backbone" in made.reason
    (group,) = made.sample(PROMPTS[:1], KEYS[:1], 3, DRAW)
    assert len({rollout.token_ids for rollout in group}) == 3


def test_greedy_takes_the_likeliest(model: Any) -> None:
    (group,) = sampler(model).sample(PROMPTS[:1], KEYS[:1], 2, Draw(6, temperature=0.0))
    ids = list(PROMPTS[0])
    for token in group[0].token_ids:
        with torch.no_grad():
            assert token == int(model(torch.tensor([ids])).logits[0, -1].argmax())
        ids.append(token)
    assert group[0] == group[1]


def test_the_context_bounds_a_rollout(model: Any) -> None:
    model.config.max_position_embeddings = 8
    groups = RolloutSampler(model, dtype=torch.float32, stop_ids=()).sample(PROMPTS, KEYS, 2, DRAW)
    assert [len(group[0].token_ids) for group in groups] == [4, 1, 3]
    with pytest.raises(UserError, match="8 tokens"):
        sampler(model).sample([[5] * 8], KEYS[:1], 2, DRAW)
    with pytest.raises(UserError, match="0 tokens"):
        sampler(model).sample([[]], KEYS[:1], 2, DRAW)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    temperature=st.sampled_from([0.3, 1.0, 2.0]),
    uniform=st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 1 - 2**-53])),
)
def test_a_draw_inverts_the_distribution(seed: int, temperature: float, uniform: float) -> None:
    random = np.random.default_rng(seed)
    logits = torch.from_numpy(random.normal(0, 4, (2, 12)))
    logits[:, [0, 11]] = -torch.inf
    drawn, logp = pick_rows(logits, torch.tensor([uniform, 0.5], dtype=torch.float64), temperature)
    expected = (logits / temperature).log_softmax(1)
    for row, (token, value) in enumerate(zip(drawn, logp, strict=True)):
        assert value == pytest.approx(float(expected[row, token]), abs=1e-9)
        at, mass = (uniform, 0.5)[row], expected[row].exp()
        below = float(mass[:token].sum())
        assert below - 1e-9 <= at <= below + float(mass[token]) + 1e-9
        assert mass[token] > 0


def test_frequencies_are_the_distributions(model: Any) -> None:
    (group,) = sampler(model).sample(PROMPTS[:1], KEYS[:1], 3000, Draw(1))
    with torch.no_grad():
        mass = model(torch.tensor(PROMPTS[:1])).logits[0, -1].softmax(0)
    seen = torch.bincount(torch.tensor([rollout.token_ids[0] for rollout in group]), minlength=len(mass)) / 3000
    assert float((seen - mass).abs().sum()) < 3 * float((mass * (1 - mass) / 3000).sqrt().sum())
    assert float((seen - mass.roll(1)).abs().sum()) > 3 * float((mass * (1 - mass) / 3000).sqrt().sum())
