"""Constraints on what words and signs there are, where they stand, and in which case."""

import re
from collections.abc import Mapping
from typing import Any

from trimtab.evaluate.checks.rules.lengths import compares, said_words
from trimtab.text import sentences


def _times(answer: str, phrase: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(phrase)}(?!\w)", answer, re.IGNORECASE))


def _no_comma(answer: str, rule: Mapping[str, Any]) -> bool:
    return "," not in answer


def _no_digit(answer: str, rule: Mapping[str, Any]) -> bool:
    return not any(letter.isdigit() for letter in answer)


def _no_question(answer: str, rule: Mapping[str, Any]) -> bool:
    return "?" not in answer


def _keywords(answer: str, rule: Mapping[str, Any]) -> bool:
    """Every word occurs, inside others too, as in IFEval."""
    return all(str(word).casefold() in answer.casefold() for word in rule["words"])


def _forbidden(answer: str, rule: Mapping[str, Any]) -> bool:
    return not any(_times(answer, str(word)) for word in rule["words"])


def _keyword_count(answer: str, rule: Mapping[str, Any]) -> bool:
    found = len(re.findall(re.escape(str(rule["word"])), answer, re.IGNORECASE))
    return compares(found, str(rule["relation"]), int(rule["count"]))


def _starts(answer: str, rule: Mapping[str, Any]) -> bool:
    return answer.strip().casefold().startswith(str(rule["text"]).strip().casefold())


def _ends(answer: str, rule: Mapping[str, Any]) -> bool:
    return answer.strip().strip('"').casefold().endswith(str(rule["text"]).strip().casefold())


def _last_word(answer: str, rule: Mapping[str, Any]) -> bool:
    return [word.casefold() for word in said_words(answer)[-1:]] == [str(rule["word"]).casefold()]


def _one_of(answer: str, rule: Mapping[str, Any]) -> bool:
    return any(str(text) in answer for text in rule["texts"])


def _upper(answer: str, rule: Mapping[str, Any]) -> bool:
    return answer.isupper()


def _lower(answer: str, rule: Mapping[str, Any]) -> bool:
    return answer.islower()


def _capital_words(answer: str, rule: Mapping[str, Any]) -> bool:
    found = sum(1 for word in said_words(answer) if word.isupper())
    return compares(found, str(rule["relation"]), int(rule["count"]))


def _sentence_letter(answer: str, rule: Mapping[str, Any]) -> bool:
    """Each sentence opens with ``letter``."""
    openings = [said_words(sentence)[:1] for sentence in sentences(answer)]
    return all(opening and opening[0].casefold().startswith(str(rule["letter"]).casefold()) for opening in openings)


RULES = {
    "no_comma": _no_comma,
    "no_digit": _no_digit,
    "no_question": _no_question,
    "keywords": _keywords,
    "forbidden_words": _forbidden,
    "keyword_count": _keyword_count,
    "starts_with": _starts,
    "ends_with": _ends,
    "last_word": _last_word,
    "one_of": _one_of,
    "uppercase": _upper,
    "lowercase": _lower,
    "capital_words": _capital_words,
    "sentence_letter": _sentence_letter,
}
