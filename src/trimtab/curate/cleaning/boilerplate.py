"""Scaffolding in answers: known phrases where they stand, and sentences that open or close many rows of one source."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.curate.cleaning.edges import closing_start, next_start, opening_end
from trimtab.curate.cleaning.phrases import ANYWHERE, CLOSINGS, OPENINGS, WHOLE, bank
from trimtab.text import content_words

_OPENINGS, _CLOSINGS, _ANYWHERE = bank(OPENINGS), bank(CLOSINGS), bank(ANYWHERE)
# fmt: off
_HINTS = (
    "artificial", "language model", "virtual assistant", "chatbot", "chat bot", "machine learning", "computer program",
    "my knowledge", "my training", "openai", "as of my", "have personal", "have feelings", "have emotions",
    "have real-time", "have access to real-time", "advice", "consult", "seek help", "seek guidance", "seek prof",
    "seek med", "seek legal", "get help from", "get guidance", "purposes", "i'm not a", "i am not a", "substitute for",
    "replacement for", "please note", "please be", "please keep", "please bear", "please rem", "is important",
    "'s important", "is worth", "'s worth", "is crucial", "'s crucial", "is essential", "'s essential",
    "not guarantee", "n't guarantee", "take responsib", "inaccurate", "out of date", "outdated", "up to date",
    "up-to-date", "errors", "disclaimer",
)
_AI = re.compile(r"\bai\b")
# fmt: on
"""One of these stands in every phrase of ``ANYWHERE``; a text without any is not searched."""
_LETTER = re.compile(
    r"\b(?:write|draft|compose|generate|create|reply|respond|rewrite|edit|improve|translate)\b[^.?!\n]{0,80}"
    r"\b(?:letter|e-?mail|message|memo|note|reply|response|card|invitation|speech|toast|review)\b|^dear\b|\bregards\b",
    re.I | re.M,
)
_OPENING_REACH, _CLOSING_REACH = 260, 240
_DIGIT, _WITH_DIGIT = re.compile(r"\d"), 5
"""A sentence with a number ("The answer is 7.") is content that meets by chance: it must repeat five times as often."""
_SHORTEST = 3
"""Words of a sentence that counts as repeated: shorter ones (Yes.) are answers."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Sentences by source and edge that stand at that edge of at least so many rows; ``counts`` for the report."""

    counts: Mapping[tuple[str, str, str], int] = field(default_factory=dict)

    def known(self, source: str, edge: str, sentence: str) -> bool:
        return (source, edge, key_of(sentence)) in self.counts

    def to_json(self) -> list[dict[str, Any]]:
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return [{"source": s, "edge": edge, "sentence": text, "rows": n} for (s, edge, text), n in ordered]


def key_of(sentence: str) -> str:
    return " ".join(sentence.casefold().split())


def count_repeated(answers: Iterable[tuple[str, str]], share: float, least: int) -> Repeated:
    """The edges that at least ``least`` distinct answers and ``share`` of the source's have in common.

    ``answers``: (source, answer). Distinct, because scaffolding is what stays while the rest changes: a whole answer
    that many rows share is a duplicate, and has the same edges by nature.
    """
    rows: Counter[str] = Counter()
    seen: Counter[tuple[str, str, str]] = Counter()
    for source, answer in dict.fromkeys((source, answer.strip()) for source, answer in answers):
        rows[source] += 1
        seen.update({(source, edge, key_of(text)) for edge, text in edges_of(answer)})
    enough = {source: max(least, share * count) for source, count in rows.items()}
    return Repeated(
        {item: n for item, n in seen.items() if n >= enough[item[0]] * (_WITH_DIGIT if _DIGIT.search(item[2]) else 1)}
    )


