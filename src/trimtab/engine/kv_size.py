"""How much memory a token's keys and values take: layers × 2 × key-value heads × head width × bytes an element."""

import json
from pathlib import Path


def kv_bytes(folder: Path, element: int) -> int:
    """Bytes a token of context holds in a model's cache, from its config.json; 0 where that does not say.

    ``element``: bytes of one number. Layers with a sliding window or without attention are counted like the others, so
    the figure is never too small.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = config.get("text_config") or config
        heads = int(config["num_attention_heads"])
        shared = int(config.get("num_key_value_heads") or heads)
        width = int(config.get("head_dim") or int(config["hidden_size"]) // heads)
        return int(config["num_hidden_layers"]) * 2 * shared * width * element
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return 0


def kv_tokens(folder: Path, cache_bytes: int, element: int) -> int:
    """Tokens that a cache of so many bytes holds; 0 where the model's size is not known."""
    size = kv_bytes(folder, element)
    return cache_bytes // size if size else 0
