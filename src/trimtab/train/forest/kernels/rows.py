"""Norm, SwiGLU and softmax in one pass over memory each: calls into the compiled library, tensors in, tensors out.

Axes: T tokens, D hidden size, N scored tokens, V vocabulary.
"""

import ctypes

import torch
from torch import Tensor

from trimtab.train.forest.kernels.build import library


def can_pass(*tensors: Tensor) -> bool:
    """Whether the row kernels take these tensors: on the CPU, float32 or bfloat16, rows a multiple of the lanes."""
    for tensor in tensors:
        if tensor.device.type != "cpu" or tensor.dtype not in (torch.float32, torch.bfloat16):
            return False
        if not tensor.is_contiguous() or type(tensor) not in (Tensor, torch.nn.Parameter):
            return False
    lib = library()
    return lib is not None and all(tensor.shape[-1] % lib.trimtab_lanes() == 0 for tensor in tensors)


def norm(x_TD: Tensor, weight_D: Tensor, epsilon: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """``w x / rms(x)`` in ``dtype`` and ``1 / rms`` [T] from float32 input."""
    y_TD = torch.empty(x_TD.shape, dtype=dtype)
    inverse_T = torch.empty(x_TD.shape[:-1])
    pointers = _pointers(x_TD, weight_D)
    size = x_TD.shape[-1]
    _library().trimtab_norm(
        *pointers, ctypes.c_float(epsilon), *_pointers(y_TD, inverse_T), *_rows(x_TD), size, *_how(y_TD)
    )
    return y_TD, inverse_T


def norm_backward(
    x_TD: Tensor, weight_D: Tensor, inverse_T: Tensor, grad_TD: Tensor, *, need_weight: bool
) -> tuple[Tensor, Tensor | None]:
    """Gradients of the input and, where needed, of the weight, float32."""
    dx_TD = torch.empty_like(x_TD)
    dw_D = torch.empty_like(weight_D) if need_weight else None
    pointers = _pointers(x_TD, weight_D, inverse_T, grad_TD, dx_TD, dw_D)
    _library().trimtab_norm_back(*pointers, *_rows(x_TD), x_TD.shape[-1], *_how(grad_TD))
    return dx_TD, dw_D


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """``silu(gate) * up``, computed in float32, in their dtype."""
    y = torch.empty_like(gate)
    _library().trimtab_swiglu(*_pointers(gate, up, y), ctypes.c_long(gate.numel()), *_how(gate))
    return y


def swiglu_backward(gate: Tensor, up: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of gate and up."""
    gate_grad, up_grad = torch.empty_like(gate), torch.empty_like(up)
    pointers = _pointers(gate, up, grad, gate_grad, up_grad)
    _library().trimtab_swiglu_back(*pointers, ctypes.c_long(gate.numel()), *_how(gate))
    return gate_grad, up_grad


def soften(logits_NV: Tensor, target_N: Tensor, sum_N: Tensor, logp_N: Tensor, entropy_N: Tensor | None) -> None:
    """bfloat16 logits in place to ``exp(logit − max)``; fills their sum, the targets' log-probs and the entropy."""
    rows, size = logits_NV.shape
    pointers = _pointers(logits_NV, target_N, sum_N, logp_N, entropy_N)
    _library().trimtab_soften(*pointers, ctypes.c_long(rows), ctypes.c_long(size), torch.get_num_threads())


def _library() -> ctypes.CDLL:
    lib = library()
    assert lib is not None, "a compiled kernel was called where there is none"
    return lib


def _pointers(*tensors: Tensor | None) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p() if tensor is None else ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]


def _rows(tensor: Tensor) -> tuple[ctypes.c_long]:
    return (ctypes.c_long(tensor.numel() // tensor.shape[-1]),)


def _how(tensor: Tensor) -> tuple[int, int]:
    return int(tensor.dtype == torch.bfloat16), torch.get_num_threads()
