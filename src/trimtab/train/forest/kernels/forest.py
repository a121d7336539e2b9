"""The compiled forest attention as an autograd function: grouped heads and rotary positions inside, one call a layer.

Axes: T packed tokens, H query heads, G key/value heads, D head size.
"""

import ctypes
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from trimtab.train.forest.batch import Segments
from trimtab.train.forest.kernels.build import library

_LARGEST_HEAD = 256
_Rotary = tuple[Tensor, Tensor] | None


class _Strides(ctypes.Structure):
    _fields_ = (("token", ctypes.c_long), ("head", ctypes.c_long))


class _Tree(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in "THGDS"),
        *((name, ctypes.POINTER(ctypes.c_int)) for name in ("start", "length", "parent", "end")),
    )


def can_attend(dtype: torch.dtype, device: torch.device, size: int, *, rotary: bool = False) -> bool:
    """Whether the kernel takes heads of ``size`` in ``dtype`` here."""
    if device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16) or size > _LARGEST_HEAD:
        return False
    lib = library()
    return lib is not None and size % ((1 + rotary) * lib.trimtab_lanes()) == 0


def attend(query: Tensor, key: Tensor, value: Tensor, forest: Segments, scale: float, rotary: _Rotary = None) -> Tensor:
    """[T, H, D] from queries [T, H, D] and keys, values [T, G, D] of one dtype; sums in float32.

    ``rotary`` is (cos, sin), each float32 [T, D], applied to queries and keys within.
    """
    out: Tensor = _Attend.apply(query, key, value, forest, scale, rotary)  # type: ignore[no-untyped-call]
    return out


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, forest: Segments, scale: float, rotary: _Rotary
    ) -> Tensor:
        query, key, value = (_dense(tensor) for tensor in (query, key, value))
        out = torch.empty(query.shape, dtype=query.dtype)
        log_sum = torch.empty(query.shape[1], query.shape[0])
        call = _Call(query, key, forest, scale, rotary)
        call.forward(query, key, value, out, log_sum)
        ctx.save_for_backward(query, key, value, out, log_sum)
        ctx.call = call
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        query, key, value, out, log_sum = ctx.saved_tensors
        grads = [torch.empty(tensor.shape, dtype=tensor.dtype) for tensor in (query, key, value)]
        ctx.call.backward(query, key, value, out, grad.to(out.dtype).contiguous(), log_sum, *grads)
        return grads[0], grads[1], grads[2], None, None, None


class _Call:
    """What a layer's forward and backward calls have in common."""

    def __init__(self, query: Tensor, key: Tensor, forest: Segments, scale: float, rotary: _Rotary) -> None:
        tokens, heads, size = query.shape
        self._tree = _Tree(tokens, heads, key.shape[1], size, len(forest.start), *_extents(forest))
        self._rotary = rotary
        self._scale, self._half = ctypes.c_float(scale), int(query.dtype == torch.bfloat16)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, out: Tensor, log_sum: Tensor) -> None:
        inputs = [part for tensor in (query, key, value) for part in _at(tensor)]
        _library().trimtab_attend(*inputs, *self._angles(), *_at(out), _pointer(log_sum), *self._rest(False))

    def backward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        out: Tensor,
        grad: Tensor,
        log_sum: Tensor,
        query_grad: Tensor,
        key_grad: Tensor,
        value_grad: Tensor,
    ) -> None:
        inputs = [part for tensor in (query, key, value) for part in _at(tensor)]
        outputs = [_pointer(tensor) for tensor in (log_sum, query_grad, key_grad, value_grad)]
        _library().trimtab_attend_back(*inputs, *self._angles(), _pointer(out), *_at(grad), *outputs, *self._rest(True))

    def _angles(self) -> list[ctypes.c_void_p]:
        return [ctypes.c_void_p(), ctypes.c_void_p()] if self._rotary is None else [_pointer(x) for x in self._rotary]

    def _rest(self, backward: bool) -> tuple[Any, ...]:
        tree = ctypes.byref(self._tree)
        scratch = _scratch(_library().trimtab_scratch(tree, int(backward), torch.get_num_threads()))
        return tree, self._scale, _pointer(scratch), self._half, torch.get_num_threads()


def _library() -> ctypes.CDLL:
    lib = library()
    assert lib is not None, "a compiled kernel was called where there is none"
    lib.trimtab_scratch.restype = ctypes.c_long
    return lib


def _dense(tensor: Tensor) -> Tensor:
    """Each head's numbers side by side; tokens and heads may lie anywhere."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _at(tensor: Tensor) -> tuple[ctypes.c_void_p, _Strides]:
    return _pointer(tensor), _Strides(tensor.stride(0), tensor.stride(1))


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


_KNOWN: OrderedDict[int, tuple[Segments, tuple[Any, ...]]] = OrderedDict()


def _extents(forest: Segments) -> tuple[Any, ...]:
    """The forest's four arrays in C, made once a batch and not once a layer."""
    known = _KNOWN.get(id(forest))
    if known is None or known[0] is not forest:
        arrays = tuple(
            (ctypes.c_int * len(part))(*part)
            for part in (forest.start, forest.length, forest.parent, forest.subtree_end)
        )
        known = _KNOWN[id(forest)] = (forest, arrays)
        while len(_KNOWN) > 4:
            _KNOWN.popitem(last=False)
    return known[1]


_SCRATCH: list[Tensor] = []


def _scratch(floats: int) -> Tensor:
    """One buffer for all calls, 64-byte aligned as torch allocates: fresh pages would cost more than the arithmetic."""
    if not _SCRATCH or _SCRATCH[0].numel() < floats:
        _SCRATCH[:] = [torch.empty(floats + floats // 8)]
    return _SCRATCH[0]
