"""Scoring a forest equals transformers' own forward on each row alone, and proves that sharing is on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.train.conftest import random_groups, sequence
from torch import Tensor

from trimtab.model import lora
from trimtab.train.forest import attention
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.plant import plant
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import Scores, choose_scorer, forest_scorer, plain_scorer
from trimtab.train.objectives import dpo, sft

FLOAT32, FLOAT64 = precision("float32"), precision("float64")


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize("pair", [False, True])
def test_shared_log_probs_and_gradients_equal_transformers_row_by_row(model: Any, pair: bool) -> None:
    groups = random_groups(0, pair=pair)
    plain_batch = plant(groups, 7.0, share=False)
    plain = plain_scorer(model, FLOAT32)(plain_batch)
    sft(plain, plain_batch)[0].backward()  # type: ignore[no-untyped-call]
    expected = gradients(model)
    batch = plant(groups, 7.0)
    shared = forest_scorer(model, FLOAT32)(batch)
    sft(shared, batch)[0].backward()  # type: ignore[no-untyped-call]
    assert batch.processed_tokens < plain_batch.processed_tokens / 2
    assert torch.allclose(shared.logp, plain.logp, atol=1e-4)
    got = gradients(model)
    assert got.keys() == expected.keys()
    for name, grad in got.items():
        assert torch.dist(grad, expected[name], p=float("inf")) <= 1e-4 * max(1.0, float(expected[name].abs().max())), (
            name
        )


def tree(seed: int) -> list[Group]:
    """Eight conversations, in pairs that share a prompt: they part after 40 tokens, after 75, and after 110."""
    random = np.random.default_rng(seed)

    def grow(stem: list[int], length: int) -> list[int]:
        return [*stem, *random.integers(3, 280, length).tolist()]

    root = grow([], 40)
    prompts = [grow(middle, 35) for middle in [grow(root, 35) for _ in range(2)] for _ in range(2)]
    return [
        tuple(sequence(grow(p, n), n, example=f"{i}/{n}", label=sign) for n, sign in ((5, 1), (7, -1)))
        for i, p in enumerate(prompts)
    ]


def depth(batch: Batch) -> int:
    """Most branchings between a token and its root."""
    depths: list[int] = []
    for parent in batch.seg_parent:
        depths.append(0 if parent < 0 else depths[parent] + 1)
    return max(depths)


def dpo_or_sft(name: str, scores: Scores, batch: Batch) -> Tensor:
    reference = torch.linspace(-6, -4, len(scores.logp), dtype=scores.logp.dtype)
    objective = sft if name == "sft" else dpo(0.5)
    return objective(scores, replace(batch, reference_logp=reference))[0]


@pytest.mark.parametrize("name", ["sft", "dpo"])
def test_a_tree_that_branches_at_depth_three_equals_its_rows_alone(model: Any, name: str) -> None:
    """Float32, log-probs and the gradient of every parameter within 1e-4 of transformers on unshared rows."""
    groups = tree(6)
    alone = plant(groups, 4.0, share=False)
    plain = plain_scorer(model, FLOAT32)(alone)
    dpo_or_sft(name, plain, alone).backward()  # type: ignore[no-untyped-call]
    expected = gradients(model)
    batch = plant(groups, 4.0)
    shared = forest_scorer(model, FLOAT32)(batch)
    dpo_or_sft(name, shared, batch).backward()  # type: ignore[no-untyped-call]
    got = gradients(model)
    assert depth(batch) == 3
    assert batch.processed_tokens < alone.processed_tokens / 2.5
    assert torch.allclose(shared.logp, plain.logp, rtol=0, atol=1e-4)
    assert got.keys() == expected.keys() == {name for name, _ in model.named_parameters()}
    for parameter, grad in got.items():
        scale = max(1.0, float(expected[parameter].abs().max()))
        assert float((grad - expected[parameter]).abs().max()) <= 1e-4 * scale, parameter


def test_a_tree_that_forgets_its_ancestors_is_found_out(model: Any) -> None:
    """The equality above can fail: answers that see no ancestor are off by far more than its tolerance."""
    batch = plant(tree(6), 4.0)
    score = forest_scorer(model, FLOAT32)
    start, length = batch.segments.start, batch.segments.length
    ends = tuple(begin + size for begin, size in zip(start, length, strict=True))
    cut = replace(batch.segments, parent=(-1,) * len(start), subtree_end=ends)
    with torch.no_grad():
        off = (score(batch).logp - score(replace(batch, segments=cut)).logp).abs().max()
    assert float(off) > 1e-2


def test_in_float64_they_are_equal_to_twelve_digits(model64: Any) -> None:
    groups = random_groups(1)
    plain = plain_scorer(model64, FLOAT64)(plant(groups, 1.0, share=False))
    shared = forest_scorer(model64, FLOAT64)(plant(groups, 1.0, min_saving=1))
    assert torch.allclose(shared.logp, plain.logp, atol=1e-12)


def test_a_row_does_not_see_the_other_rows(model64: Any) -> None:
    first, *others = random_groups(2)
    score = forest_scorer(model64, FLOAT64)
    alone = score(plant([first], 1.0)).logp
    together = score(plant([first, *others], 1.0)).logp[: len(alone)]
    assert torch.allclose(alone, together, atol=1e-12)


def test_the_padding_token_is_a_token_like_any_other(model64: Any) -> None:
    """``padding_idx`` is often the end of turn: it must be scored, be attended to, and get transformers' gradient."""
    model = model64
    model.model.embed_tokens.padding_idx = 2
    rows = [(sequence([5, 6, 2, 7, 8, 2], 3),), (sequence([5, 6, 9, 7, 8, 2], 3),)]
    batch = plant(rows, 1.0)
    scores = forest_scorer(model, FLOAT64)(batch)
    assert batch.target_ids.tolist().count(2) == 2
    assert abs((scores.logp[0] - scores.logp[3]).item()) > 1e-6
    sft(scores, batch)[0].backward()  # type: ignore[no-untyped-call]
    shared = gradients(model)
    model.set_attn_implementation("sdpa")
    plain_batch = plant(rows, 1.0, share=False)
    sft(plain_scorer(model, FLOAT64)(plain_batch), plain_batch)[0].backward()  # type: ignore[no-untyped-call]
    expected = gradients(model)["model.embed_tokens.weight"]
    assert torch.allclose(shared["model.embed_tokens.weight"], expected, atol=1e-10)


