"""Log-probs of chosen tokens from hidden states, without ever holding all logits in full width.

Axes: N scored tokens, C rows of a chunk, D hidden size, V vocabulary. Each objective is a function of ``logp_N``, so
the head's backward needs only ``g_N = dloss/dlogp_N``: with ``p = softmax(W h)`` the logits' gradient is
``g (onehot − p)``.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from trimtab.train.forest import kernels

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
        soften = _soften_compiled if _compiled(hidden, weight, target_N) else _soften
        for start in range(0, rows, CHUNK):
            chunk = slice(start, start + CHUNK)
            soften(
                hidden[chunk],
                weight,
                target_N[chunk],
                sum_N[chunk],
                logp_N[chunk],
                entropy_N[chunk] if entropy else None,
                None if kept_NV is None else kept_NV[chunk],
            )
        ctx.save_for_backward(hidden_ND, weight_VD, target_N, sum_N)
        ctx.kept_NV, ctx.weight, ctx.dtype = kept_NV, weight, dtype
        ctx.mark_non_differentiable(entropy_N)
        return logp_N, entropy_N

    @staticmethod
    def backward(ctx: Any, grad_N: Tensor, _: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        hidden_ND, weight_VD, target_N, sum_N = ctx.saved_tensors
        # exp / sum is p, so each row's −g / sum turns the kept exponentials into the logits' gradient.
        scale_N1 = (-grad_N / sum_N).unsqueeze(1)
        grad_N1 = grad_N.unsqueeze(1)
        grad_hidden = grad_N1 * weight_VD[target_N] if ctx.needs_input_grad[0] else None
        grad_weight = None
        for rows, exp_CV in _exponentials(ctx.kept_NV, hidden_ND.to(ctx.dtype), ctx.weight):
            if grad_hidden is not None:
                grad_hidden[rows] += (exp_CV @ ctx.weight) * scale_N1[rows]
            if ctx.needs_input_grad[1]:
                part_VD = exp_CV.T @ (hidden_ND[rows] * scale_N1[rows]).to(ctx.dtype)
                grad_weight = part_VD.to(sum_N.dtype) if grad_weight is None else grad_weight.add_(part_VD)
        if grad_weight is not None:
            grad_weight.index_add_(0, target_N, (grad_N1 * hidden_ND).to(sum_N.dtype))
        return grad_hidden, None if grad_weight is None else grad_weight.to(weight_VD.dtype), None, None, None


def _soften(
    hidden_CD: Tensor,
    weight_VD: Tensor,
    target_C: Tensor,
    sum_C: Tensor,
    logp_C: Tensor,
    entropy_C: Tensor | None,
    kept_CV: Tensor | None,
) -> None:
    """One chunk: fills the sum of exponentials, log-probs, entropy and the exponentials to keep."""
    for _, x_CV in _logits(hidden_CD, weight_VD):
        chosen_C = x_CV.gather(1, target_C.unsqueeze(1)).squeeze(1)
        shifted_CV = x_CV.clone() if entropy_C is not None else None
        torch.sum(x_CV.exp_(), dim=1, out=sum_C)
        torch.sub(chosen_C, sum_C.log(), out=logp_C)
        if entropy_C is not None and shifted_CV is not None:
            entropy_C.copy_(sum_C.log() - shifted_CV.mul_(x_CV).sum(dim=1) / sum_C)
        if kept_CV is not None:
            kept_CV.copy_(x_CV)


def _compiled(hidden: Tensor, weight_VD: Tensor, target_N: Tensor) -> bool:
    whole = target_N.is_contiguous() and kernels.can_pass(hidden, hidden.new_empty(0, len(weight_VD)))
    return hidden.dtype == torch.bfloat16 and whole


def _soften_compiled(
    hidden_CD: Tensor,
    weight_VD: Tensor,
    target_C: Tensor,
    sum_C: Tensor,
    logp_C: Tensor,
    entropy_C: Tensor | None,
    kept_CV: Tensor | None,
) -> None:
    """The same in one pass over bfloat16 logits that become the exponentials where they lie."""
    logits_CV = hidden_CD @ weight_VD.T if kept_CV is None else torch.mm(hidden_CD, weight_VD.T, out=kept_CV)
    kernels.soften(logits_CV, target_C, sum_C, logp_C, entropy_C)


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
