"""What a precision means to the embedded engine: how the weights lie in the file, the arithmetic, and the cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trimtab.model.gguf_write import Kind

Precision = Literal["bf16", "f32", "int8", "int4"]
CacheKind = Literal["u8", "bf16", "f32"]


@dataclass(frozen=True, slots=True)
class Plan:
    """``weights``: of the GGUF file. ``arithmetic``: of matrix products. ``cache``: of keys and values."""

    weights: Kind
    arithmetic: Literal["bf16", "f32"]
    cache: CacheKind

    @property
    def properties(self) -> dict[str, str]:
        """What the CPU plugin is told. The cache's precision is said, for its default differs between machines."""
        return {"INFERENCE_PRECISION_HINT": self.arithmetic, "KV_CACHE_PRECISION": self.cache}


PLANS: Mapping[Precision, Plan] = {
    "bf16": Plan("f16", "bf16", "u8"),
    "f32": Plan("f16", "f32", "f32"),
    "int8": Plan("q8_0", "bf16", "u8"),
    "int4": Plan("q4_0", "bf16", "u8"),
}
