"""One form for texts that read the same: case, width, punctuation and invisible marks folded."""

import re
import unicodedata
from collections.abc import Sequence

_APOSTROPHES = frozenset("'’‘ʼ`´")
_KEPT_CATEGORIES = frozenset("LMN")
_WORD = re.compile(
    # Scripts written without spaces: each sign is a word.
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    "|[^\\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_ROUNDS = 5


class _Fold(dict[int, str | None]):
    """A translation table filled as characters are met: letters, marks and digits stay, the rest parts words."""

    def __missing__(self, code: int) -> str | None:
        char, category = chr(code), unicodedata.category(chr(code))
        kept: str | None = char if category[0] in _KEPT_CATEGORIES else " "
        if category == "Cf" or char in _APOSTROPHES:
            kept = None
        self[code] = kept
        return kept


_FOLD = _Fold()


def normalise(text: str) -> str:
    """NFKC, case-folded; punctuation and whitespace become single spaces, apostrophes and invisible marks vanish.

    Idempotent: what it returns is its own normal form.
    """
    if text.isascii():
        return " ".join(folded_ascii(text).split())
    for _ in range(_ROUNDS):  # dropping a mark can let two others compose
        folded = _once(text)
        if folded == text:
            break
        text = folded
    return text


def folded_ascii(text: str) -> str:
    """The normal form of ASCII text with its runs of spaces left as they are."""
    return text.lower().translate(_FOLD)


def words(text: str) -> list[str]:
    """The words of the normal form; each sign of a script without spaces is one."""
    form = normalise(text)
    return form.split() if form.isascii() else _WORD.findall(form)


def ngrams(words: Sequence[str], n: int) -> set[str]:
    """Every run of ``n`` words, joined by spaces; none where there are fewer than ``n``."""
    if n < 1:
        raise ValueError("n must be at least 1")
    return {" ".join(words[i : i + n]) for i in range(len(words) - n + 1)}


def _once(text: str) -> str:
    bare = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", " ".join(bare.translate(_FOLD).split()))
