"""Constraints on how much there is: words, sentences, paragraphs, lines, letters."""

import re
from collections.abc import Mapping
from typing import Any

from trimtab.text import sentences

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def compares(value: int, relation: str, count: int) -> bool:
    """``at least``, ``less than``, ``at most`` or ``exactly``. Raises ValueError on another relation."""
    found = {"at least": value >= count, "less than": value < count, "at most": value <= count}
    found["exactly"] = value == count
    if relation not in found:
        raise ValueError(f"the relation {relation!r}")
    return found[relation]


def paragraphs(answer: str) -> list[str]:
    """Parts between blank lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", answer) if part.strip()]


def said_words(answer: str) -> list[str]:
    """Words as written."""
    return _WORD.findall(answer)


def _of(answer: str, value: int, rule: Mapping[str, Any]) -> bool:
    return compares(value, str(rule.get("relation", "exactly")), int(rule["count"]))


def _words(answer: str, rule: Mapping[str, Any]) -> bool:
    return _of(answer, len(said_words(answer)), rule)


def _sentences(answer: str, rule: Mapping[str, Any]) -> bool:
    return _of(answer, len(sentences(answer)), rule)


def _paragraphs(answer: str, rule: Mapping[str, Any]) -> bool:
    """``between``: what parts them; without it a blank line."""
    parts = paragraphs(answer)
    if mark := rule.get("between"):
        parts = [part for part in answer.split(str(mark)) if part.strip()]
    return _of(answer, len(parts), rule)


def _first_word(answer: str, rule: Mapping[str, Any]) -> bool:
    """``count`` paragraphs, the ``number``-th (from 1) opening with ``word``."""
    parts, number = paragraphs(answer), int(rule["number"])
    if len(parts) != int(rule["count"]) or not 1 <= number <= len(parts):
        return False
    opening = said_words(parts[number - 1])[:1]
    return bool(opening) and opening[0].casefold() == str(rule["word"]).casefold()


def _lines(answer: str, rule: Mapping[str, Any]) -> bool:
    return _of(answer, sum(1 for line in answer.splitlines() if line.strip()), rule)


def _longest_word(answer: str, rule: Mapping[str, Any]) -> bool:
    return max(map(len, said_words(answer)), default=0) <= int(rule["count"])


def _sentence_words(answer: str, rule: Mapping[str, Any]) -> bool:
    """Each sentence has at most ``count`` words."""
    return all(len(said_words(sentence)) <= int(rule["count"]) for sentence in sentences(answer))


def _letter(answer: str, rule: Mapping[str, Any]) -> bool:
    return _of(answer, answer.casefold().count(str(rule["letter"]).casefold()), rule)


RULES = {
    "words": _words,
    "sentences": _sentences,
    "paragraphs": _paragraphs,
    "paragraph_first_word": _first_word,
    "lines": _lines,
    "longest_word": _longest_word,
    "sentence_words": _sentence_words,
    "letter_count": _letter,
}
