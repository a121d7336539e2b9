"""Whether what an answer refers to is real: the ids that it cites, and what it quotes word for word."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain

from trimtab.text import citations, normalise, quotes, strip_citations

_LEAST_QUOTED = 3
"""Words from which a text between quotation marks counts as a quotation."""
_CANDIDATES = 5
"""Passages of the right length that are compared letter by letter."""


@dataclass(frozen=True, slots=True)
class WrongQuote:
    """A quotation that stands nowhere, and the words of a source that come nearest (empty where none comes near)."""

    quote: str
    nearest: str


def references(answer: str) -> tuple[list[str], list[str]]:
    """The ids an answer cites, and its verbatim quotations (of at least three words)."""
    return citations(answer), [quote for quote in quotes(answer) if len(quote.split()) >= _LEAST_QUOTED]


def fidelity(answer: str, passages: Mapping[str, str], sources: Sequence[str]) -> float | None:
    """Share of the cited ids and quotations that are real; None where there are none.

    A quotation is real where some source (a passage, a tool's result, what the user wrote) has it word for word.
    """
    ids, quoted = references(answer)
    if not ids and not quoted:
        return None
    wrong = wrong_quotes(answer, passages, sources, nearest=False)
    real = sum(name in passages for name in ids) + len(quoted) - len(wrong)
    return real / (len(ids) + len(quoted))


def wrong_quotes(
    answer: str, passages: Mapping[str, str], sources: Sequence[str], *, nearest: bool = True
) -> list[WrongQuote]:
    """The quotations that no source has, each with the nearest that one has (left empty without ``nearest``)."""
    everything = [*passages.values(), *sources]
    texts = [f" {normalise(source)} " for source in everything]
    found = []
    for quote in references(answer)[1]:
        form = normalise(strip_citations(quote))
        if not any(f" {form} " in text for text in texts):
            found.append(WrongQuote(quote, nearest_quote(quote, everything) if nearest else ""))
    return found


def nearest_quote(quote: str, sources: Sequence[str]) -> str:
    """The run of as many words that shares most with the quotation, as the source writes it; empty where none does."""
    wanted = Counter(normalise(quote).split())
    runs = sorted(_runs(sources, wanted, len(quote.split())), key=lambda run: -run[0])[:_CANDIDATES]
    form = normalise(quote)
    alike = [(SequenceMatcher(None, form, normalise(text)).ratio(), text) for shared, text in runs if shared]
    return max(alike, key=lambda one: one[0])[1] if alike else ""


def _runs(sources: Sequence[str], wanted: Counter[str], size: int) -> Iterator[tuple[int, str]]:
    """Each run of ``size`` words of a source with how many words of the quotation it has."""
    for source in sources:
        written = source.split()
        forms = [normalise(word).split() for word in written]
        for start in range(max(len(written) - size, 0) + 1):
            stretch = slice(start, start + size)
            yield (Counter(chain.from_iterable(forms[stretch])) & wanted).total(), " ".join(written[stretch])
