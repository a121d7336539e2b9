"""The search for data that are known already: as they were written, and numbers in any of their writings."""

import re
from collections.abc import Sequence

_SEPARATORS = r"[\s().-]{0,3}"
_SHORTEST_ANYWHERE = 6
"""Data of so many characters with a digit or an @ are looked for within longer words too; shorter ones as words."""
_SHARED = 3
"""Characters of a shared beginning that the search makes use of."""


def any_writing(texts: Sequence[str], numbers: Sequence[str]) -> re.Pattern[str]:
    """Any of these texts as they are, any of these numbers however its digits are set apart; the longest first."""
    anywhere = [text for text in texts if len(text) >= _SHORTEST_ANYWHERE and re.search(r"[\d@]", text)]
    as_words = sorted(set(texts) - set(anywhere))
    patterns = [any_of(anywhere)] if anywhere else []
    patterns += [rf"(?<!\w){any_of(as_words)}(?!\w)"] if as_words else []
    patterns += [rf"(?<!\d){any_of(numbers, _SEPARATORS)}(?!\d)"] if numbers else []
    return re.compile("|".join(patterns) or "(?!)")


def any_of(texts: Sequence[str], between: str = "", depth: int = _SHARED) -> str:
    """An alternation, the longest first. Shared beginnings are shared: many texts cost little more than few."""
    ordered = sorted(texts, key=lambda text: (-len(text), text))
    if not depth or len(ordered) < 2:
        return "(?:" + "|".join(between.join(map(re.escape, text)) for text in ordered) + ")"
    groups: dict[str, list[str]] = {}
    for text in ordered:
        groups.setdefault(text[:1], []).append(text[1:])
    ends = "" in groups
    branches = [re.escape(first) + _rest(rest, between, depth) for first, rest in groups.items() if first]
    return "(?:" + "|".join(branches + [""] * ends) + ")"


def _rest(texts: Sequence[str], between: str, depth: int) -> str:
    """What may follow a shared beginning; the separators stand before what follows, if anything does."""
    longer = [text for text in texts if text]
    if not longer:
        return ""
    follows = between + any_of(longer, between, depth - 1)
    return f"(?:{follows})?" if len(longer) < len(texts) else follows
