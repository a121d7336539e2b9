"""A tiny random model, built offline from nothing: what the other rooms' tests load in milliseconds."""

import json
import shutil
from pathlib import Path
from typing import Any

from trimtab.model.dialect import our_template
from trimtab.model.folder import TEMPLATE_FILE, Tokenizer, copy_tokenizer, load_tokenizer, quietly, replacing

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_MERGES = (
    *("Ġ t", "h e", "i n", "Ġ a", "Ġt he", "e r", "o n", "r e", "Ġ s", "a t", "Ġ c", "o u", "e n", "i s", "Ġ o", "n d"),
    *("o r", "Ġ w", "e s", "in g", "Ġ b", "i t", "a n", "Ġ f", "o o", "c a", "l l", "l e", "u s", "s t", "c k", "Ċ Ċ"),
)


def tiny_random_model(folder: Path, seed: int = 0, tokenizer_from: Path | None = None) -> Path:
    """A two-layer llama with random weights and a byte-level tokenizer at ``folder``; the same for the same seed.

    Below 1 MB, about 300 tokens, ChatML's special tokens, our chat template, ``<|im_end|>`` as end of sequence.
    ``tokenizer_from`` takes another folder's tokenizer (and so its vocabulary) instead. Dimensions suit GGUF and
    OpenVINO. Returns ``folder``.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with replacing(folder) as fresh:
        if tokenizer_from is None:
            byte_tokenizer(fresh)
        else:
            copy_tokenizer(tokenizer_from, fresh)
            if (tokenizer_from / TEMPLATE_FILE).is_file():
                shutil.copyfile(tokenizer_from / TEMPLATE_FILE, fresh / TEMPLATE_FILE)
        tokenizer = load_tokenizer(fresh)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = LlamaForCausalLM(LlamaConfig(**_shape(tokenizer)))
            _spread(model)
        quietly(model.save_pretrained, fresh)
    return folder


def byte_tokenizer(folder: Path) -> None:
    """Write a byte-level BPE tokenizer with few merges and ChatML's special tokens into ``folder``."""
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merged = ["".join(merge.split(" ")) for merge in _MERGES]
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *letters, *merged))}
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in _MERGES)]
    backend: Any = Backend(models.BPE(vocab=vocabulary, merges=pairs))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _SPECIAL])
    backend.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 4096,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / TEMPLATE_FILE).write_text(our_template(load_tokenizer(folder)), encoding="utf-8")


def _shape(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-5,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": getattr(tokenizer, "bos_token_id", None),
        "pad_token_id": getattr(tokenizer, "pad_token_id", None),
    }


def _spread(model: Any) -> None:
    """Larger weights than the usual start, so that greedy choices do not hang on the last bit."""
    import torch

    with torch.no_grad():
        for name, tensor in sorted(model.named_parameters()):
            if "norm" in name:
                tensor.normal_(1.0, 0.1)
            else:
                tensor.normal_(0.0, 0.25)
