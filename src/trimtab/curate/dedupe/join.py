"""Near duplicates without comparing every pair: texts that are alike share one of their rarest word runs.

Two sets whose Jaccard similarity is at least t share at least t·|x| keys, so under one order of all keys the first
|x| − ⌈t·|x|⌉ + 1 of each must meet (prefix filtering: Chaudhuri et al. 2006; Bayardo et al. 2007, section 3). Where the
order puts rare keys first, few texts meet that are not alike. Unlike banded MinHash it misses nothing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab.curate.dedupe.sets import Keys, Places, Scores, Sets, jaccard, rarest_first
from trimtab.text import Shingles
from trimtab.text.shingles import mixed

_FIRST_BATCH, _LAST_BATCH = 1 << 12, 1 << 16
_PAIRS = 1 << 20
"""Pairs held at a time; a batch that meets more often is halved."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Twins:
    """``of[i]`` is the earlier text that text i gives way to, −1 where it is kept; ``score[i]`` their similarity."""

    of: Places
    score: Scores


def near_duplicates(shingles: Shingles, threshold: float, classes: Keys | None = None) -> Twins:
    """Greedy in the order given: a text gives way to the most alike of the kept ones, to the earliest of equals.

    ``threshold``: Jaccard similarity of the sets of word runs, above 0 and at most 1. Texts of unlike ``classes`` are
    never one.
    """
    sets = rarest_first(shingles)
    join = _Join(sets, threshold, _meetings(sets, threshold, classes))
    start, size = 0, _FIRST_BATCH
    while start < len(join.waiting):
        join.decide(join.waiting[start : start + size])
        start, size = start + size, min(2 * size, _LAST_BATCH)
    return Twins(join.of, join.score)


@dataclass(frozen=True, slots=True)
class _Meetings:
    """Entry e: ``text[e]`` shows the key of ``group[e]`` and has ``left[e]`` keys from there on; sorted by text.

    ``indexed``: it may meet a text of its own size or larger there; a pair's smaller text must (Xiao et al. 2008).
    Groups where nobody may meet anybody are left out: a template's own keys, where its blanks hold the rarer ones.
    """

    text: Places
    group: Places
    left: Places
    indexed: npt.NDArray[np.bool_]
    groups: int


def _meetings(sets: Sets, threshold: float, classes: Keys | None) -> _Meetings:
    lengths = _prefixes(sets.sizes, threshold)
    text, position = np.repeat(np.arange(len(sets)), lengths), _ramp(lengths)
    key = sets.keys[sets.starts[text] + position]
    if classes is not None:
        key = key ^ mixed(classes)[text]
    left = sets.sizes[text] - position
    indexed = left >= _needed(2 * sets.sizes[text], threshold)
    order = np.argsort(key, kind="stable")
    new = np.ones(len(order), bool)
    new[1:] = key[order][1:] != key[order][:-1]
    group = np.cumsum(new) - 1
    met = (np.bincount(group, minlength=1) > 1) & (np.bincount(group, indexed[order], minlength=1) > 0)
    order, group = order[met[group]], (np.cumsum(met) - 1)[group[met[group]]]
    back = np.argsort(order, kind="stable")  # entries stand by text, as they were made
    order = order[back]
    return _Meetings(text[order], group[back], left[order], indexed[order], int(met.sum()))


def _prefixes(sizes: Places, threshold: float) -> Places:
    """How many of its rarest keys a set must show so that it meets every set that is alike."""
    found: Places = sizes - np.ceil(threshold * sizes - _SLACK).astype(np.int64) + 1
    return found


def _needed(total: Places, threshold: float) -> Places:
    """Keys that two sets of ``total`` keys together share where they are alike: t / (1 + t) of them."""
    found: Places = np.ceil(threshold / (1 + threshold) * total - _SLACK).astype(np.int64)
    return found


