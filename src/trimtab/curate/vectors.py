"""Texts as vectors: what the model gives that the door is lent, and the same vectors of length one."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Texts to float32 [texts, dimensions]."""


def unit(vectors: Vectors) -> Vectors:
    """Each row over its length, so that a product of two is their cosine; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(lengths, np.float32(1e-12))
    return scaled
