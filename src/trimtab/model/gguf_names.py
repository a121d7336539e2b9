"""How transformers and GGUF name the same things: architectures, tensors, pre-tokenizers."""

import re
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from trimtab.records import UserError

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Architecture:
    """``rotary_pairs``: GGUF stores query and key rows for interleaved rotary pairs, transformers for halves."""

    name: str
    model_type: str
    class_name: str
    rotary_pairs: bool = False
    qk_norm: bool = False


ARCHITECTURES = (
    Architecture("llama", "llama", "LlamaForCausalLM", rotary_pairs=True),
    Architecture("qwen2", "qwen2", "Qwen2ForCausalLM"),
    Architecture("qwen3", "qwen3", "Qwen3ForCausalLM", qk_norm=True),
)

_OUTER = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_GGUF_BLOCK = re.compile(r"blk\.(\d+)\.([a-z_]+)\.(weight|bias)")
_HF_BLOCK = re.compile(r"model\.layers\.(\d+)\.([a-z_.]+)\.(weight|bias)")
_TO_GGUF = {name: short for short, name in _INNER.items()}

_DIGITS = {"type": "Digits", "individual_digits": True}
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_BYTES_ONLY = _BYTES | {"use_regex": False}
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PRE_TOKENIZERS: dict[str, tuple[dict[str, Any], ...]] = {
    "gpt-2": (_BYTES,),
    "smollm": (_DIGITS, _BYTES),
    "qwen2": ({"type": "Split", "pattern": {"Regex": _WORDS % r"\p{N}"}, "behavior": "Isolated"}, _BYTES_ONLY),
    "llama-bpe": ({"type": "Split", "pattern": {"Regex": _WORDS % r"\p{N}{1,3}"}, "behavior": "Isolated"}, _BYTES_ONLY),
}
"""GGUF's ``tokenizer.ggml.pre`` and the steps of tokenizer.json that it stands for."""


def architecture(*, gguf: str | None = None, model_type: str | None = None) -> Architecture:
    """Look an architecture up by either name. Raises UserError for one that we cannot convert."""
    for known in ARCHITECTURES:
        if known.name == gguf or known.model_type == model_type:
            return known
    names = " | ".join(known.name for known in ARCHITECTURES)
    raise UserError(f"cannot convert the architecture {gguf or model_type!r}", expected=names)


def hf_name(name: str) -> str:
    """Transformers' name of a GGUF tensor. Raises UserError for one that we do not know."""
    if name in _OUTER:
        return _OUTER[name]
    match = _GGUF_BLOCK.fullmatch(name)
    if match is None or match[2] not in _INNER:
        raise UserError(f"unknown tensor {name!r} in the GGUF file")
    return f"model.layers.{match[1]}.{_INNER[match[2]]}.{match[3]}"


def gguf_name(name: str) -> str:
    """The inverse of ``hf_name``."""
    for short, long in _OUTER.items():
        if long == name:
            return short
    match = _HF_BLOCK.fullmatch(name)
    if match is None or match[2] not in _TO_GGUF:
        raise UserError(f"cannot write the tensor {name!r} as GGUF", fix="Merge adapters before the export")
    return f"blk.{match[1]}.{_TO_GGUF[match[2]]}.{match[3]}"


def to_pairs(rows: Array, heads: int) -> Array:
    """Rows of a query or key projection from halves (transformers) to interleaved pairs (GGUF llama)."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def to_halves(rows: Array, heads: int) -> Array:
    """The inverse of ``to_pairs``."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def shuffled_heads(name: str, known: Architecture, heads: int, kv_heads: int) -> int | None:
    """How many heads' rows a tensor (GGUF's name) shuffles between the two layouts; None where none."""
    if not known.rotary_pairs:
        return None
    kind = name.split(".")[2] if name.startswith("blk.") else ""
    return {"attn_q": heads, "attn_k": kv_heads}.get(kind)
