"""The fast attention equals the plain masked one, values and gradients, on any forest."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.conftest import random_groups
from torch import Tensor

from trimtab.records import UserError
from trimtab.train.forest.attention import attend_by_mask, attend_in_pieces, forest_attention
from trimtab.train.forest.batch import Segments
from trimtab.train.forest.plant import plant

Attend = Callable[[Tensor, Tensor, Tensor, Segments, float], Tensor]


def forests(draw: st.DrawFn) -> Segments:
    """Any depth-first forest of up to seven segments."""
    count = draw(st.integers(1, 7))
    length = [draw(st.integers(1, 40)) for _ in range(count)]
    parent: list[int] = []
    for index in range(count):
        path = [-1]
        above = index - 1
        while above >= 0:
            path.append(above)
            above = parent[above]
        parent.append(draw(st.sampled_from(path)))
    start = [sum(length[:index]) for index in range(count)]
    ends = [start[index] + length[index] for index in range(count)]
    for index in reversed(range(count)):
        if parent[index] >= 0:
            ends[parent[index]] = max(ends[parent[index]], ends[index])
    return Segments(tuple(start), tuple(length), tuple(parent), tuple(ends))


def outputs(attend: Attend, forest: Segments, heads: int, dtype: torch.dtype) -> list[Tensor]:
    """Output and the three gradients for fixed random inputs."""
    torch.manual_seed(0)
    total = sum(forest.length)
    query = torch.randn(1, 4, total, 8, dtype=dtype, requires_grad=True)
    key = torch.randn(1, heads, total, 8, dtype=dtype, requires_grad=True)
    value = torch.randn(1, heads, total, 8, dtype=dtype, requires_grad=True)
    out = attend(query, key, value, forest, 0.4)
    return [out, *torch.autograd.grad(out, (query, key, value), torch.randn(out.shape, dtype=dtype))]


@settings(deadline=None, max_examples=40)
@given(st.composite(forests)(), st.sampled_from([1, 2, 4]))
def test_pieces_equal_the_masked_twin(forest: Segments, heads: int) -> None:
    fast = outputs(attend_in_pieces, forest, heads, torch.float64)
    plain = outputs(attend_by_mask, forest, heads, torch.float64)
    for got, expected in zip(fast, plain, strict=True):
        assert torch.allclose(got, expected, atol=1e-12, rtol=1e-10)


def test_a_wrong_tree_is_seen() -> None:
    right = Segments((0, 5, 9), (5, 4, 6), (-1, 0, 0), (15, 9, 15))
    wrong = Segments((0, 5, 9), (5, 4, 6), (-1, 0, 1), (15, 15, 15))
    assert not torch.allclose(
        outputs(attend_in_pieces, right, 2, torch.float64)[0], outputs(attend_by_mask, wrong, 2, torch.float64)[0]
    )


def test_bfloat16_inputs_are_attended_in_float32_and_rounded_once() -> None:
    forest = plant(random_groups(0), 1.0).segments
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, heads, sum(forest.length), 8).bfloat16() for heads in (4, 2, 2))
    module = torch.nn.Module()
    out, _ = forest_attention(module, query, key, value, None, forest=forest)
    wide = attend_by_mask(query.float(), key.float(), value.float(), forest, 8**-0.5)
    assert out.dtype == torch.bfloat16
    once = torch.isclose(out.float(), wide.transpose(1, 2).bfloat16().float(), rtol=0, atol=0)
    assert float(once.double().mean()) > 0.99  # the kernel's own last bit moves a value over a rounding border
    assert torch.allclose(out.float(), wide.transpose(1, 2), rtol=2**-8, atol=1e-5)


def test_attention_that_a_forest_cannot_express_is_refused() -> None:
    tensor = torch.randn(1, 2, 3, 8)
    forest = Segments((0,), (3,), (-1,), (3,))
    with pytest.raises(UserError, match="sliding_window"):
        forest_attention(torch.nn.Module(), tensor, tensor, tensor, None, forest=forest, sliding_window=2)


def test_without_a_forest_it_never_runs_bidirectionally() -> None:
    tensor = torch.randn(1, 2, 3, 8)
    with pytest.raises(AssertionError, match="without a forest"):
        forest_attention(torch.nn.Module(), tensor, tensor, tensor, None)
