"""Rows of keys and values batch, grow, part and share beginnings without changing what the model says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine.forward import extend
from trimtab.engine.kv import Batch, Row
from trimtab.engine.prefixes import Prefixes, common_length
from trimtab.model import load

Prompts = Callable[..., list[tuple[int, ...]]]


@pytest.fixture(scope="module")
def model(tiny: Path) -> Any:
    return load(tiny)


def fake_row(length: int, mark: float = 0.0) -> Row:
    return Row(tuple((torch.full((2, length, 4), mark), torch.full((2, length, 4), mark)) for _ in range(2)))


@torch.inference_mode()
def test_a_padded_batch_says_what_each_row_says_alone(model: Any, prompts: Prompts) -> None:
    asked = prompts(3, 90, 30)
    rows = [extend(model, None, prompt, keep=1)[0] for prompt in asked]
    batch = Batch(rows)
    fed: list[list[int]] = [list(prompt) for prompt in asked]
    for step in range(70):  # past the room that buffers start with
        tokens = [(7 * step + 11 * b) % 280 + 3 for b in range(3)]
        output = model(
            input_ids=torch.tensor(tokens)[:, None], past_key_values=batch.cache, use_cache=True, **batch.next_inputs()
        )
        for b in range(3):
            fed[b].append(tokens[b])
    for b in range(3):
        plain = model(input_ids=torch.tensor([fed[b]]), use_cache=False).logits[0, -1]
        assert torch.allclose(output.logits[b, -1], plain, atol=1e-4)
    for row, ids in zip(batch.rows(), fed, strict=True):
        exact = extend(model, None, ids, keep=1)[0]
        assert row.length == len(ids)
        assert torch.allclose(row.layers[1][1], exact.layers[1][1], atol=1e-4)


@torch.inference_mode()
def test_extending_a_prefix_leaves_it_as_it_was(model: Any, prompts: Prompts) -> None:
    shared, tail, other = prompts(20, 5, 8)
    row, _ = extend(model, None, shared, keep=1)
    before = row.layers[0][0].clone()
    _, logits = extend(model, row.first(15), shared + tail, keep=3)
    extend(model, row, shared + other, keep=1)
    assert torch.equal(row.layers[0][0], before)
    plain = model(input_ids=torch.tensor([shared + tail]), use_cache=False).logits[0, -3:]
    assert torch.allclose(logits, plain, atol=1e-4)


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6), min_size=1, max_size=6))
def test_the_longest_kept_beginning_is_found(sequences: list[list[int]]) -> None:
    prefixes = Prefixes(budget=1 << 20)
    *kept, asked = sequences
    for ids in kept:
        prefixes.keep(ids, fake_row(len(ids)))
    found = prefixes.find(asked)
    expected = max((min(common_length(ids, asked), len(asked) - 1) for ids in kept), default=0)
    assert (found.length if found else 0) == expected


def test_the_budget_keeps_what_was_used_last() -> None:
    prefixes = Prefixes(budget=2 * fake_row(10).bytes)
    first, second, third = [[n] * 10 for n in range(3)]
    prefixes.keep(first, fake_row(10))
    prefixes.keep(second, fake_row(10))
    assert prefixes.find([*first, 9]) is not None
    prefixes.keep(third, fake_row(10))
    assert prefixes.find([*second, 9]) is None
    assert prefixes.find([*first, 9]) is not None
    assert prefixes.bytes == 2 * fake_row(10).bytes


def test_no_scope_finds_anothers_row_and_none_takes_anothers_place() -> None:
    prefixes = Prefixes(budget=1 << 20)
    prefixes.keep([1, 2, 3], fake_row(3), "acme")
    assert prefixes.find([1, 2, 3, 4], "other") is None
    assert prefixes.find([1, 2, 3, 4]) is None
    prefixes.keep([1, 2, 3, 4], fake_row(4), "other")
    found = prefixes.find([1, 2, 3, 4], "acme")
    assert found is not None
    assert found.length == 3


def test_a_longer_row_takes_the_place_of_its_beginning() -> None:
    prefixes = Prefixes(budget=1 << 20)
    prefixes.keep([1, 2, 3], fake_row(3, 1.0))
    prefixes.keep([1, 2, 3, 4], fake_row(4, 2.0))
    assert prefixes.bytes == fake_row(4).bytes
    found = prefixes.find([1, 2, 3])
    assert found is not None
    assert (found.length, float(found.layers[0][0][0, 0, 0])) == (2, 2.0)
