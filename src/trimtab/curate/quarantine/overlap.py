"""The same text reworded, on its own or inside a longer one: how much of it its word pairs show in one place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab.curate.quarantine.keyed import Keyed, Laid, Places
from trimtab.curate.quarantine.prints import PAIR_GAP, Pairs
from trimtab.curate.quarantine.table import Table

WIDEST = PAIR_GAP + 1
"""Words of another text that are paired: words put in between push a pair apart."""
PAIRS_SHARE = 0.3
"""Share of a sealed text's pairs, by weight, below which it is no copy: every fifth word reworded leaves about 0.6."""
LONG = 10
"""A shorter text that lacks two words at one end shares a phrase, no more: rewording scatters what it changes."""
EVIDENCE = 1.4
"""Weight of the words held below which they are small talk: two everyday words and a rarer one."""
_STRETCH, _SLACK = 1.25, 1.0
"""A window is so much longer than the sealed text: a word put in after every fifth, and one."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a window holds of a sealed text: ``words`` of it (a count), ``weight`` (their share of the text's weight)
    and ``pairs`` (the share of its pairs' weight). ``edge``: the words at one end that it lacks."""

    words: int
    edge: int
    weight: float
    pairs: float


class OverlapIndex:
    """A sealed text is found where a window of about its length holds enough of its words, by count and by weight.

    A word is held where a pair that it is part of stands in the window: order and nearness are part of a pair, so that
    words strewn about hold nothing. Containment, not resemblance (Broder 1997): what stands around does not count.
    """

    def __init__(self, pairs: Pairs, keyed: Keyed, share: float) -> None:
        self._pairs, self._keyed, self._share, self._table = pairs, keyed, share, Table(pairs.values)
        self._weight = np.sqrt(pairs.first_weight * pairs.second_weight)
        self._total = np.bincount(pairs.text, self._weight, len(pairs.owner))
        self._whole = _whole_weight(pairs)
        self._needed = needed_words(pairs.length)
        self._window = (pairs.length * _STRETCH + _SLACK).astype(np.int64)

    def find(self, laid: Laid) -> Iterator[tuple[int, int, float]]:
        """``(text, owner, share of the sealed text's weight)`` of each match, texts in order, the best match first."""
        found = []
        for at, unit, place, entry in self._candidates(laid):
            held = self._densest(unit, place, entry)
            if self._enough(unit, held):
                found.append((at, -held.weight, int(self._pairs.owner[unit])))
        for at, negative, owner in sorted(found):
            yield at, owner, -negative

    def _enough(self, unit: int, held: Held) -> bool:
        telling = held.weight >= self._share and held.weight * self._pairs.telling[unit] >= EVIDENCE
        scattered = held.edge <= 1 or self._pairs.length[unit] >= LONG
        return bool(held.words >= self._needed[unit] and scattered and telling and held.pairs >= PAIRS_SHARE)

    def _candidates(self, laid: Laid) -> Iterator[tuple[int, int, Places, Places]]:
        """``(text, sealed text, places, entries)`` where the pairs in common weigh enough, wherever they stand."""
        place, entry = self._shared(laid)
        group = laid.text[place] * len(self._pairs.owner) + self._pairs.text[entry]
        order = np.lexsort((place, group))
        place, entry, group = place[order], entry[order], group[order]
        names, start = np.unique(group, return_index=True)
        if not len(names):
            return
        sums = np.add.reduceat(self._weight[entry], start)
        stop = np.append(start[1:], len(group))
        for i in np.flatnonzero(sums >= PAIRS_SHARE * self._total[names % len(self._pairs.owner)]):
            at, unit = divmod(int(names[i]), len(self._pairs.owner))
            yield at, unit, place[start[i] : stop[i]], entry[start[i] : stop[i]]

    def _shared(self, laid: Laid) -> tuple[Places, Places]:
        """Every ``(place, entry)`` at which a pair of a sealed text stands."""
        places, entries = [], []
        for gap in range(1, WIDEST + 1):
            values = self._keyed.pairs(laid.hashes, gap)
            inside = np.flatnonzero(np.arange(len(values)) + gap < laid.end[: len(values)])
            at, entry = self._table.find_all(values[inside])
            places.append(inside[at])
            entries.append(entry)
        return np.concatenate(places), np.concatenate(entries)

    def _densest(self, unit: int, place: Places, entry: Places) -> Held:
        """What the window with the heaviest pairs holds; pairs belong to it by where they start."""
        weight, places, window = self._weight[entry].tolist(), place.tolist(), int(self._window[unit])
        held, now, best, first, span = dict[int, int](), 0.0, 0.0, 0, (0, 0)
        entries = entry.tolist()
        for last, one in enumerate(entries):
            if not held.get(one):
                now += weight[last]
            held[one] = held.get(one, 0) + 1
            while places[last] - places[first] > window:
                held[entries[first]] -= 1
                if not held[entries[first]]:
                    now -= weight[first]
                first += 1
            if now > best:
                best, span = now, (first, last + 1)
        return self._held(unit, entry[span[0] : span[1]], best)

    def _held(self, unit: int, entry: Places, weight: float) -> Held:
        pairs = self._pairs
        words = dict(zip(pairs.first[entry].tolist(), pairs.first_weight[entry].tolist(), strict=True))
        words |= dict(zip(pairs.second[entry].tolist(), pairs.second_weight[entry].tolist(), strict=True))
        edge = _edge(words, int(pairs.length[unit]))
        return Held(len(words), edge, sum(words.values()) / self._whole[unit], weight / float(self._total[unit]))


def needed_words(length: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Words of a sealed text that a window must hold: all but every fifth; of texts over 15 words, 0.72 of them."""
    return np.where(length < 15, length - -(-length // 5), np.ceil(0.72 * length)).astype(np.int64)


def _edge(held: Iterable[int], length: int) -> int:
    """Words before the first that is held, or after the last: the more of the two."""
    first, last = min(held, default=length), max(held, default=-1)
    return max(first, length - 1 - last)


def _whole_weight(pairs: Pairs) -> npt.NDArray[np.float64]:
    """The weight of each text's words: every word begins or ends some pair."""
    words = dict[tuple[int, int], float]()
    for place, weight in ((pairs.first, pairs.first_weight), (pairs.second, pairs.second_weight)):
        words |= dict(zip(zip(pairs.text.tolist(), place.tolist(), strict=True), weight.tolist(), strict=True))
    whole = np.zeros(len(pairs.owner))
    for (text, _), one in words.items():
        whole[text] += one
    return whole
