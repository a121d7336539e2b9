"""Attention over a packed forest: a token sees its own segment causally and all of its ancestors, nothing else.

Axes: T packed tokens, H query heads, G key/value heads (H is a multiple of G), D head dimension.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

from trimtab.records import UserError
from trimtab.train.forest.batch import Segments
from trimtab.train.forest.flex import attend_by_blocks, can_flex
from trimtab.train.forest.kernels import attend, can_attend

NAME = "trimtab_forest"
_FORWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
_UNSUPPORTED = ("sliding_window", "softcap", "s_aux", "position_bias")


def forest_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    forest: Segments | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The function registered with transformers; [1, H, T, D] queries to [1, T, H, D].

    On the CPU computed in float32 or wider, on an accelerator in the format that autocast chose; returned in that.

    An unregistered mask name means that transformers builds no mask, so causality is wholly ours: a call without
    ``forest`` is refused rather than silently bidirectional. Raises UserError for attention of another kind.
    """
    assert forest is not None, "the forest attention was called without a forest"
    assert attention_mask is None, "the forest attention makes its own mask"
    assert dropout == 0.0, "prefixes can be shared only without dropout"
    if odd := [name for name in _UNSUPPORTED if kwargs.get(name) is not None]:
        raise UserError(f"the model's attention uses {', '.join(odd)}, which prefix sharing does not support")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    width = value.dtype  # what autocast chose: rotation has widened queries and keys only
    if can_flex(width, query.device, query.shape[-1]):
        narrow = [tensor.to(width) for tensor in (query, key, value)]
        return attend_by_blocks(narrow[0], narrow[1], narrow[2], forest, scale).transpose(1, 2), None
    query, key, value = query.to(wide), key.to(wide), value.to(wide)
    if can_attend(wide, query.device, query.shape[-1]):
        by_token = [tensor[0].transpose(0, 1) for tensor in (query, key, value)]
        return attend(by_token[0], by_token[1], by_token[2], forest, scale).unsqueeze(0).to(width), None
    plain = attend_in_pieces if query.device.type == "cpu" else attend_by_mask
    return plain(query, key, value, forest, scale).transpose(1, 2).to(width), None


def attend_by_mask(query: Tensor, key: Tensor, value: Tensor, forest: Segments, scale: float) -> Tensor:
    """Plain, for any device and format: each segment over the keys of its path, under an explicit mask."""
    sizes = list(forest.length)
    queries, keys, values = (torch.split(tensor, sizes, dim=2) for tensor in (query, key, value))
    out = []
    for index, length in enumerate(forest.length):
        path = [index]
        while (above := forest.parent[path[0]]) >= 0:
            path.insert(0, above)
        k, v = (torch.cat([part[i] for i in path], dim=2) for part in (keys, values))
        mask = torch.ones(length, k.shape[2], dtype=torch.bool, device=query.device).tril(k.shape[2] - length)
        out.append(
            torch.nn.functional.scaled_dot_product_attention(
                queries[index], k, v, attn_mask=mask, scale=scale, enable_gqa=True
            )
        )
    return torch.cat(out, dim=2)


def attend_in_pieces(query: Tensor, key: Tensor, value: Tensor, forest: Segments, scale: float) -> Tensor:
    """The same on CPU without masks or copies of shared keys, see ``_Pieces``."""
    out: Tensor = _Pieces.apply(query, key, value, forest, scale)  # type: ignore[no-untyped-call]
    return out


class _Pieces(torch.autograd.Function):
    """Each segment's own causal block, then all descendants' queries at once over an ancestor's keys.

    Depth first, the descendants of a segment are one run of rows, so a prefix shared by K rows costs one unmasked
    call. Blocks over disjoint keys merge by their log-sum-exp (Dao et al. 2022, FlashAttention, section 3.1):
    ``o = Σ_b o_b exp(l_b − l)``, ``l = log Σ_b exp(l_b)``. Backward needs no merge: with the *total* ``o`` and
    ``l`` each block's probabilities are already ``exp(s − l)``, and its gradients add up.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, forest: Segments, scale: float) -> Tensor:
        out = torch.empty_like(query.transpose(1, 2), memory_format=torch.contiguous_format).transpose(1, 2)
        log_sum = query.new_empty(query.shape[:3])
        for rows, keys, causal in _blocks(forest):
            part, part_sum = _FORWARD(_run(query, rows), _run(key, keys), _run(value, keys), 0.0, causal, scale=scale)
            part_sum = part_sum.to(log_sum.dtype)
            if causal:
                _run(out, rows).copy_(part)
                _run(log_sum, rows).copy_(part_sum)
            else:
                _merge(_run(out, rows), _run(log_sum, rows), part, part_sum)
        ctx.save_for_backward(query, key, value, out, log_sum)
        ctx.forest, ctx.scale = forest, scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query, key, value, out, log_sum = ctx.saved_tensors
        grads = [torch.empty_like(tensor) for tensor in (query, key, value)]
        for rows, keys, causal in _blocks(ctx.forest):
            parts = _BACKWARD(
                _run(grad, rows),
                _run(query, rows),
                _run(key, keys),
                _run(value, keys),
                _run(out, rows),
                _run(log_sum, rows),
                0.0,
                causal,
                scale=ctx.scale,
            )
            for total, where, part in zip(grads, (rows, keys, keys), parts, strict=True):
                # A segment's causal block comes first and is the first to touch its rows and its keys.
                _run(total, where).copy_(part) if causal else _run(total, where).add_(part)
        return grads[0], grads[1], grads[2], None, None


def _blocks(forest: Segments) -> Iterator[tuple[tuple[int, int], tuple[int, int], bool]]:
    """``(query rows, key rows, causal)``: every segment's own block first, then descendants over ancestors."""
    extents = [(start, start + length) for start, length in zip(forest.start, forest.length, strict=True)]
    for extent in extents:
        yield extent, extent, True
    for (start, end), subtree_end in zip(extents, forest.subtree_end, strict=True):
        if subtree_end > end:
            yield (end, subtree_end), (start, end), False


def _run(tensor: Tensor, rows: tuple[int, int]) -> Tensor:
    return tensor.narrow(2, rows[0], rows[1] - rows[0])


def _merge(out: Tensor, log_sum: Tensor, part: Tensor, part_sum: Tensor) -> None:
    """In place: the merged output and log-sum-exp of two blocks over disjoint keys."""
    total = torch.logaddexp(log_sum, part_sum)
    out.mul_((log_sum - total).exp_().unsqueeze(-1))
    out.addcmul_(part, (part_sum - total).exp_().unsqueeze(-1))
    log_sum.copy_(total)


AttentionInterface.register(NAME, forest_attention)
