"""Texts that are nearly one: MinHash signatures looked up by bands, then compared in full."""

import numpy as np
import numpy.typing as npt

from trimtab.text import shingle_signature

PERMUTATIONS = 128
_RECALL = 0.99
Signature = npt.NDArray[np.uint32]


def signature(text: str) -> Signature:
    """uint32 [128]."""
    return shingle_signature(text, permutations=PERMUTATIONS)


def band_rows(threshold: float) -> int:
    """The widest band that still finds a pair at ``threshold`` 99 times of 100: 1 − (1 − tʳ)^(128/r) ≥ 0.99.

    Wider bands bring fewer false candidates (Leskovec et al., Mining of Massive Datasets, section 3.4).
    """
    found = [r for r in range(1, PERMUTATIONS + 1) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= _RECALL]
    return max(found, default=1)


class NearIndex:
    """Signatures added one by one; ``nearest`` finds the most alike one at or above ``threshold``."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._rows = band_rows(threshold)
        self._bands: list[dict[bytes, list[int]]] = [{} for _ in range(PERMUTATIONS // self._rows)]
        self._signatures = np.empty((64, PERMUTATIONS), dtype=np.uint32)
        self._count = 0

    def add(self, sign: Signature) -> int:
        """The place of the new signature, from 0."""
        if self._count == len(self._signatures):
            self._signatures = np.concatenate([self._signatures, np.empty_like(self._signatures)])
        self._signatures[self._count] = sign
        for band, key in zip(self._bands, self._keys(sign), strict=True):
            band.setdefault(key, []).append(self._count)
        self._count += 1
        return self._count - 1

    def alike(self, sign: Signature) -> list[tuple[int, float]]:
        """``(place, estimated Jaccard)`` of all at or above the threshold, most alike first, then the oldest."""
        found: set[int] = set()
        for band, key in zip(self._bands, self._keys(sign), strict=True):
            found.update(band.get(key, ()))
        if not found:
            return []
        places = np.array(sorted(found))
        scores = (self._signatures[places] == sign).mean(axis=1)
        order = np.argsort(-scores, kind="stable")
        return [(int(places[i]), float(scores[i])) for i in order if scores[i] >= self._threshold]

    def _keys(self, sign: Signature) -> list[bytes]:
        width = self._rows
        return [sign[i * width : (i + 1) * width].tobytes() for i in range(PERMUTATIONS // width)]
