"""Many texts as sets of word runs, without making a string of each word: 64-bit keys over the bytes of normal forms."""

import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from trimtab.text.normal import folded_ascii, words

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

WIDTH = 3
_BATCH = 4096
_THREADS = 2
_SPACE, _END = 32, 10
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The runs of text i are ``keys[starts[i] : starts[i + 1]]``, in the text's order, repeats included.

    ``keys`` uint64 [sum of runs], ``starts`` int64 [texts + 1], ``numbers`` uint64 [texts]: one key for the set of
    words with a digit, 0 where there is none. Equal keys mean equal runs, but for a chance of 2⁻⁶⁴ a pair.
    """

    keys: Keys
    starts: Places
    numbers: Keys

    def __len__(self) -> int:
        return len(self.numbers)


def shingles(texts: Sequence[str], width: int = WIDTH) -> Shingles:
    """Every run of ``width`` words of each text's normal form; a text of fewer words is one run, an empty one too."""
    with ThreadPoolExecutor(_THREADS) as pool:  # numpy lets go of Python's lock
        parts = list(pool.map(lambda first: _batch(texts[first : first + _BATCH], width), range(0, len(texts), _BATCH)))
    starts = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.starts) for part in parts)])
    empty = np.empty(0, np.uint64)
    return Shingles(
        np.concatenate([empty, *(part.keys for part in parts)]),
        np.cumsum(starts),
        np.concatenate([empty, *(part.numbers for part in parts)]),
    )


def mixed(x: Keys) -> Keys:
    """The finaliser of splitmix64 (Steele et al. 2014): spreads every bit of 64 over all."""
    x = x + np.uint64(_BASE)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _batch(texts: Sequence[str], width: int) -> Shingles:
    data = np.frombuffer("\n".join([*map(_spelled, texts), ""]).encode("utf-8", "surrogatepass"), np.uint8)
    inside = data > _SPACE
    edges = np.flatnonzero(np.diff(inside, prepend=False))  # a word's first byte, and the one behind its last
    first, behind = edges[::2], edges[1::2]
    word = _word_keys(data, first, behind)
    ends = np.flatnonzero(data == _END)
    counts = np.diff(np.searchsorted(first, ends), prepend=0)
    digits = np.cumsum((data >= 48) & (data <= 57), dtype=np.int64)
    has_digit = digits[behind - 1] > digits[first] - ((data[first] >= 48) & (data[first] <= 57))
    numbers = _set_keys(word[has_digit], np.repeat(np.arange(len(texts)), counts)[has_digit], len(texts))
    word, counts = _padded(word, counts, width)
    return Shingles(_runs(word, counts, width), np.concatenate([[0], np.cumsum(counts - width + 1)]), numbers)


def _spelled(text: str) -> str:
    """The words of the normal form with spaces between; any script's digits as 0 to 9."""
    return folded_ascii(text) if text.isascii() else " ".join(words(text)).translate(_DIGITS)


def _word_keys(data: npt.NDArray[np.uint8], first: Places, behind: Places) -> Keys:
    """Σ letter[byte] · base^place mod 2⁶⁴ of each word, from one running sum over the whole batch."""
    powers, inverses = _powers(len(data).bit_length())
    running = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(_LETTER[data] * powers[: len(data)], out=running[1:])
    return mixed((running[behind] - running[first]) * inverses[first])


def _set_keys(keys: Keys, owner: Places, owners: int) -> Keys:
    """One key for each owner's set of keys: repeats and order do not matter."""
    order = np.lexsort((keys, owner))
    keys, owner = keys[order], owner[order]
    new = np.ones(len(keys), bool)
    new[1:] = (keys[1:] != keys[:-1]) | (owner[1:] != owner[:-1])
    found = np.zeros(owners, np.uint64)
    np.add.at(found, owner[new], mixed(keys[new]))
    return found


def _padded(word: Keys, counts: Places, width: int) -> tuple[Keys, Places]:
    """Texts of fewer words filled up with a key that is no word's."""
    wanted = np.maximum(counts, width)
    if (wanted == counts).all():
        return word, counts
    full = np.zeros(int(wanted.sum()), np.uint64)
    start = np.cumsum(wanted) - wanted
    full[np.repeat(start - (np.cumsum(counts) - counts), counts) + np.arange(len(word))] = word
    return full, wanted


def _runs(word: Keys, counts: Places, width: int) -> Keys:
    """The key of each run that lies within one text."""
    starts = max(len(word) - width + 1, 0)
    rolled = np.zeros(starts, np.uint64)
    for i in range(width):
        rolled = mixed(rolled + word[i : i + starts])
    last = np.repeat(np.cumsum(counts) - width, counts)[:starts]
    return rolled[np.arange(starts) <= last]


_LETTER = mixed(np.arange(256, dtype=np.uint64) + np.uint64(1 << 32))


@lru_cache(maxsize=4)
def _powers(bits: int) -> tuple[Keys, Keys]:
    """base^i and base^−i mod 2⁶⁴ for each i below 2^bits."""
    forth, back = (np.full(1 << bits, base, np.uint64) for base in (_BASE, _INVERSE))
    forth[0] = back[0] = 1
    return np.cumprod(forth), np.cumprod(back)


class _Digits(dict[int, int | str]):
    def __missing__(self, code: int) -> int | str:
        digit = unicodedata.digit(chr(code), None)
        self[code] = code if digit is None else str(digit)
        return self[code]


_DIGITS = _Digits()
