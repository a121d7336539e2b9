"""Fused modules equal transformers' own, values and gradients, and nothing else is touched."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from trimtab.model import load
from trimtab.train.fuse import fuse, unfuse


def pass_through(module: Any, x: Tensor) -> list[Tensor]:
    """Output, input gradient and parameter gradients for a fixed random gradient."""
    x = x.clone().requires_grad_()
    out = module(x)
    torch.manual_seed(1)
    return [out.detach(), *torch.autograd.grad(out, [x, *module.parameters()], torch.randn_like(out))]


@pytest.mark.parametrize("name", ["input_layernorm", "mlp"])
def test_values_and_gradients_equal_the_modules_own(model: Any, name: str) -> None:
    module = getattr(model.model.layers[0], name)
    x = torch.randn(2, 7, 64) * 3
    own = pass_through(module, x)
    fuse(model)
    for got, expected in zip(pass_through(module, x), own, strict=True):
        assert torch.allclose(got, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_gradients_are_those_of_the_function(folder: Path) -> None:
    model: Any = load(folder, dtype="float64")
    fuse(model)
    layer = model.model.layers[0]
    x = torch.randn(1, 3, 64, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer.input_layernorm, (x,))
    assert torch.autograd.gradcheck(layer.mlp, (x,))


def test_every_norm_and_mlp_is_fused_and_given_back(model: Any) -> None:
    assert fuse(model) == 2 * 2 + 1 + 2
    unfuse(model)
    assert not any("forward" in module.__dict__ for module in model.modules())


def test_a_norm_that_means_something_else_keeps_its_own_forward(model: Any) -> None:
    class OffsetRMSNorm(torch.nn.Module):
        """As Gemma has it: the weight is an offset from 1."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(64))
            self.variance_epsilon = 1e-6

        def forward(self, x: Tensor) -> Tensor:
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * (1 + self.weight)

    model.model.norm = OffsetRMSNorm()
    assert fuse(model) == 2 * 2 + 2
    model.model.layers[0].mlp.act_fn = torch.nn.GELU()
    unfuse(model)
    assert fuse(model) == 2 * 2 + 1
