"""A kind of personal data: what it looks like, where it may begin, and the check that it must pass."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

BEFORE = 56
"""Characters before a datum in which a cue is looked for."""

START = r"(?:(?<![\w#$€£])(?<!\w[.@/-])|(?<=\\[nrt])(?<!\\\\[nrt]))"
"""Personal data begins a word: never inside an order number, a price or a path. An escaped line break ends one."""

Check = Callable[[re.Match[str]], int]
"""The length of as much of the match as is such a datum; 0 for none."""


@dataclass(frozen=True, slots=True)
class Span:
    """``text[start:end]`` is personal data of this kind."""

    start: int
    end: int
    kind: str
    text: str


class Recogniser(Protocol):
    """A user's own finder (a model of names, say): spans of one text, of kinds that it names itself."""

    def __call__(self, text: str, /) -> Sequence[Span]: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """``pattern`` is what it looks like; one of ``hints``, each cheap, matches wherever the pattern may begin."""

    name: str
    pattern: str
    hints: tuple[str, ...]
    check: Check


def whole(valid: Callable[[str], bool]) -> Check:
    """All of the match where ``valid`` says yes."""
    return lambda match: len(match.group()) if valid(match.group()) else 0


def always(match: re.Match[str]) -> int:
    return len(match.group())


def cued(words: str, valid: Callable[[str], bool] = lambda text: True) -> Check:
    """All of a match that is valid and has one of ``words`` (an alternation) shortly before, no digit between."""
    cue = re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])[^\d\n]{{0,24}}$", re.IGNORECASE)

    def check(match: re.Match[str]) -> int:
        return len(match.group()) if cue.search(before(match)) and valid(match.group()) else 0

    return check


def before(match: re.Match[str]) -> str:
    """What stands before the match."""
    return match.string[max(0, match.start() - BEFORE) : match.start()]
