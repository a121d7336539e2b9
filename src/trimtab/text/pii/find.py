"""One pass over a text: where something may begin, each kind is tried, the surest first; what checks out is a span."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from trimtab.text.pii.checksums import card, iban_length, ip_address, luhn, wallet
from trimtab.text.pii.dates import DATE, YEAR
from trimtab.text.pii.kind import START, Kind, Recogniser, Span, always, cued, whole
from trimtab.text.pii.national import BANK, NATIONAL
from trimtab.text.pii.phones import PHONE
from trimtab.text.pii.urls import URL


def _iban(match: re.Match[str]) -> int:
    length = iban_length(match.group())
    return length if length and not (match.group()[length : length + 1] or " ").isalnum() else 0


def _card(match: re.Match[str]) -> int:
    """A number that some issuer gives out, or after a cue whatever passes Luhn's check."""
    return len(match.group()) if card(match.group()) else _CARD_CUED(match)


_CARD_CUED = cued(r"(?:credit|debit|bank|my|your|the)[ ]card|card (?:number|no)|visa|mastercard|amex|maestro", luhn)
_EMAIL_HINT = r"\w[\w.%+'-]{0,63}@"
KINDS: tuple[Kind, ...] = (
    Kind("EMAIL", r"\w[\w.%+'-]{0,63}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}", (_EMAIL_HINT,), always),
    URL,
    Kind("IBAN", r"[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,36}", (r"[A-Za-z]{1,6}[ -]?\d",), _iban),
    Kind(
        "CRYPTO",
        r"(?:(?:bc1|BC1)[02-9A-Za-z]{11,87}|[13][1-9A-HJ-NP-Za-km-z]{25,34}|0x[0-9A-Fa-f]{40})(?!\w)",
        ("bc1", "BC1", r"\d[1-9A-Za-z]"),
        whole(wallet),
    ),
    Kind("CARD", r"\d{4}(?:[ -]?\d){8,15}(?![\w-])", (r"\d{2}",), _card),
    Kind("MAC", r"[0-9A-Fa-f]{2}(?P<colon>[:-])(?:[0-9A-Fa-f]{2}(?P=colon)){4}[0-9A-Fa-f]{2}(?![\w:-])",
         (r"[0-9A-Fa-f]{2}[:-]",), always),
    Kind("IP", r"(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])",
         (r"\d{1,3}\.\d", r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]"), whole(ip_address)),
    *NATIONAL,
    DATE,
    YEAR,
    PHONE,
    BANK,
)  # fmt: skip
"""Every kind, the surest first: where two begin at one place, the first that checks out wins."""

ALL_KINDS = frozenset(kind.name for kind in KINDS)
DEFAULT_KINDS = ALL_KINDS - {"DATE", "YEAR", "URL"}
"""What is hidden where nobody says otherwise. Dates and addresses of pages stay: answers need them."""


def pii_spans(text: str, kinds: Iterable[str] = DEFAULT_KINDS, recognisers: Sequence[Recogniser] = ()) -> list[Span]:
    """Personal data in order, never overlapping. What has a checksum passes it; weak shapes need a cue before them.

    Names and addresses have no pattern: only ``recognisers`` (callables that give spans) can find them. Where spans
    overlap, a pattern's goes before a recogniser's, and a recogniser's before a later one's.
    """
    found = _by_pattern(text, frozenset(kinds))
    for recogniser in recognisers:
        found = joined(found, recogniser(text))
    return found


def joined(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """All of ``first`` and those of ``second`` that overlap none before them, in order."""
    kept = list(first)
    for span in second:
        if span.start < span.end and all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)


def _by_pattern(text: str, names: frozenset[str]) -> list[Span]:
    finder, found, position = _finder(names), list[Span](), 0
    if not finder.possible.search(text):
        return found
    while start := finder.hint.search(text, position):
        span = finder.at(text, start.start())
        if span:
            found.append(span)
        position = span.end if span else start.start() + 1
    return found


class _Finder:
    """The compiled form of some kinds."""

    def __init__(self, names: frozenset[str]) -> None:
        kinds = [kind for kind in KINDS if kind.name in names]
        hints = dict.fromkeys(hint for kind in kinds for hint in kind.hints)
        self.hint = re.compile(START + "(?=" + ("|".join(hints) or "(?!)") + ")")
        self.possible = re.compile(r"[@\d]" if names <= DEFAULT_KINDS else r"[@\d.:]|day|[A-Za-z]{3}")
        self._tries = [(kind.name, re.compile(kind.pattern), kind.check) for kind in kinds]

    def at(self, text: str, start: int) -> Span | None:
        """The span of the first kind whose check holds at this place."""
        for name, pattern, check in self._tries:
            match = pattern.match(text, start)
            length = check(match) if match else 0
            if length:
                return Span(start, start + length, name, text[start : start + length])
        return None


@lru_cache(maxsize=64)
def _finder(names: frozenset[str]) -> _Finder:
    return _Finder(names)
