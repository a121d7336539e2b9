"""Helpful: fresh requests with one to three constraints that a program verifies."""

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from trimtab.evaluate.batteries.material import LONG_ANSWER, distinct
from trimtab.evaluate.batteries.words import COLOURS, OBJECTS, TOPICS
from trimtab.records import Ask, Case, Expected, Message

_TASKS = (
    "Write a short text about {}.",
    "Tell me something useful about {}.",
    "Explain {} to a child.",
    "Write a friendly note to a beginner about {}.",
    "Give some advice about {}.",
)
_LANGUAGES = {"de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch"}
_GROUPS = (
    {"uppercase", "lowercase", "capital_words", "language", "json", "one_of", "comma_separated", "two_answers"},
    {"words", "sentences", "paragraphs", "lines", "paragraph_first_word", "bullets", "numbered", "json", "one_of"},
    {"starts_with", "quoted", "title", "sentence_letter", "json", "one_of"},
    {"ends_with", "quoted", "last_word", "postscript", "no_question", "json", "one_of"},
    {"comma_separated", "no_comma", "bullets", "numbered", "paragraphs", "json", "one_of"},
    {"lowercase", "postscript", "sections", "one_of", "keywords", "ends_with", "starts_with"},
    {"sections", "numbered", "no_digit"},
    {"uppercase", "ends_with", "starts_with", "last_word", "sections"},
)
"""Of each group an instruction takes at most one, so that all of a case's constraints can be kept at once."""

Offer = Callable[[Random], tuple[str, Mapping[str, Any]]]


def _fixed(text: str) -> Offer:
    return lambda random: (text, {})


def _counted(text: str, low: int, high: int, step: int = 1, **more: Any) -> Offer:
    def offer(random: Random) -> tuple[str, Mapping[str, Any]]:
        count = random.randrange(low, high + 1, step)
        return text.format(count), {"count": count, **more}

    return offer


def _worded(text: str, choices: Sequence[str], key: str, many: int = 0, **more: Any) -> Offer:
    def offer(random: Random) -> tuple[str, Mapping[str, Any]]:
        picked = random.sample(choices, many or 1)
        return text.format(" and ".join(f'"{one}"' for one in picked)), {key: picked if many else picked[0], **more}

    return offer


def _language(random: Random) -> tuple[str, Mapping[str, Any]]:
    code = random.choice(list(_LANGUAGES))
    return f"Answer in {_LANGUAGES[code]} only.", {"code": code}


def _first_word(random: Random) -> tuple[str, Mapping[str, Any]]:
    count, word = random.randint(2, 4), random.choice(OBJECTS)
    text = f'Write {count} paragraphs with a blank line between them; the second begins with the word "{word}".'
    return text, {"count": count, "number": 2, "word": word}


def _keys(random: Random) -> tuple[str, Mapping[str, Any]]:
    keys = random.sample(("title", "reason", "summary", "steps", "advice"), 2)
    return f"Answer with one JSON object whose keys are {json.dumps(keys)}, and nothing else.", {"keys": keys}


_OPENINGS = ("Well now", "Here it is", "To begin with", "Dear friend")
_ENDINGS = ("That is all.", "Good luck with it.", "Ask me again tomorrow.")
_VERDICTS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")

OFFERS: dict[str, Offer] = {
    "words": _counted("Use at least {} words.", 30, 80, 10, relation="at least"),
    "sentences": _counted("Use exactly {} sentences.", 2, 5),
    "paragraphs": _counted("Write exactly {} paragraphs with a blank line between them.", 2, 4),
    "paragraph_first_word": _first_word,
    "lines": _counted("Write exactly {} lines.", 2, 6),
    "longest_word": _counted("Use no word of more than {} letters.", 8, 12),
    "sentence_words": _counted("No sentence may have more than {} words.", 10, 20, 2),
    "letter_count": _worded("Use the letter {} at least 5 times.", "abcdg", "letter", count=5, relation="at least"),
    "bullets": _counted("Give exactly {} bullet points, each on a line that begins with *.", 2, 5),
    "numbered": _counted("Give a list of exactly {} items, numbered 1., 2. and so on.", 2, 5),
    "highlights": _counted("Highlight at least {} parts with markdown, like *this part*.", 1, 3),
    "title": _fixed("Give your answer a title in double angular brackets, like <<a title>>."),
    "placeholders": _counted("Include at least {} placeholders in square brackets, such as [name].", 1, 3),
    "sections": _counted(
        "Divide your answer into {} sections headed Section 1, Section 2 and so on.", 2, 3, mark="Section"
    ),
    "json": _keys,
    "quoted": _fixed("Put your whole answer between double quotation marks."),
    "two_answers": _fixed("Give two different answers with six asterisks (******) between them, and nothing else."),
    "postscript": _worded("Add a postscript at the end that starts with {}.", ("P.S.", "P.P.S."), "mark"),
    "comma_separated": _counted("Answer with {} words on one line, with commas between them and nothing else.", 3, 6),
    "no_comma": _fixed("Do not use any comma."),
    "no_digit": _fixed("Do not use any digit."),
    "no_question": _fixed("Do not ask any question; use no question mark."),
    "keywords": _worded("Include the words {}.", OBJECTS, "words", 2),
    "forbidden_words": _worded(
        "Do not use the words {}.", ("very", "good", "help", "time", "make", "people"), "words", 2
    ),
    "keyword_count": _worded("Use the word {} at least 2 times.", COLOURS, "word", count=2, relation="at least"),
    "starts_with": _worded("Begin your answer with {}.", _OPENINGS, "text"),
    "ends_with": _worded("End your answer with {} and nothing after it.", _ENDINGS, "text"),
    "last_word": _worded("The very last word must be {}.", OBJECTS, "word"),
    "one_of": lambda random: (
        f"Is it worth the while? Answer with one of: {' / '.join(_VERDICTS)}",
        {"texts": _VERDICTS},
    ),
    "uppercase": _fixed("Use capital letters only."),
    "lowercase": _fixed("Use small letters only, no capital letter anywhere."),
    "capital_words": _counted("Write at least {} words in capital letters only.", 1, 3, relation="at least"),
    "sentence_letter": _worded("Each sentence must begin with the letter {}.", "TAIWS", "letter"),
    "language": _language,
}


def helpful(count: int, seed: int) -> list[Case]:
    """Verifiable instruction following: one to three constraints of 34 kinds, strict and loose."""
    return distinct(count, seed, _round)


def _round(random: Random, number: int) -> list[Case]:
    names = list(OFFERS)
    first = names[number % len(names)]
    picked = _compatible(random, first, 1 + number % 3)
    offers = {name: OFFERS[name](random) for name in picked}
    request = " ".join([random.choice(_TASKS).format(random.choice(TOPICS)), *(text for text, _ in offers.values())])
    rules = [{"rule": name, **_listed(more)} for name, (_, more) in offers.items()]
    labels = {"kind": f"{len(picked)} constraints", "difficulty": len(picked)}
    expected = Expected("answer", check={"kind": "constraints", "constraints": rules})
    return [Case((Message("user", request),), expected, ask=Ask(offer=(), max_tokens=LONG_ANSWER), labels=labels)]


def _compatible(random: Random, first: str, count: int) -> list[str]:
    picked = [first]
    for name in random.sample(list(OFFERS), len(OFFERS)):
        if len(picked) < count and name not in picked and not any(_clash(name, other) for other in picked):
            picked.append(name)
    return picked


def _clash(one: str, other: str) -> bool:
    return any({one, other} <= group for group in _GROUPS) or bool({"json", "one_of", "comma_separated"} & {one, other})


def _listed(more: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in more.items()}