def edges_of(answer: str) -> list[tuple[str, str]]:
    """``opening`` and ``closing`` with their sentences, of three words and more, where the answer has others too."""
    text = answer.strip()
    end, start = opening_end(text), closing_start(text)
    found = [("opening", text[:end])] if end < len(text) else []
    found += [("closing", text[start:])] if 0 < start < len(text) else []
    return [(edge, sentence) for edge, sentence in found if len(sentence.split(None, _SHORTEST)) >= _SHORTEST]


def boilerplate(answer: str, asked: str, source: str, repeated: Repeated) -> list[str]:
    """What is scaffolding in an answer to ``asked``, each as ``place: kind``, in order; empty for a clean answer."""
    plain = answer.replace("’", "'").casefold() if "’" in answer else answer.casefold()
    found = [f"opening: {kind}"] if (kind := _opening(plain)) else []
    if (kind := _closing(plain, asked)) is not None:
        found.append(f"closing: {kind}")
    if hinted(plain) and (kind := _ANYWHERE.kind(plain, at_start=False)) is not None:
        found.append(f"anywhere: {kind}")
    if _repeats_question(answer, asked):
        found.append("opening: repeated question")
    if repeated.counts:
        found += [f"{edge}: repeated" for edge, text in edges_of(answer) if repeated.known(source, edge, text)]
    return found


def hinted(plain: str) -> bool:
    """Whether a text may hold a phrase of ``ANYWHERE``: told fast, and never wrongly denied."""
    return any(map(plain.__contains__, _HINTS)) or ("ai" in plain and bool(_AI.search(plain)))


def trimmed(answer: str, source: str, repeated: Repeated) -> tuple[str, list[str]]:
    """The answer without opening and closing sentences that are scaffolding as a whole, and those sentences.

    Never the last sentence left, and never a lead-in that the next line hangs on.
    """
    text, cut = answer.strip(), list[str]()
    while (end := opening_end(text)) < len(text) and _is_whole(text[:end], "opening", source, repeated):
        cut.append(text[:end])
        text = text[next_start(text, end) :]
    while 0 < (start := closing_start(text)) < len(text) and _is_whole(text[start:], "closing", source, repeated):
        cut.append(text[start:])
        text = text[:start].rstrip()
    return (text, cut) if cut else (answer, [])


def _is_whole(sentence: str, edge: str, source: str, repeated: Repeated) -> bool:
    plain = key_of(sentence.replace("’", "'"))
    if plain.endswith(":"):
        return False
    enough = len(sentence.split(None, _SHORTEST)) >= _SHORTEST
    return bool(WHOLE.fullmatch(plain)) or (enough and repeated.known(source, edge, sentence))


def _opening(plain: str) -> str | None:
    """Of the first sentence, or of the second after an interjection; an answer that is nothing else is an answer."""
    head = plain[:_OPENING_REACH].lstrip()
    kind = _OPENINGS.kind(head, at_start=True)
    return kind if kind and opening_end(head) < len(plain.strip()) else None


def _closing(plain: str, asked: str) -> str | None:
    """Of the last sentences, behind something that is said before them; a letter that was asked for is signed."""
    tail = plain[-_CLOSING_REACH:]
    if len(plain) > _CLOSING_REACH:
        tail = tail[opening_end(tail) :]
    found = next((match for match in _CLOSINGS.any.finditer(tail)), None)
    if found is None or not (len(plain) > _CLOSING_REACH or re.search(r"[.!?:\n]", tail[: found.start()])):
        return None
    letter = found.lastgroup in ("signature", "farewell", "offer", "hope") and _LETTER.search(asked)
    return None if letter else found.lastgroup


def _repeats_question(answer: str, asked: str) -> bool:
    """Whether the answer opens with a question made of the words of the user's, and goes on."""
    head = answer[:_OPENING_REACH]
    if "?" not in head:
        return False
    end = opening_end(answer)
    first = answer[:end].strip()
    if not first.endswith("?") or end >= len(answer.rstrip()):
        return False
    said = content_words(first)
    return len(said) > 1 and len(said & content_words(asked)) >= 0.8 * len(said)
