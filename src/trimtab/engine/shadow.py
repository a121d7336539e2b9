"""A live model's weights as a few fused matrices, and a decode step over them with as few operations as will do.

Axes: B rows, T tokens, P prompt tokens, L generated tokens, H query heads, G key/value heads, R = H/G, W head width,
D hidden size, V vocabulary. The arithmetic is the trainer's: matrix products in ``dtype``, all else in float32.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention

from trimtab.engine.core import Unsupported

_PARTS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_STATIC_ROPE = frozenset({"default", "linear", "llama3", "yarn"})


class _Norm(NamedTuple):
    weight: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight.shape, self.weight, self.epsilon)


@dataclass(slots=True)
class _Layer:
    """The fused weights of one layer: ``qkv`` [(H + 2G)W, D], ``gate_up`` [2F, D]."""

    norms: list["_Norm"]
    """Before the attention and before the MLP; then, where the model has them, of query and key heads."""
    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor
    qkv_bias: Tensor | None
    activation: Callable[[Tensor], Tensor]


@dataclass(slots=True, eq=False)
class Prompt:
    """A prompt's keys and values, [G, P, W] a layer, shared by all of its rows."""

    keys: list[Tensor]
    values: list[Tensor]

    @property
    def length(self) -> int:
        return int(self.keys[0].shape[1])


@dataclass(slots=True, eq=False)
class Rows:
    """Rows in step: each follows one of ``prompts``; all have generated equally many tokens, so nothing is masked."""

    prompts: list[Prompt]
    counts: list[int]
    """Rows of each prompt, in order."""
    keys: list[Tensor]
    values: list[Tensor]
    """[B, G, room, W] a layer, the first ``length`` tokens filled."""
    length: int = 0

    def keep(self, stay: Sequence[int]) -> None:
        """Only the rows ``stay`` (ascending) go on; a prompt without rows is let go."""
        ends = [sum(self.counts[: i + 1]) for i in range(len(self.counts))]
        counts = [
            sum(1 for row in stay if end - count <= row < end) for end, count in zip(ends, self.counts, strict=True)
        ]
        left = [i for i, count in enumerate(counts) if count]
        self.prompts, self.counts = [self.prompts[i] for i in left], [counts[i] for i in left]
        index = torch.tensor(list(stay), device=self.keys[0].device)
        for buffers in (self.keys, self.values):
            for i, buffer in enumerate(buffers):
                used = buffer[:, :, : self.length].index_select(0, index)
                buffers[i] = buffer.new_empty(len(stay), *buffer.shape[1:])
                buffers[i][:, :, : self.length] = used


