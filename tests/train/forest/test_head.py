"""The chunked head equals a plain log-softmax, values and gradients, kept or computed again."""

import pytest
import torch
from torch import Tensor

from trimtab.train.forest import head
from trimtab.train.forest.head import head_logprobs


def inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    hidden = torch.randn(23, 8, dtype=dtype, requires_grad=True)
    weight = torch.randn(50, 8, dtype=dtype, requires_grad=True)
    return hidden, weight, torch.randint(50, (23,)), torch.randn(23, dtype=dtype)


@pytest.mark.parametrize("chunk", [5, 23, 256])
@pytest.mark.parametrize("keep", [0, 1 << 30])
def test_values_and_gradients_equal_the_plain_twin(monkeypatch: pytest.MonkeyPatch, chunk: int, keep: int) -> None:
    monkeypatch.setattr(head, "CHUNK", chunk)
    monkeypatch.setattr(head, "KEEP_BYTES", keep)
    hidden, weight, target, grad = inputs()
    logp, entropy = head_logprobs(hidden, weight, target, dtype=torch.float64, entropy=True)
    all_logp = (hidden @ weight.T).log_softmax(1)
    plain = all_logp.gather(1, target[:, None])[:, 0]
    assert torch.allclose(logp, plain, atol=1e-12)
    assert entropy is not None
    assert torch.allclose(entropy, -(all_logp.exp() * all_logp).sum(1), atol=1e-12)
    for got, expected in zip(
        torch.autograd.grad(logp, (hidden, weight), grad),
        torch.autograd.grad(plain, (hidden, weight), grad),
        strict=True,
    ):
        assert torch.allclose(got, expected, atol=1e-12)


def test_bfloat16_products_stay_close_and_results_stay_float32() -> None:
    hidden, weight, target, grad = inputs(torch.float32)
    logp, _ = head_logprobs(hidden, weight, target, dtype=torch.bfloat16)
    plain = (hidden @ weight.T).log_softmax(1).gather(1, target[:, None])[:, 0]
    assert logp.dtype == torch.float32
    assert torch.allclose(logp, plain, atol=0.1)
    got = torch.autograd.grad(logp, (hidden, weight), grad)
    expected = torch.autograd.grad(plain, (hidden, weight), grad)
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == torch.float32
        assert float((a - b).norm() / b.norm()) < 0.02


def test_a_frozen_head_gets_no_gradient() -> None:
    hidden, weight, target, _ = inputs()
    logp, _ = head_logprobs(hidden, weight.detach(), target, dtype=torch.float64)
    logp.sum().backward()  # type: ignore[no-untyped-call]
    assert hidden.grad is not None
    assert weight.grad is None


@pytest.mark.parametrize("chunk", [5, 256])
@pytest.mark.parametrize("keep", [0, 1 << 30])
def test_the_compiled_softmax_equals_the_plain_one(monkeypatch: pytest.MonkeyPatch, chunk: int, keep: int) -> None:
    monkeypatch.setattr(head, "CHUNK", chunk)
    monkeypatch.setattr(head, "KEEP_BYTES", keep)
    torch.manual_seed(0)
    hidden, weight = torch.randn(23, 32, requires_grad=True), torch.randn(64, 32, requires_grad=True)
    target, grad = torch.randint(64, (23,)), torch.randn(23)
    results = []
    for compiled in (True, False):
        if not compiled:
            monkeypatch.setattr(head, "_compiled", lambda *_: False)
        logp, entropy = head_logprobs(hidden, weight, target, dtype=torch.bfloat16, entropy=True)
        results.append([logp, entropy, *torch.autograd.grad(logp, (hidden, weight), grad)])
    for ours, plain in zip(*results, strict=True):
        assert ours is not None
        assert plain is not None
        assert torch.allclose(ours, plain, rtol=1e-3, atol=1e-3)
