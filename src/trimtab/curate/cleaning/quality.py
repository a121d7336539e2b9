"""Signs of a text that is no good prose, each with its value: Gopher's rules (Rae et al. 2021, app. A1) and C4's.

Thresholds are the papers'; those that count on a page's length (50 words, two stop words) hold from 50 words on.
C4 (Raffel et al. 2020, 2.2): placeholder text and script warnings. Code, tables and formulas are left out first.
"""

import re
from collections import Counter
from collections.abc import Sequence

from trimtab.curate.cleaning.prose import is_code, prose_of

_SHORT, _PAGE = 20, 50
_STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
_TOP = {2: 0.20, 3: 0.18, 4: 0.16}
"""Share of characters in the most frequent n-gram (Rae et al. 2021, table A1)."""
_DUPLICATE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
"""Share of characters in n-grams that come more than once (ibid.)."""
_PLACEHOLDER = re.compile(r"lorem ipsum|enable javascript|javascript is (?:disabled|required)|terms of use\b.*\bprivacy", re.I)
_SYMBOL = re.compile(r"#|\.\.\.|…")
_REPEATED_WORDS = 0.6
"""Share of distinct words above which no n-gram share can pass its threshold by much: the slow counts are skipped."""


def quality_flags(text: str, *, english: bool = True) -> dict[str, float]:
    """Flag to value; empty for good prose, for what is too short to judge (20 words) and for code."""
    prose = prose_of(text)
    words = prose.split()
    flags: dict[str, float] = {}
    if "\ufffd" in text:
        flags["replacement_characters"] = float(text.count("\ufffd"))
    if _PLACEHOLDER.search(prose):
        flags["placeholder_text"] = 1.0
    if len(words) < _SHORT or is_code(text):
        return flags
    for name, value in (*_shape(prose, words, english), *_repetition(prose, words)):
        flags[name] = round(value, 4)
    return flags


def _shape(prose: str, words: Sequence[str], english: bool) -> list[tuple[str, float]]:
    count = len(words)
    length = sum(map(len, words)) / count
    found = []
    spaced = prose.isascii() or english
    if spaced and not 3 <= length <= 10:
        found.append(("mean_word_length", length))
    if (symbols := len(_SYMBOL.findall(prose)) / count) > 0.1:
        found.append(("symbols_per_word", symbols))
    if spaced and (wordy := sum(any(map(str.isalpha, word)) for word in words) / count) < 0.8 and not _sums(prose):
        found.append(("words_without_letters", 1 - wordy))
    lines = [line for line in prose.split("\n") if line.strip()]
    if len(lines) > 3 and (dots := sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines)) > 0.3:
        found.append(("ellipsis_lines", dots))
    if english and count >= _PAGE and _STOP_WORDS.isdisjoint(word.lower() for word in words) and not _lists(prose, lines):
        found.append(("no_stop_words", 0.0))
    return found


def _sums(prose: str) -> bool:
    """Arithmetic: numbers with operators between them are no garbage."""
    return len(re.findall(r"\d\s*[-+*/=×÷<>^]\s*[-(]?\d|=", prose)) >= 3


def _lists(prose: str, lines: Sequence[str]) -> bool:
    items = len(re.findall(r"^\s*(?:[-*•]|\d+[.)])", prose, re.MULTILINE))
    return items > 0.5 * len(lines) or prose.count(",") > 0.15 * len(prose.split())


def _repetition(prose: str, words: Sequence[str]) -> list[tuple[str, float]]:
    found = []
    lines = [line.strip() for line in prose.split("\n") if line.strip()]
    if len(lines) > 3 and (twice := 1 - len(set(lines)) / len(lines)) > 0.3:
        found.append(("repeated_lines", twice))
    if len(set(words)) > _REPEATED_WORDS * len(words):
        return found
    total = sum(map(len, words))
    for n, bound in _TOP.items():
        if (share := _top_share(words, n, total)) > bound:
            found.append((f"top_{n}gram", share))
    for n, bound in _DUPLICATE.items():
        if (share := _duplicate_share(words, n, total)) > bound:
            found.append((f"duplicate_{n}grams", share))
    return found


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[i:] for i in range(n)), strict=False))


def _top_share(words: Sequence[str], n: int, total: int) -> float:
    gram, count = max(Counter(_grams(words, n)).items(), key=lambda item: (item[1] * sum(map(len, item[0])), item[0]))
    return count * sum(map(len, gram)) / total if count > 1 else 0.0


def _duplicate_share(words: Sequence[str], n: int, total: int) -> float:
    """Characters of words that stand in some n-gram that came before, each counted once."""
    seen, covered = set[tuple[str, ...]](), set[int]()
    for i, gram in enumerate(_grams(words, n)):
        if gram in seen:
            covered.update(range(i, i + n))
        seen.add(gram)
    return sum(len(words[i]) for i in covered) / total
