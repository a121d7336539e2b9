"""Forest attention on an accelerator: one FlexAttention call a layer, under a block mask made once a batch.

Depth first, the tokens that see key k are one run of rows: from k itself to the end of its segment's subtree. So the
whole ancestry is one number a key, and ``q sees k ⇔ k ≤ q < end_T[k]`` (Dong et al. 2024, FlexAttention, for the
masks). Tested on the CPU, where FlexAttention runs uncompiled and forward only; compiled and backward on a GPU it was
not run here.

Axes: T packed tokens, H query heads, G key/value heads, D head size.
"""

from collections import OrderedDict
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from trimtab.train.forest.batch import Segments

_DTYPES = (torch.bfloat16, torch.float16, torch.float32)
_SMALLEST_HEAD = 16
_KEPT = 4
"""Block masks that are kept: those of the micro-batches that are under way."""


def can_flex(dtype: torch.dtype, device: torch.device, size: int) -> bool:
    """Whether compiled FlexAttention takes heads of ``size`` in ``dtype`` there."""
    return device.type in ("cuda", "xpu") and dtype in _DTYPES and size >= _SMALLEST_HEAD


def attend_by_blocks(query: Tensor, key: Tensor, value: Tensor, forest: Segments, scale: float) -> Tensor:
    """[1, H, T, D] from queries [1, H, T, D] and keys, values [1, G, T, D] of one dtype."""
    mask = block_mask(forest, query.device)
    grouped = query.shape[1] != key.shape[1]
    out: Tensor = _flex(query.device.type)(query, key, value, block_mask=mask, scale=scale, enable_gqa=grouped)
    return out


def seen_until(forest: Segments) -> Tensor:
    """int64 [T]: for each key, the packed row after the last that may see it."""
    return torch.repeat_interleave(torch.tensor(forest.subtree_end), torch.tensor(forest.length))


_MASKS: OrderedDict[tuple[int, str], tuple[Segments, BlockMask]] = OrderedDict()


def block_mask(forest: Segments, device: torch.device) -> BlockMask:
    """The forest's mask for FlexAttention, the same object for every layer of a batch."""
    at = (id(forest), str(device))
    known = _MASKS.get(at)
    if known is None or known[0] is not forest:
        end_T = seen_until(forest).to(device)
        total = len(end_T)

        def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return (query >= key) & (query < end_T[key])

        known = _MASKS[at] = (forest, create_block_mask(sees, None, None, total, total, device=device))
        while len(_MASKS) > _KEPT:
            _MASKS.popitem(last=False)
    return known[1]


@cache
def _flex(device: str) -> Any:
    """Compiled once for all lengths; on the CPU as it is."""
    return flex_attention if device == "cpu" else torch.compile(flex_attention, dynamic=True)
