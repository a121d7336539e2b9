"""Log-probs of chosen tokens from hidden states, without ever holding all logits in full width.

Axes: N scored tokens, C rows of a chunk, D hidden size, V vocabulary. Each objective is a function of ``logp_N``, so
the head's backward needs only ``g_N = dloss/dlogp_N``: with ``p = softmax(W h)`` the logits' gradient is
``g (onehot − p)``.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

CHUNK = 256
"""Rows of logits at a time: 50 MB of float32 at a vocabulary of 49,152."""
KEEP_BYTES = 1 << 30
"""Unnormalised probabilities are kept for backward up to this size, and computed again beyond it."""


def head_logprobs(
    hidden_ND: Tensor, weight_VD: Tensor, target_N: Tensor, *, dtype: torch.dtype, entropy: bool = False
) -> tuple[Tensor, Tensor | None]:
    """``log softmax(hidden @ weight.T)[target]`` [N], and on request the entropy [N] (without gradient).

    The matrix products run in ``dtype``; sums, log-probs and accumulated gradients in float32 or wider.
    """
    logp_N, entropy_N = _HeadLogprobs.apply(hidden_ND, weight_VD, target_N, dtype, entropy)  # type: ignore[no-untyped-call]
    return logp_N, entropy_N if entropy else None


class _HeadLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, target_N: Tensor, dtype: torch.dtype, entropy: bool
    ) -> tuple[Tensor, Tensor]:
        hidden, weight = hidden_ND.to(dtype), weight_VD.to(dtype)
        rows, vocabulary = len(hidden), len(weight)
        keep = any(ctx.needs_input_grad) and rows * vocabulary * dtype.itemsize <= KEEP_BYTES
        kept_NV = hidden.new_empty(rows, vocabulary) if keep else None
        sum_N = torch.empty(rows, dtype=_wide(dtype), device=hidden.device)
        logp_N, entropy_N = torch.empty_like(sum_N), torch.zeros_like(sum_N)
        for chunk, x_CV in _logits(hidden, weight):
            chosen_C = x_CV.gather(1, target_N[chunk].unsqueeze(1)).squeeze(1)
            shifted_CV = x_CV.clone() if entropy else None
            sum_C = x_CV.exp_().sum(dim=1)
            sum_N[chunk], logp_N[chunk] = sum_C, chosen_C - sum_C.log()
            if shifted_CV is not None:
                entropy_N[chunk] = sum_C.log() - shifted_CV.mul_(x_CV).sum(dim=1) / sum_C
            if kept_NV is not None:
                kept_NV[chunk] = x_CV
        ctx.save_for_backward(hidden_ND, weight_VD, target_N, sum_N)
        ctx.kept_NV, ctx.dtype = kept_NV, dtype
        ctx.mark_non_differentiable(entropy_N)
        return logp_N, entropy_N

    @staticmethod
    def backward(ctx: Any, grad_N: Tensor, _: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        hidden_ND, weight_VD, target_N, sum_N = ctx.saved_tensors
        weight = weight_VD.to(ctx.dtype)
        # exp / sum is p, so each row's −g / sum turns the kept exponentials into the logits' gradient.
        scale_N1 = (-grad_N / sum_N).unsqueeze(1)
        grad_N1 = grad_N.unsqueeze(1)
        grad_hidden = grad_N1 * weight_VD[target_N] if ctx.needs_input_grad[0] else None
        grad_weight = torch.zeros_like(weight_VD, dtype=sum_N.dtype) if ctx.needs_input_grad[1] else None
        if grad_weight is not None:
            grad_weight.index_add_(0, target_N, (grad_N1 * hidden_ND).to(sum_N.dtype))
        for rows, exp_CV in _exponentials(ctx.kept_NV, hidden_ND.to(ctx.dtype), weight):
            if grad_hidden is not None:
                grad_hidden[rows] += (exp_CV @ weight) * scale_N1[rows]
            if grad_weight is not None:
                grad_weight += exp_CV.T @ (hidden_ND[rows] * scale_N1[rows]).to(ctx.dtype)
        return grad_hidden, None if grad_weight is None else grad_weight.to(weight_VD.dtype), None, None, None


def _exponentials(kept_NV: Tensor | None, hidden_ND: Tensor, weight_VD: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """``(rows, exp(logit − max))`` in the compute dtype: what forward kept, or computed again."""
    if kept_NV is not None:
        yield slice(0, len(kept_NV)), kept_NV
        return
    for rows, x_CV in _logits(hidden_ND, weight_VD):
        yield rows, x_CV.exp_().to(hidden_ND.dtype)


def _logits(hidden_ND: Tensor, weight_VD: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """``(rows, logit − max)`` a chunk at a time, wide, in one buffer that is used over and over."""
    buffer = torch.empty(
        min(CHUNK, len(hidden_ND)), len(weight_VD), dtype=_wide(hidden_ND.dtype), device=hidden_ND.device
    )
    for start in range(0, len(hidden_ND), CHUNK):
        rows = slice(start, min(start + CHUNK, len(hidden_ND)))
        x_CV = buffer[: rows.stop - start]
        if x_CV.dtype == hidden_ND.dtype:
            torch.mm(hidden_ND[rows], weight_VD.T, out=x_CV)
        else:
            x_CV.copy_(hidden_ND[rows] @ weight_VD.T)
        x_CV -= x_CV.amax(dim=1, keepdim=True)
        yield rows, x_CV


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32