class _Join:
    """What has been decided. The kept entries of group g: the indexed in table 2g, the others in table 2g + 1.

    Table t holds ``_fill[t]`` entries, in ``_slots`` from ``_base[t]`` on.
    """

    def __init__(self, sets: Sets, threshold: float, meetings: _Meetings) -> None:
        self._sets, self._threshold, self._meetings = sets, threshold, meetings
        self.of, self.score = np.full(len(sets), -1), np.zeros(len(sets))
        self.waiting = np.unique(meetings.text)
        self._first = np.searchsorted(meetings.text, np.arange(len(sets) + 1))
        sizes = np.bincount(self._tables(np.arange(len(meetings.text))), minlength=2 * meetings.groups)
        self._base = np.cumsum(sizes) - sizes
        self._fill = np.zeros(2 * meetings.groups, np.int64)
        self._slots = np.zeros(len(meetings.text), np.int64)

    def decide(self, texts: Places) -> None:
        """Decide on ``texts``, ascending, all later than those decided before."""
        probes, tables = self._lookups(texts)
        if self._fill[tables].sum() > _PAIRS and len(texts) > 1:
            return self._halved(texts)
        self._give_way(*self._alike(*self._kept_beside(probes, tables, np.zeros_like(tables))))
        gone, texts = texts[self.of[texts] >= 0], texts[self.of[texts] < 0]
        again, tables = self._lookups(gone)
        since = self._fill[tables]
        among = _Among(self._meetings, self._entries(texts))
        if among.pairs > _PAIRS and len(texts) > 2:
            self._halved(texts)
        else:
            self._drop_like_each_other(*among.each())
            self._keep(self._entries(texts[self.of[texts] < 0]))
        return self._look_again(again, tables, since)

    def _halved(self, texts: Places) -> None:
        for half in np.array_split(texts, 2):
            self.decide(half)

    def _entries(self, texts: Places) -> Places:
        counts = self._first[texts + 1] - self._first[texts]
        return np.repeat(self._first[texts], counts) + _ramp(counts)

    def _tables(self, entries: Places) -> Places:
        return 2 * self._meetings.group[entries] + ~self._meetings.indexed[entries]

    def _lookups(self, texts: Places) -> tuple[Places, Places]:
        """Entries of ``texts`` and tables to look in: all see the indexed, the indexed see the others too."""
        entries = self._entries(texts)
        indexed = entries[self._meetings.indexed[entries]]
        group = self._meetings.group
        return np.concatenate([entries, indexed]), np.concatenate([2 * group[entries], 2 * group[indexed] + 1])

    def _kept_beside(self, probes: Places, tables: Places, since: Places) -> tuple[Places, Places]:
        """Each probe with each entry of its table, but for the table's first ``since``."""
        there = self._fill[tables] - since
        return np.repeat(probes, there), self._slots[np.repeat(self._base[tables] + since, there) + _ramp(there)]

    def _look_again(self, probes: Places, tables: Places, since: Places) -> None:
        """Texts that gave way to one kept before the batch: one kept in it, ahead of them, may be more alike."""
        if (self._fill[tables] - since).sum() > _PAIRS and len(probes) > 1:
            middle = len(probes) // 2
            self._look_again(probes[:middle], tables[:middle], since[:middle])
            return self._look_again(probes[middle:], tables[middle:], since[middle:])
        probe, other = self._kept_beside(probes, tables, since)
        ahead = self._meetings.text[other] < self._meetings.text[probe]
        text, kept, score = self._alike(probe[ahead], other[ahead])
        closer = score > self.score[text]
        return self._give_way(text[closer], kept[closer], score[closer])

    def _give_way(self, text: Places, kept: Places, score: Scores) -> None:
        """Each text to the most alike of its kept ones, to the earliest of equals."""
        best = np.lexsort((kept, -score, text))
        text, kept, score = text[best], kept[best], score[best]
        first = np.ones(len(text), bool)
        first[1:] = text[1:] != text[:-1]
        self.of[text[first]], self.score[text[first]] = kept[first], score[first]

    def _drop_like_each_other(self, later: Places, earlier: Places) -> None:
        later, earlier, score = self._alike(later, earlier)
        order = np.lexsort((earlier, -score, later))
        gone: set[int] = set()
        for i, first, second in zip(order.tolist(), earlier[order].tolist(), later[order].tolist(), strict=True):
            if first not in gone and second not in gone:
                gone.add(second)
                self.of[second], self.score[second] = first, score[i]

    def _alike(self, one: Places, other: Places) -> tuple[Places, Places, Scores]:
        """Of pairs of entries the texts that are alike, each pair once, and how much.

        From the first key in common on, both must have as many keys left as they have to share.
        """
        text, sizes, left = self._meetings.text, self._sets.sizes, self._meetings.left
        needed = _needed(sizes[text[one]] + sizes[text[other]], self._threshold)
        near = np.minimum(left[one], left[other]) >= needed
        a, b = np.divmod(np.unique(text[one[near]] * len(self._sets) + text[other[near]]), len(self._sets))
        score = jaccard(self._sets, a, b)
        enough = score >= self._threshold - _SLACK
        return a[enough], b[enough], score[enough]

    def _keep(self, entries: Places) -> None:
        tables = self._tables(entries)
        order = np.argsort(tables, kind="stable")
        entries, tables = entries[order], tables[order]
        table, counts = np.unique(tables, return_counts=True)
        self._slots[self._base[tables] + self._fill[tables] + _ramp(counts)] = entries
        self._fill[table] += counts


class _Among:
    """Entries of one batch that meet each other: the indexed of a group with all the others of it."""

    def __init__(self, meetings: _Meetings, entries: Places) -> None:
        entries = entries[np.argsort(meetings.group[entries], kind="stable")]
        indexed = meetings.indexed[entries]
        self._text = meetings.text
        self._indexed, self._others = entries[indexed], entries[~indexed]
        self._group = meetings.group[self._indexed]
        theirs = meetings.group[self._others]
        self._start = np.searchsorted(self._group, theirs)
        self._counts = np.searchsorted(self._group, theirs, side="right") - self._start
        behind = np.searchsorted(self._group, self._group, side="right") - np.arange(len(self._group)) - 1
        self.pairs = int(behind.sum() + self._counts.sum())

    def each(self) -> tuple[Places, Places]:
        """Every pair of entries, the later text's first."""
        one, other = _pairs_within(self._group, self._indexed)
        one = np.concatenate([one, np.repeat(self._others, self._counts)])
        other = np.concatenate([other, self._indexed[np.repeat(self._start, self._counts) + _ramp(self._counts)]])
        later = self._text[one] > self._text[other]
        return np.where(later, one, other), np.where(later, other, one)


def _pairs_within(group: Places, entries: Places) -> tuple[Places, Places]:
    """All pairs of one group, from entries sorted by group."""
    ends = np.searchsorted(group, group, side="right")
    earlier, later, position, step = [], [], np.arange(len(group)), 1
    while len(position := position[position + step < ends[position]]):
        earlier.append(entries[position])
        later.append(entries[position + step])
        step += 1
    if not earlier:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(earlier), np.concatenate(later)


def _ramp(counts: Places) -> Places:
    """0, 1, … for each count, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
