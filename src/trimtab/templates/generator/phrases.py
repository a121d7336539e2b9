"""How users say it: wordings of a part from its YAML file, and the surface they get (greetings, haste, slips)."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import yaml

from trimtab.templates.generator.split import Part

T = TypeVar("T")

ORDER_ID = re.compile(r"\b[A-Z]{2}-\d{5}\b")
NUMBER_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
_HASTE = {"please": "pls", "you": "u", "thanks": "thx", "your": "ur", "and": "&", "yesterday": "ystd"}
_CASUAL, _SLIP, _WORDED, _LOWER_ID = 0.3, 0.15, 0.2, 0.1
"""Shares of casual writing, slips of the fingers, number words, and lower-case order numbers in casual text."""


@dataclass(frozen=True, slots=True)
class Dressed:
    """A question as written; ``core`` is the part of ``text`` that holds the question itself."""

    text: str
    core: str


@cache
def phrases(name: str) -> Mapping[str, Any]:
    """One file of wordings."""
    path = files("trimtab.templates.generator") / "phrases" / f"{name}.yaml"
    content: Mapping[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content


def knowledge_of(part: Part) -> Mapping[str, Any]:
    """Document id -> sentence -> its questions."""
    content: Mapping[str, Any] = phrases("train_knowledge") if part == "train" else phrases("other_knowledge")[part]
    return content


def endless(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """Shuffled passes over ``items``, one after the other: everything is used before anything is used twice."""
    while True:
        yield from rng.sample(list(items), len(items))


def dress(core: str, wordings: Mapping[str, Any], rng: random.Random, *, bare: bool = False) -> Dressed:
    """A question with a greeting, a circumstance and thanks around it; ``bare`` leaves those out.

    The question keeps its words, so that a query or a number can be copied from it; slips and haste touch what is
    around it, casual writing also its capitals and its question mark.
    """
    opener, context, closer = ("", "", "") if bare else (rng.choice(wordings[key]) for key in _AROUND)
    before = opener + _continue(context, opener) + (" " if context else "")
    core, mark = (core[:-1], core[-1]) if core[-1] in ".?!" else (core, "?")
    core = _continue(core, before)
    if rng.random() < _SLIP:
        before, closer = _slip(before, rng), _slip(closer, rng)
    if rng.random() < _CASUAL:
        lower_id = rng.random() < _LOWER_ID
        before, closer, core = _hasten(before), _hasten(closer), _lower(core, lower_id)
        mark = mark if rng.random() < 0.4 or closer else ""
    return Dressed(before + core + mark + closer, core)


def number_word(number: int, rng: random.Random) -> str:
    """``3``, or now and then ``three``."""
    if 2 <= number <= 9 and rng.random() < _WORDED:
        return NUMBER_WORDS[number - 2]
    return str(number)


_AROUND = ("openers", "contexts", "closers")


def _continue(text: str, before: str) -> str:
    """``text`` with a capital where a sentence begins."""
    if not text:
        return text
    if not before.strip() or before.rstrip()[-1] in ".!?":
        return text[0].upper() + text[1:]
    return text[0].lower() + text[1:] if text.split()[0] in _CIRCUMSTANCE else text


_CIRCUMSTANCE = {"My", "We", "It", "Your", "A", "This", "Nothing", "The", "Just"}
"""First words of the circumstances that stand in lower case after a comma."""


def _lower(text: str, with_ids: bool) -> str:
    if with_ids:
        return text.lower()
    kept = ORDER_ID.findall(text)
    for order_id in kept:
        text = text.replace(order_id, "\0", 1)
    text = text.lower()
    for order_id in kept:
        text = text.replace("\0", order_id, 1)
    return text


def _hasten(text: str) -> str:
    return re.sub(r"[a-z]+", lambda match: _HASTE.get(match.group(), match.group()), text.lower())


def _slip(text: str, rng: random.Random) -> str:
    """Two neighbouring letters inside one longer word change places."""
    longer = list(re.finditer(r"[A-Za-z]{5,}", text))
    if not longer:
        return text
    word = rng.choice(longer)
    at = rng.randrange(word.start() + 1, word.end() - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