class Shadow:
    """The decode forward of Llama-like models: rotary halves, RMS norms, gated MLPs, grouped queries.

    ``refresh`` copies the live weights, adapters merged. Whether the shadow really is its model is for the caller
    to check (``rollouts.RolloutSampler`` does); what it plainly cannot be raises Unsupported.
    """

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._backbone = self._causal.base_model
        _check(self._backbone)
        first = self._backbone.layers[0].self_attn
        self._width, self._scale = int(first.head_dim), float(first.scaling)
        self._query_heads = _base(first.q_proj).weight.shape[0] // self._width
        self._heads = _base(first.k_proj).weight.shape[0] // self._width
        self._wide = torch.float64 if self.dtype == torch.float64 else torch.float32
        head = self._causal.get_output_embeddings()
        self._head = self._room([head])
        self.layers = [self._fused(layer) for layer in self._backbone.layers]
        self.refresh()

    @property
    def device(self) -> torch.device:
        return self._head.device

    @property
    def bytes_a_token(self) -> int:
        """Of one row's keys and values."""
        return int(2 * len(self.layers) * self._heads * self._width * self._wide.itemsize)

    @torch.no_grad()
    def refresh(self) -> None:
        """Copies the live weights as they are now, whole where they are shards (then every process must call it)."""
        self._head.copy_(effective_weight(self._causal.get_output_embeddings()))
        self._embedding, self._last_norm = _whole(self._backbone.embed_tokens.weight), _norm_of(self._backbone.norm)
        for fused, layer in zip(self.layers, self._backbone.layers, strict=True):
            attention, mlp = layer.self_attn, layer.mlp
            _fill(fused.qkv, [attention.q_proj, attention.k_proj, attention.v_proj])
            _fill(fused.out, [attention.o_proj])
            _fill(fused.gate_up, [mlp.gate_proj, mlp.up_proj])
            _fill(fused.down, [mlp.down_proj])
            if fused.qkv_bias is not None:
                parts = (attention.q_proj, attention.k_proj, attention.v_proj)
                fused.qkv_bias.copy_(torch.cat([_whole(_base(part).bias) for part in parts]))
            fused.norms = [_norm_of(norm) for norm in _norms(layer)]

    @torch.inference_mode()
    def prefill(self, ids: Sequence[int]) -> tuple[Prompt, Tensor]:
        """A prompt's keys and values, and the logits [V] of its last token."""
        prompt, position_T = Prompt([], []), torch.arange(len(ids), device=self.device)

        def attend(index: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            query, key, value = (x.transpose(0, 1).contiguous() for x in (query, key, value))
            prompt.keys.append(key)
            prompt.values.append(value)
            out = scaled_dot_product_attention(
                query[None], key[None], value[None], is_causal=True, scale=self._scale, enable_gqa=True
            )
            return out[0].transpose(0, 1)

        hidden_TD = self._forward(torch.tensor(list(ids), device=self.device), position_T, attend)
        return prompt, self._logits(hidden_TD[-1:])[0]

    def rows(self, prompts: Sequence[Prompt], counts: Sequence[int], room: int) -> Rows:
        """Empty rows over ``prompts``, with buffers for ``room`` tokens each."""
        shape = (sum(counts), self._heads, room, self._width)
        keys, values = (
            [torch.empty(shape, dtype=self._wide, device=self.device) for _ in self.layers] for _ in range(2)
        )
        return Rows(list(prompts), list(counts), keys, values)

    @torch.inference_mode()
    def step(self, tokens: Sequence[int], rows: Rows) -> Tensor:
        """The logits [B, V] after each row's next token, which joins its keys and values."""
        starts = [prompt.length for prompt, count in zip(rows.prompts, rows.counts, strict=True) for _ in range(count)]
        position_B = torch.tensor(starts, device=self.device) + rows.length
        rows.length += 1

        def attend(index: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            rows.keys[index][:, :, rows.length - 1] = key
            rows.values[index][:, :, rows.length - 1] = value
            return self._attend(index, query, rows)

        return self._logits(self._forward(torch.tensor(list(tokens), device=self.device), position_B, attend))

    def _attend(self, index: int, query_BHW: Tensor, rows: Rows) -> Tensor:
        """Queries over their prompt's keys, which the rows of a prompt share, and their own: one softmax over both."""
        batch, width, repeat = len(query_BHW), self._width, self._query_heads // self._heads
        query = (query_BHW * self._scale).view(batch * self._heads, repeat, width)
        own_keys, own_values = (
            buffers[index][:, :, : rows.length].flatten(0, 1) for buffers in (rows.keys, rows.values)
        )
        own = torch.bmm(query, own_keys.transpose(1, 2))
        out, start = torch.empty_like(query).view(batch, self._heads, repeat, width), 0
        own = own.view(batch, self._heads, repeat, rows.length)
        shared_out = []
        for prompt, count in zip(rows.prompts, rows.counts, strict=True):
            part = slice(start, start + count)
            # [count, G, R, W] to [G, count·R, W]: one product with the prompt's keys for all of its rows.
            asked = query.view(batch, self._heads, repeat, width)[part].transpose(0, 1).reshape(self._heads, -1, width)
            seen = torch.bmm(asked, prompt.keys[index].transpose(1, 2))
            mine = own[part].transpose(0, 1).reshape(self._heads, -1, rows.length)
            weight = torch.cat([seen, mine], dim=2).softmax(dim=2)
            shared = torch.bmm(weight[:, :, : prompt.length], prompt.values[index])
            shared_out.append(shared.view(self._heads, count, repeat, width).transpose(0, 1))
            own[part] = weight[:, :, prompt.length :].view(self._heads, count, repeat, rows.length).transpose(0, 1)
            start += count
        out = torch.bmm(own.view(batch * self._heads, repeat, rows.length), own_values).view_as(out)
        return out.add_(shared_out[0] if len(shared_out) == 1 else torch.cat(shared_out))

    def _forward(
        self, ids_T: Tensor, position_T: Tensor, attend: Callable[[int, Tensor, Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Hidden states [T, D] after the last norm; ``attend`` gets [T, H or G, W] a layer."""
        cos, sin = self._rotation(position_T)
        queries, both = self._query_heads, self._query_heads + self._heads
        hidden: Tensor = self._embedding[ids_T].to(self._wide)
        for index, layer in enumerate(self.layers):
            x = layer.norms[0](hidden).to(self.dtype)
            mixed = linear(x, layer.qkv, layer.qkv_bias).to(self._wide).view(len(x), -1, self._width)
            turned = mixed[:, :both]
            if len(layer.norms) > 2:
                parts = zip(torch.split(turned, [queries, self._heads], dim=1), layer.norms[2:], strict=True)
                turned = torch.cat([norm(part) for part, norm in parts], dim=1)
            low, high = turned.chunk(2, dim=2)
            turned = (turned * cos).addcmul_(torch.cat([high, low], dim=2), sin)
            seen = attend(index, turned[:, :queries], turned[:, queries:], mixed[:, both:])
            hidden = hidden + linear(seen.reshape(len(x), -1).to(self.dtype), layer.out)
            gate, up = linear(layer.norms[1](hidden).to(self.dtype), layer.gate_up).chunk(2, dim=1)
            hidden = hidden + linear(layer.activation(gate).mul_(up), layer.down)
        return hidden

    def _logits(self, hidden_TD: Tensor) -> Tensor:
        logits: Tensor = linear(self._last_norm(hidden_TD).to(self.dtype), self._head).to(self._wide)
        return logits

    def _rotation(self, position_T: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines, and sines signed for halves that changed places: both [T, 1, W]."""
        like = torch.empty(1, dtype=self._wide, device=self.device)
        cos, sin = self._backbone.rotary_emb(like, position_T[None])
        low, high = sin[0].chunk(2, dim=1)
        return cos[0][:, None], torch.cat([-low, high], dim=1)[:, None]

    def _fused(self, layer: Any) -> _Layer:
        attention, mlp = layer.self_attn, layer.mlp
        found = [getattr(_base(getattr(attention, name)), "bias", None) for name in _PARTS[:3]]
        biases = [bias for bias in found if bias is not None]
        others = (attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        if any(getattr(_base(part), "bias", None) is not None for part in others):
            raise Unsupported("biases outside the attention's input")
        if biases and len(biases) < len(found):
            raise Unsupported("a bias on some of the attention's projections only")
        return _Layer(
            [_norm_of(norm) for norm in _norms(layer)],
            qkv=self._room([attention.q_proj, attention.k_proj, attention.v_proj]),
            out=self._room([attention.o_proj]),
            gate_up=self._room([mlp.gate_proj, mlp.up_proj]),
            down=self._room([mlp.down_proj]),
            qkv_bias=torch.cat(list(map(_whole, biases))).to(self.dtype) if biases else None,
            activation=mlp.act_fn,
        )

    def _room(self, parts: list[Any]) -> Tensor:
        weights = [_base(part).weight for part in parts]
        rows = sum(len(weight) for weight in weights)
        return torch.empty(rows, weights[0].shape[1], dtype=self.dtype, device=weights[0].device)


def effective_weight(module: Any) -> Tensor:
    """A linear module's weight, whole, with its active adapters merged: LoRA's W + s B A (Hu et al. 2021, eq. 3), or
    DoRA's m (W + s B A) / ‖W + s B A‖ a row (Liu et al. 2024, eq. 5)."""
    base = _base(module)
    weight = _whole(base.weight)
    if base is module or module.disable_adapters or module.merged:
        return weight
    for name in module.active_adapters:
        if name not in module.lora_A:
            continue
        low, high = (_whole(part[name].weight) for part in (module.lora_A, module.lora_B))
        weight = weight + module.scaling[name] * (high @ low).to(weight.dtype)
        if name in module.lora_magnitude_vector:
            length = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
            weight = weight * (_whole(module.lora_magnitude_vector[name].weight)[:, None] / length)
    return weight


def _whole(tensor: Tensor) -> Tensor:
    """The tensor itself, or all of its shards together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _base(module: Any) -> Any:
    return module.get_base_layer() if hasattr(module, "get_base_layer") else module


def _fill(target: Tensor, parts: list[Any]) -> None:
    start = 0
    for weight in map(effective_weight, parts):
        target[start : start + len(weight)].copy_(weight)
        start += len(weight)


def _norms(layer: Any) -> list[Any]:
    attention = layer.self_attn
    heads = [attention.q_norm, attention.k_norm] if hasattr(attention, "q_norm") else []
    return [layer.input_layernorm, layer.post_attention_layernorm, *heads]


def _norm_of(norm: Any) -> _Norm:
    return _Norm(_whole(norm.weight), float(norm.variance_epsilon))


def _check(backbone: Any) -> None:
    """Raises Unsupported where the backbone does not have the parts that the shadow computes with."""
    for name in ("layers", "embed_tokens", "norm", "rotary_emb"):
        if not hasattr(backbone, name):
            raise Unsupported(f"the model's backbone has no {name}")
    if getattr(backbone.rotary_emb, "rope_type", None) not in _STATIC_ROPE:
        raise Unsupported("rotary angles that change with the length")
    for layer in backbone.layers:
        for module in _linears(layer):
            if not isinstance(_base(module), torch.nn.Linear):
                raise Unsupported(f"a projection is a {type(_base(module)).__name__}")
        attention = layer.self_attn
        if getattr(attention, "sliding_window", None) is not None:
            raise Unsupported("sliding windows")
        if not all(hasattr(norm, "variance_epsilon") for norm in (*_norms(layer), backbone.norm)):
            raise Unsupported("norms that are no RMS norms")


def _linears(layer: Any) -> Iterator[Any]:
    for name in _PARTS:
        place = layer.self_attn if hasattr(getattr(layer, "self_attn", None), name) else getattr(layer, "mlp", None)
        if not hasattr(place, name) or not hasattr(layer, "input_layernorm"):
            raise Unsupported(f"a layer has no {name}")
        yield getattr(place, name)
