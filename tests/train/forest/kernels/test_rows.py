"""Row kernels equal torch, values and gradients, at every border of blocks and for extreme numbers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import rms_norm, silu

from trimtab.train.forest import kernels
from trimtab.train.forest.kernels import why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"no kernels here: {why_not()}")
SIZES = st.sampled_from([16, 48, 576])


def random(*shape: int, spread: float = 1.0) -> Tensor:
    torch.manual_seed(sum(shape))
    return torch.randn(shape) * spread


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([1, 63, 64, 65, 200]), SIZES, st.sampled_from([1e-3, 1.0, 1e3]))
def test_norm_equals_torchs(rows: int, size: int, spread: float) -> None:
    x, weight, grad = random(rows, size, spread=spread), random(size), random(rows + 1, size)[1:]
    y, inverse = kernels.norm(x, weight, 1e-5, torch.float32)
    dx, dw = kernels.norm_backward(x, weight, inverse, grad, need_weight=True)
    wide, wide_weight = x.double().requires_grad_(), weight.double().requires_grad_()
    twin = rms_norm(wide, (size,), wide_weight, 1e-5)
    wanted = torch.autograd.grad(twin, (wide, wide_weight), grad.double())
    assert dw is not None
    for got, expected in zip((y, dx, dw), (twin, *wanted), strict=True):
        assert torch.allclose(got.double(), expected, rtol=1e-5, atol=1e-5 * float(expected.detach().abs().max()))


def test_norm_rounds_to_bfloat16_as_torch_does() -> None:
    x, weight = random(7, 64), random(64)
    wide, _ = kernels.norm(x, weight, 1e-5, torch.float32)
    half, _ = kernels.norm(x, weight, 1e-5, torch.bfloat16)
    assert torch.equal(half, wide.bfloat16())


def test_a_frozen_norm_gets_no_gradient() -> None:
    x, weight = random(3, 16), random(16)
    _, inverse = kernels.norm(x, weight, 1e-5, torch.float32)
    assert kernels.norm_backward(x, weight, inverse, x, need_weight=False)[1] is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("spread", [0.01, 1.0, 100.0])
def test_swiglu_equals_torchs(dtype: torch.dtype, spread: float) -> None:
    gate, up, grad = random(5, 48, spread=spread).to(dtype), random(6, 48)[1:].to(dtype), random(7, 48)[2:].to(dtype)
    wide = [x.double().requires_grad_() for x in (gate, up)]
    twin = silu(wide[0]) * wide[1]
    wanted = [twin, *torch.autograd.grad(twin, wide, grad.double())]
    tolerance = 1e-5 if dtype == torch.float32 else 2**-8
    for got, expected in zip((kernels.swiglu(gate, up), *kernels.swiglu_backward(gate, up, grad)), wanted, strict=True):
        assert got.dtype == dtype
        assert torch.allclose(got.double(), expected, rtol=tolerance, atol=tolerance)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 9), st.sampled_from([16, 1024, 1040, 4096]), st.sampled_from([0.1, 5.0, 60.0]))
def test_softmax_equals_torchs(rows: int, size: int, spread: float) -> None:
    logits = random(rows, size, spread=spread).bfloat16()
    target = torch.arange(rows) * 7 % size
    wanted = logits.double().log_softmax(1)
    total, logp, entropy, kept = torch.empty(rows), torch.empty(rows), torch.empty(rows), logits.clone()
    kernels.soften(kept, target, total, logp, entropy)
    assert torch.allclose(logp.double(), wanted.gather(1, target[:, None])[:, 0], rtol=1e-5, atol=1e-5)
    assert torch.allclose(entropy.double(), -(wanted.exp() * wanted).sum(1), rtol=1e-4, atol=1e-4)
    assert torch.allclose(kept.double() / total[:, None], wanted.exp(), rtol=2**-8, atol=1e-30)
    again, rest = torch.empty(rows), torch.empty(rows)
    kernels.soften(logits, target, again, rest, None)
    assert torch.equal(rest, logp)


def test_more_threads_give_the_same_bits() -> None:
    x, weight, grad = random(333, 576), random(576), random(333, 576) + 1
    outcome: list[tuple[Tensor, ...]] = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        y, inverse = kernels.norm(x, weight, 1e-5, torch.float32)
        dx, dw = kernels.norm_backward(x, weight, inverse, grad, need_weight=True)
        assert dw is not None
        outcome.append((y, dx, dw, kernels.swiglu(x, grad)))
    assert all(torch.equal(a, b) for a, b in zip(*outcome, strict=True))


def test_not_a_number_stays_one() -> None:
    x = torch.full((1, 16), float("nan"))
    y, _ = kernels.norm(x, torch.ones(16), 1e-5, torch.bfloat16)
    assert y.isnan().all()
    assert kernels.swiglu(x.bfloat16(), x.bfloat16()).isnan().all()


def test_what_they_cannot_do_they_do_not_claim() -> None:
    good = torch.zeros(4, 64)
    assert kernels.can_pass(good, good.bfloat16())
    assert not kernels.can_pass(good.double())
    assert not kernels.can_pass(good.T)
    assert not kernels.can_pass(torch.zeros(4, 65))
    assert not kernels.can_pass(good.to("meta"))
