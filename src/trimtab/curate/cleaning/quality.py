"""Signs of a text that is no good prose, each with its value: Gopher's rules (Rae et al. 2021, app. A1) and C4's.

Thresholds are the papers'; those that count on a page's length (50 words, two stop words) hold from 50 words on.
C4 (Raffel et al. 2020, 2.2): placeholder text and script warnings. Code, tables and formulas are left out first.
"""

import re
from collections import Counter
from collections.abc import Sequence

from trimtab.curate.cleaning.prose import is_code, prose_of, without_marks

_SHORT, _PAGE = 20, 50
_STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
_TOP = {2: 0.20, 3: 0.18, 4: 0.16}
"""Share of characters in the most frequent n-gram (Rae et al. 2021, table A1)."""
_DUPLICATE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
"""Share of characters in n-grams that come more than once (ibid.)."""
_PLACEHOLDERS = (
    "lorem ipsum",
    "enable javascript",
    "javascript is disabled",
    "javascript is required",
    "requires javascript",
)
_SYMBOL = re.compile(r"#+|\.\.\.|…")
_OPERATION = re.compile(r"\d[)%\s]*[-+*/=×÷<>^x][-\s($£€]*\d|=")
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])", re.MULTILINE)
_REPEATED = 0.03
"""N-grams are judged where so many of the trigrams came before: the slow counts are left out elsewhere."""
_LONG, _SHORT_BOUND = 100, 0.5
"""The bounds are for pages: below so many words an n-gram must take half of the text."""


def quality_flags(text: str, *, english: bool = True) -> dict[str, float]:
    """Flag to value; empty for good prose, for what is too short to judge (20 words) and for code."""
    prose = prose_of(text)
    words = prose.split()
    flags: dict[str, float] = {}
    if "\ufffd" in text:
        flags["replacement_characters"] = float(text.count("\ufffd"))
    if any(map(prose.lower().__contains__, _PLACEHOLDERS)):
        flags["placeholder_text"] = 1.0
    if len(words) < _SHORT:
        return flags
    found = [*_shape(prose, words, english), *_repetition(prose, words)]
    if found and not is_code(text):
        flags |= {name: round(value, 4) for name, value in found}
    return flags


def _shape(prose: str, words: Sequence[str], english: bool) -> list[tuple[str, float]]:
    """Gopher's rules on words, symbols and lines; sums and word lists have words of their own."""
    count, found = len(words), list[tuple[str, float]]()
    lines = [line for line in prose.split("\n") if line.strip()]
    if not 3 <= sum(map(len, words)) / count <= 10 or sum(map(str.isalpha, words)) <= 0.8 * count:
        found += _wording(prose, english)
    marked = "#" in prose or "..." in prose or "…" in prose
    if marked and (symbols := len(_SYMBOL.findall(prose)) / count) > 0.1:
        found.append(("symbols_per_word", symbols))
    if (
        marked
        and len(lines) > 3
        and (dots := sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines)) > 0.3
    ):
        found.append(("ellipsis_lines", dots))
    if english and count >= _PAGE and _STOP_WORDS.isdisjoint(map(str.lower, words)) and not _enumerates(prose, lines):
        found.append(("no_stop_words", 0.0))
    return found


def _wording(prose: str, english: bool) -> list[tuple[str, float]]:
    """The length of words, and those without a letter, list marks not counted."""
    words = without_marks(prose).split()
    if not words or _sums(prose):
        return []
    length = sum(map(len, words)) / len(words)
    bare = sum(word.upper() == word.lower() and word.isascii() for word in words) / len(words)
    found = [("mean_word_length", length)] if english and not 3 <= length <= 10 else []
    return [*found, ("words_without_letters", bare)] if bare > 0.2 else found


def _sums(prose: str) -> bool:
    """Arithmetic: numbers with operators between them are no garbage."""
    return len(_OPERATION.findall(prose)) >= 2


def _enumerates(prose: str, lines: Sequence[str]) -> bool:
    return len(_ITEM.findall(prose)) > 0.5 * len(lines) or prose.count(",") > 0.15 * len(prose.split())


def _repetition(prose: str, words: Sequence[str]) -> list[tuple[str, float]]:
    """Repeated lines, and of each family of n-grams the shortest that passes its bound."""
    found = []
    lines = [line.strip() for line in prose.split("\n") if line.strip()]
    if len(lines) > 3 and (twice := 1 - len(set(lines)) / len(lines)) > 0.3:
        found.append(("repeated_lines", twice))
    triples = _grams(words, 3)
    if len(triples) - len(set(triples)) < _REPEATED * len(triples) or _sums(prose):
        return found
    total, least = sum(map(len, words)), 0.0 if len(words) >= _LONG else _SHORT_BOUND
    tops = ((n, _top_share(words, n, total), max(bound, least)) for n, bound in _TOP.items())
    found += [(f"top_{n}gram", value) for n, value, bound in tops if value > bound][:1]
    for n, bound in _DUPLICATE.items():
        value = _duplicate_share(words, n, total)
        if value > max(bound, least):
            return [*found, (f"duplicate_{n}gram", value)]
        if value <= max(min(_DUPLICATE.values()), least):  # longer n-grams repeat no more than shorter ones
            break
    return found


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[i:] for i in range(n)), strict=False))


def _top_share(words: Sequence[str], n: int, total: int) -> float:
    """Characters in the n-gram that takes the most of them, all its occurrences together, as a share of all."""
    counts = Counter(_grams(words, n))
    return max((count * sum(map(len, gram)) for gram, count in counts.items() if count > 1), default=0) / total


def _duplicate_share(words: Sequence[str], n: int, total: int) -> float:
    """Characters of words that stand in some n-gram that came before, each counted once."""
    seen, covered = set[tuple[str, ...]](), set[int]()
    for i, gram in enumerate(_grams(words, n)):
        if gram in seen:
            covered.update(range(i, i + n))
        seen.add(gram)
    return sum(len(words[i]) for i in covered) / total
