"""A model folder becomes one GGUF file, for the embedded engine and for llama.cpp."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from trimtab.model.dialect import Dialect
from trimtab.model.folder import check_folder
from trimtab.model.gguf_names import (
    PRE_TOKENIZERS,
    Architecture,
    Array,
    architecture,
    gguf_name,
    shuffled_heads,
    to_pairs,
)
from trimtab.records import UserError

Kind = Literal["f16", "q8_0", "q4_0", "f32"]
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5
_FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7}
_BLOCK = 32  # values of a row that share a scale in Q8_0 and Q4_0
_VOCABULARY = ("token_embd.weight", "output.weight")
_F16_MAX = 65504.0


def to_gguf(folder: Path, target: Path, kind: Kind = "f16") -> Path:
    """Write the model of ``folder`` as one GGUF file, atomically. Returns ``target``.

    Matrices as ``kind``, vectors (norms, biases) as float32; every weight is written, so full fine-tunes are whole.
    The embedding and the output of a q4_0 file are q8_0: four bits there cost SmolLM2 another 0.09 nats a token.
    llama, qwen2 and qwen3 with byte-level BPE. OpenVINO reads f16, q8_0 and q4_0, not f32. Raises UserError where the
    model cannot be written so.
    """
    if kind not in get_args(Kind):
        raise UserError(f"unknown GGUF kind {kind!r}", expected=" | ".join(get_args(Kind)))
    check_folder(folder)
    source = _Source.open(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        _write(source, Path(name), kind)
        with Path(name).open("rb") as file:
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except OSError as error:
        raise UserError(f"could not be written ({error.strerror})", file=target, fix="Is the disk full?") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return target


@dataclass(frozen=True, slots=True)
class _Source:
    """What a folder holds, read lazily: ``config`` and ``tokenizer`` are its JSON files."""

    folder: Path
    config: dict[str, Any]
    tokenizer: dict[str, Any]
    known: Architecture

    @classmethod
    def open(cls, folder: Path) -> "_Source":
        config = _json(folder / "config.json")
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        if rope.get("rope_type", rope.get("type", "default")) != "default":
            raise UserError("the model scales its rotary positions, which we cannot write as GGUF", file=folder)
        known = architecture(model_type=str(config.get("model_type")))
        return cls(folder, config, _json(folder / "tokenizer.json"), known)

    @property
    def heads(self) -> tuple[int, int]:
        heads = int(self.config["num_attention_heads"])
        return heads, int(self.config.get("num_key_value_heads") or heads)

    @property
    def rope_theta(self) -> float:
        nested = self.config.get("rope_parameters") or {}
        return float(nested.get("rope_theta") or self.config.get("rope_theta") or 10000.0)

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """``(GGUF name, float32 values)`` of each tensor, rows in GGUF's order; one in memory at a time."""
        from safetensors import safe_open

        tied = bool(self.config.get("tie_word_embeddings"))
        with ExitStack() as stack:
            for file in sorted(self.folder.glob("*.safetensors")):
                opened = stack.enter_context(safe_open(file, framework="pt"))
                for name in sorted(opened.keys()):
                    if not (tied and name == "lm_head.weight"):
                        yield self._placed(name, opened.get_tensor(name).float().numpy())

    def _placed(self, name: str, values: Array) -> tuple[str, Array]:
        short = gguf_name(name)
        shuffled = shuffled_heads(short, self.known, *self.heads)
        return short, values if shuffled is None else to_pairs(values, shuffled)


def _write(source: _Source, path: Path, kind: Kind) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, source.known.name)
    try:
        _add_shape(writer, source, kind)
        _add_tokenizer(writer, source)
        for name, values in source.tensors():
            packed, stored = _packed(name, values, kind)
            writer.add_tensor_info(name, packed.shape, packed.dtype, packed.nbytes, raw_dtype=stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for name, values in source.tensors():
            writer.write_tensor_data(np.ascontiguousarray(_packed(name, values, kind)[0]))
    finally:
        writer.close()


def _packed(name: str, values: Array, kind: Kind) -> tuple[Array, Any]:
    """The values as they lie in the file, and their GGUF type."""
    from gguf import GGMLQuantizationType as Type
    from gguf.quants import quantize

    if values.ndim < 2 or kind == "f32":
        return values.astype(np.float32, copy=False), Type.F32
    if kind in ("q8_0", "q4_0") and values.shape[-1] % _BLOCK == 0:
        blocks = Type.Q4_0 if kind == "q4_0" and name not in _VOCABULARY else Type.Q8_0
        return quantize(values, blocks), blocks
    if not np.abs(values).max(initial=0.0) <= _F16_MAX:
        raise UserError(f"the tensor {name} has values that float16 cannot hold, or that are no numbers")
    return values.astype(np.float16), Type.F16


def _add_shape(writer: Any, source: _Source, kind: Kind) -> None:
    config, (heads, kv_heads) = source.config, source.heads
    head_dim = int(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_name(source.folder.name)
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(2)
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_rope_freq_base(source.rope_theta)
    writer.add_rope_dimension_count(head_dim)
    writer.add_vocab_size(int(config["vocab_size"]))


def _add_tokenizer(writer: Any, source: _Source) -> None:
    model = source.tokenizer["model"]
    if model.get("type") != "BPE":
        raise UserError(f"cannot write a {model.get('type')} tokenizer as GGUF", file=source.folder, expected="BPE")
    tokens, types = _tokens(source)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_pre(source))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    fields = {"bos": writer.add_bos_token_id, "eos": writer.add_eos_token_id, "pad": writer.add_pad_token_id}
    numbers = {token: number for number, token in enumerate(tokens)}
    named = _json(source.folder / "tokenizer_config.json")
    for name, add in fields.items():
        token = named.get(f"{name}_token")
        token = token.get("content") if isinstance(token, dict) else token
        if token in numbers:
            add(numbers[token])
    writer.add_chat_template(Dialect.of(source.folder).template)


def _tokens(source: _Source) -> tuple[list[str], list[int]]:
    """Every row of the embedding has a token, the unused ones too."""
    size = int(source.config["vocab_size"])
    tokens, types = [f"[PAD{number}]" for number in range(size)], [_UNUSED] * size
    for token, number in source.tokenizer["model"]["vocab"].items():
        tokens[number], types[number] = token, _NORMAL
    for added in source.tokenizer.get("added_tokens") or []:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = _CONTROL if added["special"] else _USER_DEFINED
    return tokens, types


def _pre(source: _Source) -> str:
    """GGUF's name of the pre-tokenizer. Raises UserError where it has none, for the text would split otherwise."""
    found = source.tokenizer.get("pre_tokenizer") or {}
    steps = found.get("pretokenizers", [found])
    for name, wanted in PRE_TOKENIZERS.items():
        if len(steps) == len(wanted) and all(_same(step, pattern) for step, pattern in zip(steps, wanted, strict=True)):
            return name
    raise UserError(
        "cannot write this tokenizer's pre-tokenizer as GGUF", file=source.folder, expected=" | ".join(PRE_TOKENIZERS)
    )


def _same(step: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Equal in all that decides where text is split (offsets do not)."""
    return all(step.get(key) == value for key, value in wanted.items() if key != "trim_offsets")


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError("no such file", file=path)
    value = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value
