"""Whether the right tools were called, and with the right arguments."""

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.records import ToolCall
from trimtab.text import content_words, normalise
from trimtab.tools import ToolError
from trimtab.tools.calculator import evaluate as value_of

_SEARCHES = frozenset({"query", "q", "question", "search"})
_OVERLAP = 0.5
"""Share of the expected query's content words that the made one must have."""


def routing_matches(expected: Sequence[ToolCall], made: Sequence[ToolCall]) -> bool:
    """The set of called tool names equals the expected set, the empty set included."""
    return {call.name for call in expected} == {call.name for call in made}


def argument_match(expected: Sequence[ToolCall], made: Sequence[ToolCall]) -> float:
    """Share of the expected calls that some call equals, each call used once; needs an expected call.

    A match of syntax trees, as BFCL's: the same keys; numbers by value, arithmetic expressions by value, search
    queries by content words, other texts by normal form.
    """
    placed = largest_pairing([[i for i, call in enumerate(made) if call_matches(want, call)] for want in expected])
    return len(placed) / len(expected)


def largest_pairing(pairs: Sequence[Sequence[int]]) -> dict[int, int]:
    """As many pairs as there can be, each on either side used once: ``pairs[want]`` are those that want may take."""
    owner: dict[int, int] = {}

    def place(want: int, seen: set[int]) -> bool:
        for i in pairs[want]:
            if i not in seen:
                seen.add(i)
                if i not in owner or place(owner[i], seen):
                    owner[i] = want
                    return True
        return False

    for want in range(len(pairs)):
        place(want, set())
    return {want: i for i, want in owner.items()}


def call_matches(expected: ToolCall, made: ToolCall) -> bool:
    """Whether a call does what the expected one does."""
    return expected.name == made.name and _same_object(expected.arguments, made.arguments)


def _same_object(expected: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    given = {key for key, value in made.items() if value is not None}
    wanted = {key for key, value in expected.items() if value is not None}
    return given == wanted and all(_same(expected[key], made[key], key) for key in wanted)


def _same(expected: Any, made: Any, key: str) -> bool:
    if isinstance(expected, Mapping) and isinstance(made, Mapping):
        return _same_object(expected, made)
    if isinstance(expected, list) and isinstance(made, list):
        return len(expected) == len(made) and all(_same(a, b, key) for a, b in zip(expected, made, strict=True))
    if isinstance(expected, bool) or isinstance(made, bool):
        return expected is made
    if isinstance(expected, int | float | str) and isinstance(made, int | float | str):
        return _same_scalar(str(expected), str(made), key)
    return bool(expected == made)


def _same_scalar(expected: str, made: str, key: str) -> bool:
    if key in _SEARCHES and (wanted := content_words(expected)):
        return len(wanted & content_words(made)) >= _OVERLAP * len(wanted)
    if normalise(expected) == normalise(made) and not any(sign in expected + made for sign in "+-*/%^.("):
        return True
    try:
        return value_of(expected) == value_of(made)
    except ToolError:
        return _plain(expected) == _plain(made)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
