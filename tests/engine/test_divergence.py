"""KL between two models is the textbook sum, however much of it is shared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trimtab.engine import divergence, kl_per_token
from trimtab.model import load, tiny_random_model
from trimtab.records import UserError

Prompts = Callable[..., list[tuple[int, ...]]]
Pairs = list[tuple[tuple[int, ...], tuple[int, ...]]]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("other") / "model", seed=1)


@pytest.fixture
def pairs(prompts: Prompts) -> Pairs:
    """Prompts behind one long beginning, one outside it, two completions of one prompt, one empty."""
    system, a, b, outside = prompts(60, 5, 9, 12)
    one, two, three = prompts(7, 1, 20, seed=1)
    return [(system + a, one), (outside, two), (system + b, three), (system + a, three), (system, ())]


def plain_kl(p: Any, q: Any, prompt: tuple[int, ...], completion: tuple[int, ...]) -> list[float]:
    """The slow twin: whole sequences, float64, the sum spelled out."""
    ids = torch.tensor([prompt + completion])
    with torch.inference_mode():
        log_p, log_q = (model(input_ids=ids, use_cache=False).logits[0].log_softmax(-1) for model in (p, q))
    rows = range(len(prompt) - 1, len(prompt) + len(completion) - 1)
    return [float((log_p[row].exp() * (log_p[row] - log_q[row])).sum()) for row in rows]


def test_kl_is_the_plain_sum(tiny: Path, other: Path, pairs: Pairs) -> None:
    p, q = load(tiny, dtype="float64"), load(other, dtype="float64")
    for found, (prompt, completion) in zip(kl_per_token(tiny, other, pairs, dtype="float64"), pairs, strict=True):
        assert found == pytest.approx(plain_kl(p, q, prompt, completion), rel=1e-9)
    for found, (prompt, completion) in zip(kl_per_token(tiny, other, pairs), pairs, strict=True):
        assert found == pytest.approx(plain_kl(p, q, prompt, completion), rel=1e-4)


def test_kl_is_zero_to_itself_and_has_a_direction(tiny: Path, other: Path, pairs: Pairs) -> None:
    assert max(max(row, default=0.0) for row in kl_per_token(tiny, tiny, pairs)) == pytest.approx(0, abs=1e-6)
    there, back = kl_per_token(tiny, other, pairs), kl_per_token(other, tiny, pairs)
    assert min(min(row, default=1.0) for row in there) > 0
    assert there[0] != pytest.approx(back[0], rel=1e-2)


def test_the_shared_beginning_is_computed_once(tiny: Path, pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    models = [load(tiny), load(tiny)]
    computed: list[int] = []
    for model in models:
        model.register_forward_pre_hook(
            lambda _, args, kwargs: computed.append(kwargs["input_ids"].shape[1]), with_kwargs=True
        )
    monkeypatch.setattr(divergence, "load", lambda folder, dtype: models.pop())
    kl_per_token(tiny, tiny, pairs)
    nodes = {
        ids[: n + 1] for prompt, answer in pairs if answer for ids in [(prompt + answer)[:-1]] for n in range(len(ids))
    }
    again = 1 + 1  # each second completion of a prompt computes the prompt's last row anew: its logits are needed
    assert sum(computed) <= 2 * (len(nodes) + again)
    assert sum(computed) < 2 * sum(len(prompt + answer) for prompt, answer in pairs) / 2


def test_models_without_a_common_vocabulary_have_no_kl(tiny: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = load(tiny)
    model.resize_token_embeddings(320)
    model.save_pretrained(tmp_path / "wide")
    (tmp_path / "wide" / "tokenizer.json").write_bytes((tiny / "tokenizer.json").read_bytes())
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "wide").config.vocab_size == 320
    with pytest.raises(UserError, match="vocabularies differ"):
        kl_per_token(tiny, tmp_path / "wide", [((1,), (2,))])


def test_a_completion_needs_a_prompt(tiny: Path) -> None:
    with pytest.raises(UserError, match="prompt is empty"):
        kl_per_token(tiny, tiny, [((), (2,))])
