"""Keys and values of sequences as plain tensors: grown in place, batched with left padding, cut at a prefix.

Axes: B rows (requests), H heads, L cached tokens, D head width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer, LinearAttentionCacheLayerMixin

from trimtab.engine.core import Unsupported

_ROOM = 64  # tokens that a buffer has to spare, so that most steps copy nothing
_SPARE = 16  # and at most this part of a long row, so that a full context holds little more than its tokens


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence's keys and values, a pair [H, L, D] a layer, without padding."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def length(self) -> int:
        return int(self.layers[0][0].shape[1])

    @property
    def bytes(self) -> int:
        return sum(keys.nbytes + values.nbytes for keys, values in self.layers)

    def first(self, length: int) -> "Row":
        """A view of the first ``length`` tokens."""
        return Row(tuple((keys[:, :length], values[:, :length]) for keys, values in self.layers))


class Batch:
    """The running rows' cache, left-padded to the longest; ``cache`` is what the model takes."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.lengths = [row.length for row in rows]
        layers = range(len(rows[0].layers))
        self.cache = Cache(
            layers=[_GrowingLayer([row.layers[i] for row in rows], max(self.lengths) + _ROOM) for i in layers]
        )

    def rows(self) -> list[Row]:
        """Views of each row without its padding."""
        return [
            Row(tuple((layer.keys[b, :, -length:], layer.values[b, :, -length:]) for layer in self.cache.layers))
            for b, length in enumerate(self.lengths)
        ]

    def next_inputs(self, tokens: int = 1) -> dict[str, Tensor]:
        """Position ids [B, T] and, where rows are padded, the mask [B, L + T] of the next step; counts its T tokens."""
        lengths, longest = torch.tensor(self.lengths), max(self.lengths)
        inputs = {"position_ids": lengths[:, None] + torch.arange(tokens)}
        if min(self.lengths) < longest:
            inputs["attention_mask"] = (torch.arange(longest + tokens)[None] >= (longest - lengths)[:, None]).long()
        self.lengths = [length + tokens for length in self.lengths]
        return inputs

    def keep(self, kept: Sequence[int], tokens: int) -> None:
        """After a step of ``tokens``, keep only the first ``kept`` of each row's; the rows end together again."""
        end = max(self.lengths)
        before = [length - tokens for length in self.lengths]
        self.lengths = [length + keep for length, keep in zip(before, kept, strict=True)]
        starts = [end - tokens - length for length in before]
        for layer in self.cache.layers:
            layer.align(starts, self.lengths)


def cache_of(row: Row | None, room: int) -> Cache:
    """A cache that starts with ``row`` (or empty), with ``room`` for more, and leaves the row's tensors untouched."""
    if row is None:
        return DynamicCache()
    return Cache(layers=[_GrowingLayer([layer], row.length + room) for layer in row.layers])


def row_of(cache: Cache) -> Row:
    """The only row of a cache that the model has filled."""
    return Row(tuple((layer.keys[0], layer.values[0]) for layer in cache.layers))


def check_cacheable(model: Any) -> None:
    """Raise Unsupported for a model with recurrent layers: their states cannot be cut at a prefix."""
    for layer in DynamicCache(config=model.config).layers:
        if isinstance(layer, LinearAttentionCacheLayerMixin) or not isinstance(layer, DynamicLayer):
            raise Unsupported(f"the torch engine caches attention only, and this model has {type(layer).__name__}")


class _GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of rows in buffers with room to spare: a step writes its token in place, a plain one copies all."""

    def __init__(self, rows: Sequence[tuple[Tensor, Tensor]], size: int) -> None:
        super().__init__()
        keys = rows[0][0]
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        longest = max(row[0].shape[1] for row in rows)
        self._keys = _padded([row[0] for row in rows], longest, size)
        self._values = _padded([row[1] for row in rows], longest, size)
        self._show(longest)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        start = int(self.keys.shape[2])
        end = start + int(key_states.shape[2])
        if end > self._keys.shape[2]:
            size = end + max(_ROOM, end // _SPARE)
            self._keys = _padded(list(self.keys), start, size)
            self._values = _padded(list(self.values), start, size)
        self._keys[:, :, start:end] = key_states
        self._values[:, :, start:end] = value_states
        self._show(end)
        return self.keys, self.values

    def align(self, starts: Sequence[int], lengths: Sequence[int]) -> None:
        """Move each row, ``length`` tokens from its ``start``, to end with the longest."""
        longest = max(lengths)
        for b, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            if start + length != longest:
                for buffer in (self._keys, self._values):
                    buffer[b, :, longest - length : longest] = buffer[b, :, start : start + length].clone()
        self._show(longest)

    def _show(self, length: int) -> None:
        self.keys, self.values = self._keys[:, :, :length], self._values[:, :, :length]


def _padded(rows: Sequence[Tensor], longest: int, size: int) -> Tensor:
    """Rows [H, L, D] as one buffer [B, H, size, D], each ending at ``longest``."""
    heads, _, width = rows[0].shape
    buffer = rows[0].new_zeros(len(rows), heads, size, width)
    for b, row in enumerate(rows):
        buffer[b, :, longest - row.shape[1] : longest] = row
    return buffer
