"""MinHash: a short signature whose equal places estimate how alike two texts are."""

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from trimtab.text.normal import words
from trimtab.text.shingles import mixed

Signature = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]

_WIDTH = 3
_EMPTY = np.uint32(0xFFFFFFFF)


def shingle_signature(text: str, permutations: int = 128, seed: int = 0, width: int = _WIDTH) -> Signature:
    """uint32 [permutations]: the least hash, under each permutation, of the text's runs of ``width`` words.

    A text of fewer words is one shingle; a text without words has all places at the maximum. Signatures compare only
    where permutations, seed and width are equal (Broder 1997; multiply-shift hashing, Dietzfelbinger 1997).
    """
    shingles = _shingles(words(text), width)
    if len(shingles) == 0:
        return np.full(permutations, _EMPTY, dtype=np.uint32)
    factor, offset = _permutations(permutations, seed)
    hashed: Hashes = (shingles[:, None] * factor + offset) >> np.uint64(32)
    least: Signature = hashed.min(axis=0).astype(np.uint32)
    return least


def jaccard_estimate(a: Signature, b: Signature) -> float:
    """Share of equal places: unbiased for the Jaccard similarity of the shingle sets, SE ≤ 1/(2√permutations)."""
    if a.shape != b.shape:
        raise ValueError("signatures must be of one length")
    return float((a == b).mean())


def _shingles(tokens: list[str], width: int) -> Hashes:
    hashes = np.array([_word_hash(token) for token in tokens], dtype=np.uint64)
    count = max(len(hashes) - width + 1, min(len(hashes), 1))
    rolled = np.zeros(count, dtype=np.uint64)
    for i in range(min(width, len(hashes))):
        rolled = mixed(rolled + hashes[i : i + count])
    return np.unique(rolled)


@lru_cache(maxsize=1 << 16)
def _word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@lru_cache(maxsize=8)
def _permutations(count: int, seed: int) -> tuple[Hashes, Hashes]:
    rng = np.random.default_rng(seed)
    factor = rng.integers(0, 1 << 64, size=count, dtype=np.uint64) | np.uint64(1)
    return factor, rng.integers(0, 1 << 64, size=count, dtype=np.uint64)
