"""The compiled attention equals the plain masked one, rotation included, values and gradients, on any forest."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.forest.test_attention import forests
from torch import Tensor

from trimtab.train.forest.attention import attend_by_mask
from trimtab.train.forest.batch import Segments
from trimtab.train.forest.kernels import attend, can_attend, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"no kernels here: {why_not()}")
SCALE = 0.3
DEEP = Segments((0, 50, 99, 100, 150), (50, 49, 1, 50, 3), (-1, 0, 1, 1, -1), (150, 150, 100, 150, 153))


def inputs(forest: Segments, groups: int, size: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Queries, keys, values of four query heads and a gradient."""
    torch.manual_seed(0)
    shapes = [(sum(forest.length), heads, size) for heads in (4, groups, groups, 4)]
    return [torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


def angles(forest: Segments, size: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    angle = torch.rand(sum(forest.length), size // 2).mul(6).repeat(1, 2)
    return angle.cos(), angle.sin()


def plain(query: Tensor, key: Tensor, value: Tensor, forest: Segments, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
    """In float64 from rotation to output."""
    heads = [x.double() for x in (query, key, value)]
    if rotary is not None:
        cos, sin = (x.double().unsqueeze(1) for x in rotary)
        for at in (0, 1):
            low, high = heads[at].chunk(2, dim=-1)
            heads[at] = heads[at] * cos + torch.cat([-high, low], dim=-1) * sin
    laid = [x.transpose(0, 1).unsqueeze(0) for x in heads]
    return attend_by_mask(laid[0], laid[1], laid[2], forest, SCALE)[0].transpose(0, 1)


def agrees(forest: Segments, groups: int, size: int, *, rotary: bool, dtype: torch.dtype, tolerance: float) -> None:
    query, key, value, grad = inputs(forest, groups, size, dtype)
    turned = angles(forest, size) if rotary else None
    ours, twin = attend(query, key, value, forest, SCALE, turned), plain(query, key, value, forest, turned)
    wanted = [twin, *torch.autograd.grad(twin, (query, key, value), grad.double())]
    got = [ours, *torch.autograd.grad(ours, (query, key, value), grad)]
    for a, b in zip(got, wanted, strict=True):
        assert a.dtype == dtype
        a, b = a.detach().double(), b.detach().double()
        assert float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))


@settings(deadline=None, max_examples=40)
@given(st.composite(forests)(), st.sampled_from([1, 2, 4]), st.sampled_from([32, 64, 96]), st.booleans())
def test_float32_equals_the_masked_twin(forest: Segments, groups: int, size: int, rotary: bool) -> None:
    agrees(forest, groups, size, rotary=rotary, dtype=torch.float32, tolerance=1e-5)


def test_bfloat16_is_rounded_only_on_the_way_in_and_out() -> None:
    agrees(DEEP, 2, 64, rotary=True, dtype=torch.bfloat16, tolerance=1.5e-2)


@pytest.mark.parametrize("length", [1, 23, 24, 25, 47, 48, 49, 200])
def test_borders_of_tiles(length: int) -> None:
    forest = Segments((0, length), (length, length), (-1, 0), (2 * length, 2 * length))
    agrees(forest, 1, 64, rotary=False, dtype=torch.float32, tolerance=1e-5)


def test_scores_of_any_size_are_kept_finite() -> None:
    query, key, value, _ = inputs(DEEP, 2, 32)
    ours = attend(query * 100, key * 100, value, DEEP, SCALE)
    assert torch.allclose(ours.double(), plain(query * 100, key * 100, value, DEEP, None), atol=1e-3)


def test_more_threads_give_the_same_bits() -> None:
    outcome: list[list[Tensor]] = []
    for threads in (1, 2, 5, 2):
        torch.set_num_threads(threads)
        query, key, value, grad = inputs(DEEP, 2, 64)
        out = attend(query, key, value, DEEP, SCALE, angles(DEEP, 64))
        outcome.append([out, *torch.autograd.grad(out, (query, key, value), grad)])
    for other in outcome[1:]:
        assert all(torch.equal(a, b) for a, b in zip(outcome[0], other, strict=True))


def test_a_wrong_tree_is_seen() -> None:
    wrong = Segments(DEEP.start, DEEP.length, (-1, 0, 1, 0, -1), (150, 100, 100, 150, 153))
    query, key, value, _ = inputs(DEEP, 2, 32)
    assert not torch.allclose(attend(query, key, value, DEEP, SCALE), attend(query, key, value, wrong, SCALE))


def test_heads_laid_out_otherwise_are_read_where_they_lie() -> None:
    query, key, value, _ = (x.detach() for x in inputs(DEEP, 2, 32))
    by_head = [x.transpose(0, 1).contiguous().transpose(0, 1) for x in (query, key, value)]
    every_other = [torch.stack([x, x], dim=-1)[..., 0] for x in (query, key, value)]
    expected = attend(query, key, value, DEEP, SCALE)
    for q, k, v in (by_head, every_other):
        assert torch.equal(attend(q, k, v, DEEP, SCALE), expected)


def test_what_it_cannot_do_it_does_not_claim() -> None:
    cpu = torch.device("cpu")
    assert can_attend(torch.bfloat16, cpu, 64, rotary=True)
    assert not can_attend(torch.float64, cpu, 64)
    assert not can_attend(torch.float32, torch.device("meta"), 64)
    assert not can_attend(torch.float32, cpu, 10)
    assert not can_attend(torch.float32, cpu, 512)
