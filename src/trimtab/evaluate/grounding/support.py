"""Whether a text supports a claim, decided without a judge: by its numbers, its names and its content words."""

import re
from dataclasses import dataclass

from trimtab.text import (
    content_words,
    entities,
    normalise,
    number_spans,
    numbers,
    sentences,
    strip_citations,
    without_hedges,
)
from trimtab.text.claims import ENOUGH

_SUMMING = frozenset(content_words("come cost total price amount sum make pay altogether"))
"""Words of any total."""
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_ISO_DATE = re.compile(r"\b(\d{4})-(0[1-9]|1[0-2])-([0-2]\d|3[01])\b")
_SCALED = re.compile(r"\b(\d+(?:\.\d+)?) (thousand|million|billion)\b", re.IGNORECASE)
_SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_SHORT = re.compile(r"(?<=\d)\s?(%|kg|km|cm|mm|ml|g|m|h|min)(?!\w)")
_UNITS = {
    **{"%": "percent", "kg": "kilograms", "km": "kilometres", "cm": "centimetres", "mm": "millimetres"},
    **{"ml": "millilitres", "g": "grams", "m": "metres", "h": "hours", "min": "minutes"},
}


@dataclass(frozen=True, slots=True)
class Worked:
    """What a total may rest on beside passages: the numbers that tools gave, and the words it was asked in."""

    results: str = ""
    question: str = ""


NOTHING_WORKED = Worked()


def supported(sentence: str, cited: str, worked: Worked = NOTHING_WORKED) -> bool:
    """Whether every number and name of the sentence, and at least 60 % of its content words, occur in ``cited``.

    Dates, units and amounts are read in one form (2020-03-04 is 4 March 2020); a name holds where its words stand in
    one sentence. A number that stands in no passage may be a tool's result (a total). Such a sentence may also repeat
    words of the question, but says something of what it cites: a content word beyond "comes to" is in the passage.
    """
    claim, cited = one_form(strip_citations(sentence)), one_form(cited)
    totals = numbers(claim) - numbers(cited)
    if not totals <= numbers(worked.results):
        return False
    if not _names_hold(claim, cited):
        return False
    own = content_words(without_hedges(_without_numbers(claim)))
    known = content_words(cited)
    if totals and not (own - _SUMMING) & known:
        return False
    return len(own & (known | content_words(worked.question) if totals else known)) >= ENOUGH * len(own)


def one_form(text: str) -> str:
    """ISO dates as day, month and year; ``1.5 million`` as digits; short units and the percent sign as words."""
    text = _ISO_DATE.sub(lambda found: f"{int(found[3])} {_MONTHS[int(found[2]) - 1]} {found[1]}", text)
    text = _SCALED.sub(lambda found: f"{float(found[1]) * _SCALES[found[2].lower()]:.0f}", text)
    return _SHORT.sub(lambda found: f" {_UNITS[found[1]]}", text)


def _names_hold(claim: str, cited: str) -> bool:
    """Each name word for word, or all of its words in one sentence: ``President Maria Silva`` is ``Maria Silva, the
    president``."""
    haystack = f" {normalise(cited)} "
    missing = [
        content_words(name) for name in entities(claim) if (form := normalise(name)) and f" {form} " not in haystack
    ]
    if not missing:
        return True
    near = [content_words(sentence) for sentence in sentences(cited)]
    return all(name and any(name <= words for words in near) for name in missing)


def _without_numbers(claim: str) -> str:
    """The claim with its numbers blanked, in digits or spelled: they are compared as numbers, not as words."""
    for start, end, _ in number_spans(claim):
        claim = f"{claim[:start]}{' ' * (end - start)}{claim[end:]}"
    return claim