def test_bfloat16_autocast_stays_within_its_noise(model: Any) -> None:
    batch = plant(random_groups(3), 1.0)
    exact = forest_scorer(model, FLOAT32)(batch).logp
    rough = forest_scorer(model, precision("bfloat16"))(batch).logp
    assert rough.dtype == torch.float32
    assert 0 < (exact - rough).abs().mean().item() < 0.2


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_a_wrapped_model_with_fresh_adapters_scores_the_same_bits(model: Any) -> None:
    batch = plant(random_groups(4), 1.0)
    bare = forest_scorer(model, FLOAT32)(batch).logp
    wrapped = forest_scorer(lora(model, 4, 8.0), FLOAT32)(batch).logp
    assert torch.equal(bare, wrapped)


def test_the_forest_is_chosen_where_it_agrees(model: Any) -> None:
    chosen = choose_scorer(model, FLOAT32, random_groups(5, groups=2))
    assert (chosen.share, chosen.reason) == (True, "")


def test_a_model_that_it_cannot_serve_falls_back_and_says_why(model: Any) -> None:
    head = model.lm_head.forward
    model.lm_head.forward = lambda hidden: head(hidden) * 3
    chosen = choose_scorer(model, FLOAT32, random_groups(5, groups=2))
    assert not chosen.share
    assert "log-probs differ" in chosen.reason
    assert model.config._attn_implementation == "sdpa"
    chosen.score(plant(random_groups(5), 1.0, share=False))


def test_attention_that_forgets_ancestors_is_found_out(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is made on a forest that does share: each row alone would still agree."""
    every = attention._blocks
    monkeypatch.setattr(attention, "_blocks", lambda forest: (block for block in every(forest) if block[2]))
    monkeypatch.setattr(attention, "can_attend", lambda *_, **__: False)
    assert not choose_scorer(model, FLOAT32, random_groups(5, groups=2)).share


def test_a_sliding_window_falls_back_and_says_why(model: Any) -> None:
    for layer in model.model.layers:
        own = layer.self_attn.forward
        layer.self_attn.forward = lambda *args, own=own, **kwargs: own(*args, **kwargs, sliding_window=4)
    chosen = choose_scorer(model, FLOAT32, random_groups(5, groups=2))
    assert not chosen.share
    assert "sliding_window" in chosen.reason
