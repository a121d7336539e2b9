"""What an answer says beyond its evidence: spans that no cited passage supports, and their price in tokens.

Axes: L tokens of a completion, N scored tokens. A span is (start, end) in characters.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from trimtab.records import Message
from trimtab.stats import Interval, wilson
from trimtab.text import citations, sentences
from trimtab.text.claims import CharSpan, claims, merged, sentence_spans, unheld_spans
from trimtab.train.forest.batch import Floats, TokenSequence

Passages = Mapping[str, str]
"""Passage id -> its title and text."""
_CITATION = re.compile(r"\[[^\[\]\n]{1,200}\]")
_CALL = re.compile(r"<tool_call>.*?(?:</tool_call>|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer may rest on. ``given``: the user's words and what tools worked out, which need no citation."""

    passages: Passages = field(default_factory=dict)
    given: str = ""


def evidence_of(messages: Sequence[Message]) -> Evidence:
    """Passages are tool results that are JSON lists of ``{id, title, text}``; other results and what the user wrote
    are given."""
    passages: dict[str, str] = {}
    given: list[str] = []
    for message in messages:
        found = _passages(message.content) if message.role == "tool" else {}
        passages |= found
        if message.role == "user" or (message.role == "tool" and not found):
            given.append(message.content)
    return Evidence(passages, "\n".join(given))


def unsupported_spans(text: str, passages: Passages, given: str = "") -> list[CharSpan]:
    """Numbers and names that stand in no cited passage, citations of no passage, and whole sentences of which fewer
    than 60 % of the content words do; ascending, disjoint.

    A sentence leans on what it cites, one without citations on all that the answer cites. Numbers and names may also
    come from ``given``. Questions, courtesies and sentences that abstain or hand over claim nothing: only numbers
    that are nowhere are found there. Without passages the task asks for no evidence, and nothing is found.
    """
    if not passages:
        return []
    text = _CALL.sub(lambda call: " " * len(call.group()), text)
    cited = [name for name in citations(text) if name in passages]
    spans: list[CharSpan] = []
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        own = citations(sentence)
        names = [name for name in own if name in passages] if own else cited
        sources = dict.fromkeys(names if claims(sentence) else passages)
        shown = "\n".join(f"{name}\n{passages[name]}" for name in sources)
        spans += [(start + low, start + high) for low, high in _beyond(sentence, shown, given, passages)]
    return merged(spans)


def token_offsets(ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> tuple[str, list[CharSpan]]:
    """The text that tokens spell, and the characters of each; tokens that share a character all have it.

    Works on any tokens that a model sampled, whether or not the tokenizer would cut the text so.
    """
    text = decode(ids)
    ends = [_agreement(decode(ids[:count]), text) for count in range(len(ids))] + [len(text)]
    spans = []
    for before, after in pairwise(ends):
        begun = next((end for end in ends if end > before), before)  # a part of a character: the whole of it
        spans.append((before, after if after > before else begun))
    return text, spans


def span_penalty(offsets_L: Sequence[CharSpan], spans: Sequence[CharSpan], penalty: float = 1.0) -> Floats:
    """float32 [L]: ``−penalty`` on every token that has a character of a span, 0 on all others."""
    reward_L = np.zeros(len(offsets_L), np.float32)
    for index, (start, end) in enumerate(offsets_L):
        if any(start < high and low < end for low, high in spans):
            reward_L[index] = -penalty
    return reward_L


def penalised(
    sequence: TokenSequence,
    evidence: Evidence,
    decode: Callable[[Sequence[int]], str],
    stops: Sequence[int],
    penalty: float = 1.0,
) -> TokenSequence:
    """The sequence with ``bonus_N``: the penalty of what its scored tokens say without support, turn by turn.

    ``stops`` are the ids that end a turn; they are never penalised.
    """
    bonus: list[Floats] = []
    turn: list[int] = []
    for token in (*sequence.ids_L[sequence.scored_N].tolist(), None):
        if token is not None and token not in stops:
            turn.append(token)
            continue
        text, offsets = token_offsets(turn, decode)
        bonus.append(span_penalty(offsets, unsupported_spans(text, evidence.passages, evidence.given), penalty))
        bonus.append(np.zeros(0 if token is None else 1, np.float32))
        turn = []
    return replace(sequence, bonus_N=np.concatenate(bonus))


Answer = tuple[str, Evidence]
"""An answer's text and what it may rest on."""


def ungrounded_rate(answers: Sequence[Answer]) -> Interval:
    """Share of the answers with an unsupported span among those that claim something (``n``), with Wilson's interval.

    Abstaining lowers it for nothing: watch ``answer_rate`` beside it.
    """
    claiming = [(text, evidence) for text, evidence in answers if _claiming(text)]
    bad = [bool(unsupported_spans(text, evidence.passages, evidence.given)) for text, evidence in claiming]
    return wilson(sum(bad), len(bad))


def answer_rate(answers: Sequence[Answer]) -> Interval:
    """Share of all answers that claim something, with Wilson's interval."""
    return wilson(sum(_claiming(text) for text, _ in answers), len(answers))


def _claiming(text: str) -> bool:
    return any(claims(sentence) for sentence in sentences(_CALL.sub(" ", text)))


def _beyond(sentence: str, shown: str, given: str, passages: Passages) -> Iterator[CharSpan]:
    """Citations of no passage, and what neither ``shown`` nor ``given`` holds."""
    for mark in _CITATION.finditer(sentence):
        if any(name not in passages for name in citations(mark.group())):
            yield mark.span()
    yield from unheld_spans(sentence, shown, given)


def _agreement(part: str, text: str) -> int:
    """Length of the common prefix."""
    if text.startswith(part):
        return len(part)
    shorter = min(len(part), len(text))
    return next((i for i in range(shorter) if part[i] != text[i]), shorter)


def _passages(result: str) -> dict[str, str]:
    try:
        rows = json.loads(result)
    except ValueError:
        return {}
    return {
        row["id"]: f"{row.get('title') or ''}\n{row['text']}"
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping) and isinstance(row.get("id"), str) and isinstance(row.get("text"), str)
    }
