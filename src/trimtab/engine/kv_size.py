"""How much memory a token's keys and values take: layers × 2 × key-value heads × head width × bytes an element."""

import json
from dataclasses import dataclass
from pathlib import Path

from trimtab.engine.precision import CacheKind

BLOCK = 32
"""Tokens in a block of the paged cache: it is given out, and its memory taken, block by block."""
_PLAIN: dict[str, int] = {"bf16": 2, "f32": 4}
_SCALES = 8  # bytes: a float32 scale and a float32 zero point


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Bytes of keys and values: those of the blocks in use (running requests and kept prefixes), and the cache's."""

    used: int
    room: int

    @classmethod
    def of(cls, room: int, share: float) -> "CacheUse":
        return cls(round(room * share), room)


@dataclass(frozen=True, slots=True)
class _Heads:
    """Key-value heads of all layers together, and their width."""

    count: int
    width: int


def kv_bytes(folder: Path, element: int) -> int:
    """Bytes a token of context holds in a model's cache, from its config.json; 0 where that does not say.

    ``element``: bytes of one number. Layers with a sliding window or without attention are counted like the others, so
    the figure is never too small.
    """
    heads = _heads(folder)
    return heads.count * 2 * heads.width * element if heads else 0


def paged_bytes(folder: Path, cache: CacheKind) -> int:
    """Bytes a token holds in OpenVINO's paged cache; 0 where the model's size is not known.

    In u8 a value row (token and head) has a scale and a zero point of its own; keys share theirs by channel over the
    tokens of a block: width + 8 and width × (32 + 8) / 32 bytes.
    """
    heads = _heads(folder)
    if heads is None:
        return 0
    if cache != "u8":
        return kv_bytes(folder, _PLAIN[cache])
    keys, values = heads.width * (BLOCK + _SCALES) // BLOCK, heads.width + _SCALES
    return heads.count * (keys + values)


def paged_tokens(folder: Path, cache_bytes: int, cache: CacheKind) -> int:
    """Tokens that a paged cache of so many bytes holds, in whole blocks; 0 where the model's size is not known."""
    size = paged_bytes(folder, cache) * BLOCK
    return cache_bytes // size * BLOCK if size else 0


def _heads(folder: Path) -> _Heads | None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = config.get("text_config") or config
        heads = int(config["num_attention_heads"])
        shared = int(config.get("num_key_value_heads") or heads)
        width = int(config.get("head_dim") or int(config["hidden_size"]) // heads)
        return _Heads(int(config["num_hidden_layers"]) * shared, width)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return None
