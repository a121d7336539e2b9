"""Confidence that an answer states itself: a percentage, a share of ten, or a word for how likely."""

import re
from collections.abc import Mapping, Sequence

from trimtab.evaluate.action import Wording
from trimtab.evaluate.confidence.instrument import Instrument
from trimtab.evaluate.probes import Confidence, was_right
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case

_SURE = r"(?:sure|certain|confident|confidence|certainty|probability|likely|chance|likelihood)"
_AMOUNT = r"(\d{1,3}(?:\.\d+)?) ?(%|percent|per cent|/ ?10{1,2}\b|out of 10{1,2}\b)"
_PERCENT = re.compile(
    rf"{_AMOUNT} (?:\w+ ){{0,2}}?{_SURE}\b|\b{_SURE}\b(?: (?:level|score|rating))?\W{{1,3}}(?:(?:is|of|at|about|around"
    rf"|roughly|approximately)\W{{1,3}}){{0,3}}(?:{_AMOUNT}|(0?\.\d+|1\.0+|0\.0)\b)"
)
WORDS: tuple[tuple[str, float], ...] = (
    ("almost certainly not", 0.07),
    ("almost impossible", 0.07),
    ("highly unlikely", 0.07),
    ("highly doubtful", 0.07),
    ("almost certain", 0.93),
    ("almost certainly", 0.93),
    ("virtually certain", 0.93),
    ("highly likely", 0.93),
    ("highly probable", 0.93),
    ("chances are about even", 0.50),
    ("probably not", 0.30),
    ("unlikely", 0.30),
    ("improbable", 0.30),
    ("impossible", 0.0),
    ("not sure", 0.50),
    ("not certain", 0.50),
    ("certainly", 1.0),
    ("certain", 1.0),
    ("probably", 0.75),
    ("probable", 0.75),
    ("likely", 0.75),
)
"""Kent's scale of estimative words (1964): the middle of each of his ranges; "not sure" is taken for even odds."""
_WORD = re.compile(r"\b(?:" + "|".join(sorted((word for word, _ in WORDS), key=len, reverse=True)) + r")\b")


def stated_confidence(text: str) -> float | None:
    """What the text says of its own confidence, 0 to 1; None where it says nothing.

    The last number counts ("90 % sure", "confidence: 0.8", "certainty 7/10"); where there is none, the last word.
    """
    plain = text.replace("’", "'").replace("\u00a0", " ").casefold()
    amounts = [amount for match in _PERCENT.finditer(plain) if (amount := _amount(match)) is not None]
    if amounts:
        return amounts[-1]
    said = _WORD.findall(plain)
    return dict(WORDS)[said[-1]] if said else None


def stated(
    cases: Sequence[Case], transcripts: Mapping[str, Transcript], instrument: Instrument | None, wording: Wording
) -> dict[str, Confidence]:
    """Case id -> the confidence that its answer states, and whether it was right; where it states none, nothing."""
    found = {}
    for case in cases:
        outcome, right = transcripts[case.id].outcome, was_right(case, transcripts[case.id], wording)
        if outcome is None or right is None or (said := stated_confidence(outcome.raw_answer)) is None:
            continue
        found[case.id] = Confidence(said, right)
    return found


def _amount(match: re.Match[str]) -> float | None:
    number, unit, later, later_unit, bare = match.groups()
    if bare is not None:
        return float(bare)
    value, of = float(number or later), (unit or later_unit)
    whole = 10.0 if of.endswith("10") else 100.0
    return value / whole if value <= whole else None
