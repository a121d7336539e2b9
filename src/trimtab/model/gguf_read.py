"""A GGUF file becomes a model folder: every tensor as float32 safetensors, its tokenizer, its config."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trimtab.model.dialect import Dialect
from trimtab.model.folder import TEMPLATE_FILE, replacing
from trimtab.model.gguf_names import (
    PRE_TOKENIZERS,
    Architecture,
    Array,
    architecture,
    hf_name,
    shuffled_heads,
    to_halves,
)
from trimtab.records import Progress, Silent, UserError

_CONTROL, _USER_DEFINED = 3, 4
_ALIASES = {"default": "gpt-2", "deepseek-r1-qwen": "qwen2", "llama3": "llama-bpe", "llama-v3": "llama-bpe"}


def from_gguf(file: Path, target: Path, progress: Progress | None = None) -> Path:
    """Write ``file`` as a model folder at ``target``: float32 values, dequantised as ggml defines them.

    Knows llama, qwen2 and qwen3 with byte-level BPE tokenizers. The folder's chat template is the dialect's. Raises
    UserError on anything else.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
    except (ValueError, OSError) as error:
        raise UserError(f"not a GGUF file ({error})", file=file) from error
    fields = {name: field.contents() for name, field in reader.fields.items()}
    known = architecture(gguf=str(fields.get("general.architecture")))
    try:
        with replacing(target) as fresh:
            _write_weights(fresh, reader, fields, known, progress or Silent())
            _write_config(fresh, fields, known, tied=not any(t.name == "output.weight" for t in reader.tensors))
            write_tokenizer(fresh, fields)
            (fresh / TEMPLATE_FILE).write_text(Dialect.of(fresh).template, encoding="utf-8")
    except KeyError as error:
        raise UserError(f"the GGUF file lacks {error}", file=file) from error
    except UserError as error:
        raise error.at(file=file) from error
    return target


def _write_weights(folder: Path, reader: Any, fields: dict[str, Any], known: Architecture, progress: Progress) -> None:
    from safetensors.numpy import save_file

    progress.start("Converting the model", len(reader.tensors))
    heads, kv_heads = _number(fields, known, "attention.head_count"), _number(fields, known, "attention.head_count_kv")
    tensors: dict[str, Array] = {}
    for name, values in _values(reader):
        shuffled = shuffled_heads(name, known, heads, kv_heads)
        tensors[hf_name(name)] = np.ascontiguousarray(values if shuffled is None else to_halves(values, shuffled))
        progress.advance()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _values(reader: Any) -> Iterator[tuple[str, Array]]:
    from gguf.quants import dequantize

    for tensor in reader.tensors:
        try:
            yield tensor.name, dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        except NotImplementedError as error:
            raise UserError(f"cannot read tensors of type {tensor.tensor_type.name}") from error


def _write_config(folder: Path, fields: dict[str, Any], known: Architecture, *, tied: bool) -> None:
    def number(key: str) -> int:
        return _number(fields, known, key)

    if fields.get(f"{known.name}.rope.scaling.type", "none") != "none":
        raise UserError("the GGUF file scales its rotary positions, which we cannot convert")
    heads, hidden = number("attention.head_count"), number("embedding_length")
    config = {
        "architectures": [known.class_name],
        "model_type": known.model_type,
        "hidden_size": hidden,
        "intermediate_size": number("feed_forward_length"),
        "num_hidden_layers": number("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": number("attention.head_count_kv"),
        "head_dim": int(fields.get(f"{known.name}.attention.key_length", hidden // heads)),
        "max_position_embeddings": number("context_length"),
        "rms_norm_eps": _short(fields[f"{known.name}.attention.layer_norm_rms_epsilon"]),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": _short(fields.get(f"{known.name}.rope.freq_base", 10000.0)),
        },
        "hidden_act": "silu",
        "vocab_size": len(fields["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": tied,
        "dtype": "float32",
    }
    ids = {
        f"{name}_token_id": fields[f"tokenizer.ggml.{key}_token_id"]
        for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
        if f"tokenizer.ggml.{key}_token_id" in fields
    }
    _write(folder / "generation_config.json", ids)
    if ids.get("pad_token_id") == ids.get("eos_token_id"):
        del ids["pad_token_id"]  # transformers would cut the embedding's gradient at that row: the end of turn
    _write(folder / "config.json", config | ids)


def write_tokenizer(folder: Path, fields: dict[str, Any]) -> None:
    """Write the byte-level BPE tokenizer that a GGUF file's metadata describe. Raises UserError on other kinds."""
    kind, pre = fields.get("tokenizer.ggml.model"), str(fields.get("tokenizer.ggml.pre", "default"))
    pre = _ALIASES.get(pre, pre)
    if kind != "gpt2" or pre not in PRE_TOKENIZERS:
        raise UserError(
            f"cannot convert the tokenizer {kind}/{pre}", expected="gpt2 with " + " | ".join(PRE_TOKENIZERS)
        )
    tokens, types = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    added = [
        {"id": number, "content": token, "special": types[number] == _CONTROL}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for number, token in enumerate(tokens)
        if types[number] in (_CONTROL, _USER_DEFINED)
    ]
    bytes_only = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    steps = [{"invert": False} | step if step["type"] == "Split" else step for step in PRE_TOKENIZERS[pre]]
    model = {
        "type": "BPE",
        "vocab": {token: number for number, token in enumerate(tokens)},
        "merges": [merge.split(" ", 1) for merge in fields["tokenizer.ggml.merges"]],
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": pre == "llama-bpe",
    }
    _write(
        folder / "tokenizer.json",
        {
            "version": "1.0",
            "added_tokens": added,
            "normalizer": {"type": "NFC"} if pre == "qwen2" else None,
            "pre_tokenizer": steps[0] if len(steps) == 1 else {"type": "Sequence", "pretokenizers": steps},
            "post_processor": None,
            "decoder": bytes_only,
            "model": model,
        },
    )
    _write(folder / "tokenizer_config.json", _tokenizer_config(fields))
    if template := fields.get("tokenizer.chat_template"):
        (folder / TEMPLATE_FILE).write_text(template, encoding="utf-8")


def _tokenizer_config(fields: dict[str, Any]) -> dict[str, Any]:
    tokens = fields["tokenizer.ggml.tokens"]
    names = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}
    named = {
        name: tokens[fields[f"tokenizer.ggml.{key}_token_id"]]
        for name, key in names.items()
        if f"tokenizer.ggml.{key}_token_id" in fields
    }
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **named,
        "clean_up_tokenization_spaces": False,
        "model_max_length": int(fields[f"{fields['general.architecture']}.context_length"]),
    }


def _number(fields: dict[str, Any], known: Architecture, key: str) -> int:
    return int(fields[f"{known.name}.{key}"])


def _short(value: float) -> float:
    """GGUF keeps 32 bits; the shortest decimal that means the same 32 bits is the number that was meant."""
    return float(str(np.float32(value)))


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
