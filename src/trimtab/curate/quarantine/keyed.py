"""Words as keyed numbers: runs, pairs and MinHash signatures of a text that say nothing without the key."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab.text import words

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Signature = npt.NDArray[np.uint32]

PERMUTATIONS = 128
SHINGLE = 3
PLAIN_KEY = bytes(32)
"""For cases that lie open: their prints live in memory alone."""
_KNOWN_WORDS = 1 << 18


class Keyed:
    """Hashes under one 32-byte key: blake2b of each word, folded into runs and pairs by splitmix64 and key material.

    A print tells whoever holds the key whether a guess is right, as a door must; without the key it tells nothing.
    """

    def __init__(self, key: bytes = PLAIN_KEY) -> None:
        if len(key) != 32:
            raise ValueError("the key must be 32 bytes")
        self._key = key
        self._words: dict[str, int] = {}
        self._pepper_run, self._pepper_pair = (self._material(name, 1)[0] for name in ("run", "pair"))
        self._factors = self._material("factor", PERMUTATIONS) | np.uint64(1)
        self._offsets = self._material("offset", PERMUTATIONS)

    @property
    def id(self) -> str:
        """Names the key without telling it."""
        return hashlib.blake2b(b"id", key=self._key, digest_size=8).hexdigest()

    def seal(self, data: bytes) -> str:
        """A code that only a holder of the key can make for ``data``."""
        return hashlib.blake2b(data, key=self._key, digest_size=32).hexdigest()

    def exact(self, hashes: Hashes) -> int:
        """Of a whole text, given as its words."""
        return _number(b"exact\0" + hashes.tobytes(), self._key)

    def words(self, text: str) -> Hashes:
        """uint64 [words of the text's normal form], in order."""
        known, found = self._words, []
        for word in words(text):
            value = known.get(word)
            if value is None:
                if len(known) >= _KNOWN_WORDS:
                    known.clear()
                value = known[word] = _number(b"word\0" + word.encode("utf-8", "surrogatepass"), self._key)
            found.append(value)
        return np.array(found, dtype=np.uint64)

    def runs(self, hashes: Hashes, longest: int) -> Iterator[tuple[int, Hashes]]:
        """``(n, hash of the run of n words that starts at each place)`` for n = 1 to ``longest``."""
        rolled = np.full(len(hashes), self._pepper_run, dtype=np.uint64)
        for n in range(1, longest + 1):
            if len(hashes) < n:
                return
            rolled = mix(rolled[: len(hashes) - n + 1] + hashes[n - 1 :])
            yield n, rolled ^ self._pepper_run

    def pairs(self, hashes: Hashes, gap: int) -> Hashes:
        """Hashes of each word with the one ``gap`` places on, in that order; the gap itself is no part of the hash."""
        return mix(mix(hashes[: max(len(hashes) - gap, 0)] + self._pepper_pair) + hashes[gap:])

    def signature(self, hashes: Hashes) -> Signature:
        """uint32 [128]: MinHash of the text's runs of three words (Broder 1997); the maximum where there is no word."""
        shingles = hashes
        for n, rolled in self.runs(hashes, SHINGLE):
            shingles = rolled if n <= SHINGLE else shingles
        if not len(shingles):
            return np.full(PERMUTATIONS, 0xFFFFFFFF, dtype=np.uint32)
        hashed: Hashes = (np.unique(shingles)[:, None] * self._factors + self._offsets) >> np.uint64(32)
        least: Signature = hashed.min(axis=0).astype(np.uint32)
        return least

    def _material(self, name: str, count: int) -> Hashes:
        """``count`` secret numbers for one use."""
        codes = (hashlib.blake2b(f"{name}\0{i}".encode(), key=self._key, digest_size=8).digest() for i in range(count))
        return np.frombuffer(b"".join(codes), dtype="<u8").astype(np.uint64)


@dataclass(frozen=True, slots=True)
class Laid:
    """Many texts laid end to end: the words' hashes, and for each word its text and where that text ends."""

    hashes: Hashes
    text: Places
    end: Places

    @classmethod
    def of(cls, texts: Sequence[Hashes]) -> "Laid":
        sizes = np.array([len(text) for text in texts], dtype=np.int64)
        whole = np.concatenate([*texts, np.empty(0, np.uint64)]).astype(np.uint64)
        ends = np.cumsum(sizes)
        return cls(whole, np.repeat(np.arange(len(texts)), sizes), np.repeat(ends, sizes))


def mix(x: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): spreads every bit of 64 over all."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _number(data: bytes, key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, key=key, digest_size=8).digest(), "little")
