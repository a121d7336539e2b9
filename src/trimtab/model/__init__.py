"""Weights in and out: resolve, load and save a model, its dialect, adapters and GGUF."""

from trimtab.model.dialect import Dialect, Encoded
from trimtab.model.folder import Tokenizer, load, load_tokenizer, save, weights_digest
from trimtab.model.resolve import DEFAULT_MODEL, ModelRef, default_cache, parse_ref, resolve
from trimtab.model.tiny import tiny_random_model

__all__ = [
    "DEFAULT_MODEL",
    "Dialect",
    "Encoded",
    "ModelRef",
    "Tokenizer",
    "default_cache",
    "load",
    "load_tokenizer",
    "parse_ref",
    "resolve",
    "save",
    "tiny_random_model",
    "weights_digest",
]
