"""Weights in and out: resolve, load and save a model, its dialect, adapters and GGUF."""

from trimtab.model.dialect import Dialect, Encoded
from trimtab.model.folder import Tokenizer, load, load_tokenizer, save, weights_digest
from trimtab.model.tiny import tiny_random_model

__all__ = [
    "Dialect",
    "Encoded",
    "Tokenizer",
    "load",
    "load_tokenizer",
    "save",
    "tiny_random_model",
    "weights_digest",
]
