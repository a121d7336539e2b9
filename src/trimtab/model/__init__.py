"""Weights in and out: resolve, load and save a model, its dialect, adapters and GGUF."""

from trimtab.model.adapters import lora, merge
from trimtab.model.dialect import Dialect, Encoded
from trimtab.model.folder import Tokenizer, load, load_tokenizer, save, weights_digest
from trimtab.model.gguf_read import from_gguf
from trimtab.model.gguf_write import to_gguf
from trimtab.model.heads import is_reward, load_reward, reward_lora
from trimtab.model.resolve import DEFAULT_MODEL, ModelRef, default_cache, parse_ref, resolve
from trimtab.model.tiny import tiny_random_model

__all__ = [
    "DEFAULT_MODEL",
    "Dialect",
    "Encoded",
    "ModelRef",
    "Tokenizer",
    "default_cache",
    "from_gguf",
    "is_reward",
    "load",
    "load_reward",
    "load_tokenizer",
    "lora",
    "merge",
    "parse_ref",
    "resolve",
    "reward_lora",
    "save",
    "tiny_random_model",
    "to_gguf",
    "weights_digest",
]
