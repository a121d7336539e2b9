"""Answers of a model in memory: the same as one by one, reproducible, and the model left as it was."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.train.conftest import random_groups

from trimtab.engine.divergence import kl_per_token
from trimtab.model import Dialect, load, save
from trimtab.model.adapters import lora
from trimtab.records import Case, Expected, Message
from trimtab.train.drift.answers import Answers, kl_to, live_answers, own_attention
from trimtab.train.forest.plant import plant
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import forest_scorer

CASES = [
    Case((Message("user", "Is there " + word * n + "?"),), Expected("answer")) for n, word in ((1, "tea"), (9, "a"))
]


def answers_of(folder: Path, **options: Any) -> Answers:
    return live_answers(CASES, Dialect.of(folder), dtype=torch.float32, max_new_tokens=12, **options)


def generated(folder: Path, case: Case) -> tuple[int, ...]:
    """The plain twin: transformers' own greedy generation."""
    dialect, model = Dialect.of(folder), load(folder)
    prompt = torch.tensor([dialect.encode(case.messages, reply=True)])
    found = model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=list(dialect.stop_ids),
    )
    return tuple(found[0, prompt.shape[1] :].tolist())


def moved(folder: Path, model: Any, to: Path) -> Any:
    with torch.no_grad():
        model.lm_head.weight.mul_(1.02)
    save(model, folder, to)
    return model


def test_greedy_answers_are_those_of_transformers_with_their_log_probs(folder: Path, model: Any) -> None:
    for case, one in zip(CASES, answers_of(folder)(model), strict=True):
        assert one.case is case
        assert one.token_ids == generated(folder, case)
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*one.prompt_ids, *one.token_ids]])).logits[0]
        expected = logits.log_softmax(1)[len(one.prompt_ids) - 1 : -1].amax(1)
        assert torch.allclose(torch.tensor(one.logp), expected, atol=1e-4), "greedy takes the likeliest token"


def test_answers_are_those_of_the_weights_as_they_are_now(folder: Path, model: Any) -> None:
    answers = answers_of(folder)
    before = answers(model)
    with torch.no_grad():
        model.lm_head.weight.neg_()
    assert [one.token_ids for one in answers(model)] != [one.token_ids for one in before]
    assert [one.token_ids for one in answers(load(folder))] == [one.token_ids for one in before]


def test_sampling_follows_its_seed_and_leaves_the_global_state(folder: Path, model: Any) -> None:
    def sampled(seed: int) -> list[tuple[int, ...]]:
        return [one.token_ids for one in answers_of(folder, temperature=1.0, seed=seed)(model)]

    before = torch.get_rng_state()
    assert sampled(1) == sampled(1) != sampled(2)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_forest_attention_is_back_afterwards(folder: Path, model: Any) -> None:
    expected = answers_of(folder)(load(folder))
    score = forest_scorer(model, precision("float32"))
    batch = plant(random_groups(0), 1.0)
    with torch.no_grad():
        before = score(batch).logp
        found = answers_of(folder)(model)
        assert torch.equal(score(batch).logp, before)
    assert [one.token_ids for one in found] == [one.token_ids for one in expected]
    with pytest.raises(ZeroDivisionError), own_attention(model):
        raise ZeroDivisionError
    with torch.no_grad():
        assert torch.equal(score(batch).logp, before)


def test_the_kl_is_that_of_the_two_folders(folder: Path, model: Any, tmp_path: Path) -> None:
    answers = answers_of(folder)(model)
    assert all(abs(value) < 1e-6 for values in kl_to(model, load(folder), answers) for value in values)
    forest_scorer(moved(folder, model, tmp_path / "moved"), precision("float32"))
    expected = kl_per_token(tmp_path / "moved", folder, [(one.prompt_ids, one.token_ids) for one in answers])
    found = kl_to(model, load(folder), answers)
    for ours, theirs in zip(found, expected, strict=True):
        assert min(ours) > 0
        assert ours == pytest.approx(theirs, rel=1e-2, abs=1e-5)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_an_adapter_answers_too(folder: Path, model: Any) -> None:
    expected = answers_of(folder)(load(folder))
    wrapped = lora(model, 2, 4, seed=0)
    assert [one.token_ids for one in answers_of(folder)(wrapped)] == [one.token_ids for one in expected]
