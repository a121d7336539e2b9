"""Min-K%++ is its formula, and a model overtrained on the cases gives itself away where a clean one does not."""

import math
import random
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine.moments import moments_of, token_moments
from trimtab.evaluate import membership, min_k_plus_plus
from trimtab.model import load, load_tokenizer, save, tiny_random_model


class Moment(NamedTuple):
    logp: float
    mean: float
    std: float


def slow(rows: list[list[float]], tokens: list[int], share: float) -> float:
    """The plain twin: the paper's formula, one number at a time."""
    scores = []
    for logits, token in zip(rows, tokens, strict=True):
        total = sum(math.exp(one) for one in logits)
        logp = [one - math.log(total) for one in logits]
        mean = sum(math.exp(one) * one for one in logp)
        variance = sum(math.exp(one) * (one - mean) ** 2 for one in logp)
        scores.append((logp[token] - mean) / max(math.sqrt(variance), 1e-6))
    kept = sorted(scores)[: max(1, int(len(scores) * share))]
    return sum(kept) / len(kept)


@given(st.data())
def test_min_k_plus_plus_is_the_papers_formula(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 9))
    logit = st.floats(-5, 5, width=32)
    rows = data.draw(st.lists(st.lists(logit, min_size=4, max_size=4), min_size=size, max_size=size))
    tokens = data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    share = data.draw(st.sampled_from([0.1, 0.2, 0.5, 1.0]))
    found = min_k_plus_plus(moments_of(torch.tensor(rows, dtype=torch.float64), torch.tensor(tokens)), share)
    expected = slow(rows, tokens, share)
    if min(max(row) - min(row) for row in rows) > 1e-2:  # a flat row has no spread to divide by
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_a_token_that_cannot_be_makes_no_nan() -> None:
    (moment,) = moments_of(torch.tensor([[0.0, 1.0, -math.inf]]), torch.tensor([1]))
    assert all(map(math.isfinite, moment))


def test_no_token_and_too_few_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="one token"):
        min_k_plus_plus([])
    one = [[Moment(-1.0, -1.0, 1.0)]]
    with pytest.raises(ValueError, match="two texts"):
        membership((one, one), (one, one))


def test_overtrained_on_the_cases_it_rises_and_clean_it_does_not(tmp_path: Path) -> None:
    base = tiny_random_model(tmp_path / "base", seed=3)
    sealed, reference, other = texts(1), texts(2), texts(3)
    guilty = overtrained(base, sealed, tmp_path / "guilty")
    clean = overtrained(base, other, tmp_path / "clean")
    tokenizer = load_tokenizer(base)
    ids = [
        [list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids) for text in group]
        for group in (sealed, reference)
    ]
    scored = {
        folder.name: (token_moments(folder, ids[0]), token_moments(folder, ids[1])) for folder in (base, guilty, clean)
    }
    seen, unseen = membership(scored["guilty"], scored["base"]), membership(scored["clean"], scored["base"])
    assert seen.release.low > 0.8
    assert seen.gap.low > 0.2
    assert unseen.release.low < 0.5 < unseen.release.high
    assert unseen.gap.low < 0 < unseen.gap.high
    assert "AUC" in seen.sentences()[0]
    assert seen.to_json()["release"]["value"] == round(seen.release.value, 6)


def texts(seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join("".join(draw.choices("abcdefghij", k=4)) for _ in range(6)) for _ in range(12)]


def overtrained(base: Path, taught: list[str], target: Path) -> Path:
    torch.manual_seed(0)
    model, tokenizer = load(base, dtype="float32"), load_tokenizer(base)
    batch = [torch.tensor([tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids]) for text in taught]
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(25):
        for ids in batch:
            optimiser.zero_grad()
            model(input_ids=ids, labels=ids).loss.backward()
            optimiser.step()
    return save(model.eval(), base, target)
