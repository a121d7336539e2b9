"""Fused modules equal transformers' own, values and gradients, and nothing else is touched."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama

from trimtab.model import load
from trimtab.train.forest import kernels
from trimtab.train.forest.attention import NAME
from trimtab.train.forest.batch import Segments
from trimtab.train.forest.fuse import fuse, unfuse


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


FOREST = Segments((0, 40, 60), (40, 20, 13), (-1, 0, 0), (73, 60, 73))


@pytest.fixture
def wide() -> Any:
    """A model whose heads a kernel takes."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=128, intermediate_size=160, num_hidden_layers=1, num_attention_heads=4, head_dim=64
    )
    config.num_key_value_heads = 2
    model: Any = LlamaForCausalLM(config)
    model.set_attn_implementation(NAME)
    return model


def attention_pass(model: Any) -> list[Tensor]:
    attention = model.model.layers[0].self_attn
    torch.manual_seed(1)
    x = torch.randn(1, 73, 128, requires_grad=True)
    angles = model.model.rotary_emb(x, torch.arange(73).unsqueeze(0))
    out = attention(x, position_embeddings=angles, attention_mask=None, forest=FOREST)[0]
    return [out.detach(), *torch.autograd.grad(out, [x, *attention.parameters()], torch.randn_like(out))]


@pytest.mark.skipif(bool(kernels.why_not()), reason="no kernels here")
def test_fused_attention_equals_the_modules_own(wide: Any) -> None:
    own = attention_pass(wide)
    fuse(wide)
    assert "forward" in wide.model.layers[0].self_attn.__dict__
    for got, expected in zip(attention_pass(wide), own, strict=True):
        assert torch.allclose(got, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.skipif(bool(kernels.why_not()), reason="no kernels here")
def test_attention_that_rotates_otherwise_keeps_its_own(wide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rotate = modeling_llama.apply_rotary_pos_emb
    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", lambda q, k, cos, sin: rotate(q, k, cos, -sin))
    fuse(wide)
    assert "forward" not in wide.model.layers[0].self_attn.__dict__


def test_without_a_forest_a_fused_model_still_answers(wide: Any) -> None:
    wide.set_attn_implementation("sdpa")
    ids = torch.arange(9).unsqueeze(0)
    expected = wide(ids).logits
    wide.set_attn_implementation(NAME)
    fuse(wide)
    wide.set_attn_implementation("sdpa")
    assert torch.allclose(wide(ids).logits, expected, atol=1e-5)
