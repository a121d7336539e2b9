"""Norms and gated MLPs with fewer passes over memory: a third less of it, some percent faster, the same function.

Each replacement is held against the module's own forward on random input before it is used, so an architecture
whose norm or MLP means something else simply keeps its own.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu

_CLOSE = 1e-4


def fuse(model: Any) -> int:
    """Replaces the forward of every RMS norm and SwiGLU MLP that qualifies; returns how many."""
    fused = 0
    for module in model.modules():
        replacement = _replacement(module)
        if replacement is not None and _agrees(module, replacement):
            module.forward = replacement
            fused += 1
    return fused


def unfuse(model: Any) -> None:
    """Gives every module its own forward back."""
    for module in model.modules():
        if isinstance(module.__dict__.get("forward"), partial):
            del module.forward


def _replacement(module: Any) -> Any:
    if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
        return partial(_norm, module)
    if all(hasattr(module, name) for name in ("gate_proj", "up_proj", "down_proj", "act_fn")):
        return partial(_mlp, module)
    return None


@torch.no_grad()
def _agrees(module: Any, replacement: Any) -> bool:
    sample = next(module.parameters())
    size = sample.shape[-1]
    x = torch.randn(1, 4, size, dtype=sample.dtype, generator=torch.Generator().manual_seed(0)).to(sample.device)
    try:
        own = module(x)
        return bool(torch.allclose(replacement(x), own, rtol=_CLOSE, atol=_CLOSE * float(own.abs().max())))
    except (RuntimeError, TypeError):
        return False


def _norm(module: Any, x: Tensor) -> Tensor:
    out: Tensor = _RmsNorm.apply(x, module.weight, module.variance_epsilon)  # type: ignore[no-untyped-call]
    return out


def _mlp(module: Any, x: Tensor) -> Tensor:
    out: Tensor = module.down_proj(_SwiGlu.apply(module.gate_proj(x), module.up_proj(x)))  # type: ignore[no-untyped-call]
    return out


class _RmsNorm(torch.autograd.Function):
    """``w x / rms(x)`` (Zhang & Sennrich 2019, eq. 4); only ``x`` and one number a row are kept for backward.

    Under autocast the result is rounded at once to what the matrix products that follow would round it to.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = norm.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        device = x.device.type
        y: Tensor = (x * inverse).mul_(weight)
        return y.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, weight, inverse = ctx.saved_tensors
        grad, unit = grad.to(x.dtype), x * inverse
        weight_grad = None
        if ctx.needs_input_grad[1]:
            weight_grad = (grad * unit).flatten(0, -2).sum(dim=0)
        scaled = grad * weight
        along = torch.linalg.vecdot(scaled, unit).div_(x.shape[-1]).unsqueeze_(-1)
        return scaled.sub_(unit.mul_(along)).mul_(inverse), weight_grad, None


class _SwiGlu(torch.autograd.Function):
    """``silu(gate) * up``; the activation is computed again in backward instead of kept."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        gate_grad: Tensor = torch.ops.aten.silu_backward(grad * up, gate)
        return gate_grad, silu(gate).mul_(grad)
