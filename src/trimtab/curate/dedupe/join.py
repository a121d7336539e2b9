"""Near duplicates without comparing every pair: texts that are alike share one of their rarest word runs.

Two sets whose Jaccard similarity is at least t share at least t·|x| keys, so under one order of all keys the first
|x| − ⌈t·|x|⌉ + 1 of each must meet (prefix filtering: Chaudhuri et al. 2006; Bayardo et al. 2007, section 3). Where the
order puts rare keys first, few texts meet that are not alike. Unlike banded MinHash it misses nothing.
"""

from dataclasses import dataclass

import numpy as np

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
    """Prefix keys that two texts or more have: text ``text[e]`` is in group ``group[e]``; sorted by text."""

    text: Places
    group: Places
    sizes: Places


def _meetings(sets: Sets, threshold: float, classes: Keys | None) -> _Meetings:
    lengths = _prefixes(sets.sizes, threshold)
    text = np.repeat(np.arange(len(sets)), lengths)
    key = sets.keys[np.repeat(sets.starts, lengths) + _ramp(lengths)]
    if classes is not None:
        key = key ^ mixed(classes)[text]
    order = np.argsort(key, kind="stable")
    new = np.ones(len(order), bool)
    new[1:] = key[order][1:] != key[order][:-1]
    group = np.cumsum(new) - 1
    met = np.bincount(group, minlength=1)[group] > 1
    text, group = text[order][met], group[met]
    _, group = np.unique(group, return_inverse=True)
    back = np.argsort(text, kind="stable")
    return _Meetings(text[back], group[back], np.bincount(group))


def _prefixes(sizes: Places, threshold: float) -> Places:
    """How many of its rarest keys a set must show so that it meets every set that is alike."""
    found: Places = sizes - np.ceil(threshold * sizes - _SLACK).astype(np.int64) + 1
    return found


class _Join:
    """What has been decided: for each group the kept texts in it, in order, at ``_base[group]`` of ``_slots``."""

    def __init__(self, sets: Sets, threshold: float, meetings: _Meetings) -> None:
        self._sets, self._threshold, self._meetings = sets, threshold, meetings
        self.of, self.score = np.full(len(sets), -1), np.zeros(len(sets))
        self.waiting = np.unique(meetings.text)
        self._first = np.searchsorted(meetings.text, np.arange(len(sets) + 1))
        self._base = np.concatenate([np.zeros(1, np.int64), np.cumsum(meetings.sizes)])
        self._fill = np.zeros(len(meetings.sizes), np.int64)
        self._slots = np.zeros(len(meetings.text), np.int64)

    def decide(self, texts: Places) -> None:
        """Decide on ``texts``, ascending, all later than those decided before."""
        entries = self._entries(texts)
        kept_there = self._fill[self._meetings.group[entries]]
        if kept_there.sum() > _PAIRS and len(texts) > 1:
            return self._halved(texts)
        before = self._fill.copy()
        self._give_way(*self._alike(*self._kept_beside(entries, np.zeros_like(before))))
        gone, texts = texts[self.of[texts] >= 0], texts[self.of[texts] < 0]
        group, text = self._by_group(self._entries(texts))
        runs = np.bincount(group, minlength=1)
        if (runs * (runs - 1) // 2).sum() > _PAIRS and len(texts) > 2:
            self._halved(texts)
        else:
            self._drop_like_each_other(*_pairs_within(group, text))
            still = self.of[text] < 0
            self._keep(group[still], text[still])
        self._look_again(gone, before)
        return None

    def _halved(self, texts: Places) -> None:
        for half in np.array_split(texts, 2):
            self.decide(half)

    def _entries(self, texts: Places) -> Places:
        counts = self._first[texts + 1] - self._first[texts]
        return np.repeat(self._first[texts], counts) + _ramp(counts)

    def _by_group(self, entries: Places) -> tuple[Places, Places]:
        order = np.argsort(self._meetings.group[entries], kind="stable")
        return self._meetings.group[entries][order], self._meetings.text[entries][order]

    def _look_again(self, texts: Places, before: Places) -> None:
        """Texts that gave way to one kept before the batch: one kept in it, ahead of them, may be more alike."""
        entries = self._entries(texts)
        groups = self._meetings.group[entries]
        if (self._fill[groups] - before[groups]).sum() > _PAIRS and len(texts) > 1:
            for half in np.array_split(texts, 2):
                self._look_again(half, before)
            return
        text, kept = self._kept_beside(entries, before)
        ahead = kept < text
        text, kept, score = self._alike(text[ahead], kept[ahead])
        closer = score > self.score[text]
        self._give_way(text[closer], kept[closer], score[closer])

    def _kept_beside(self, entries: Places, since: Places) -> tuple[Places, Places]:
        """Each entry's text with each text kept in its group, but for the group's first ``since``."""
        group = self._meetings.group[entries]
        there = self._fill[group] - since[group]
        place = np.repeat(self._base[group] + since[group], there) + _ramp(there)
        return np.repeat(self._meetings.text[entries], there), self._slots[place]

    def _give_way(self, text: Places, kept: Places, score: Scores) -> None:
        """Each text to the most alike of its kept ones, to the earliest of equals."""
        best = np.lexsort((kept, -score, text))
        text, kept, score = text[best], kept[best], score[best]
        first = np.ones(len(text), bool)
        first[1:] = text[1:] != text[:-1]
        self.of[text[first]], self.score[text[first]] = kept[first], score[first]

    def _drop_like_each_other(self, earlier: Places, later: Places) -> None:
        later, earlier, score = self._alike(later, earlier)
        order = np.lexsort((earlier, -score, later))
        gone: set[int] = set()
        for i, first, second in zip(order.tolist(), earlier[order].tolist(), later[order].tolist(), strict=True):
            if first not in gone and second not in gone:
                gone.add(second)
                self.of[second], self.score[second] = first, score[i]

    def _alike(self, a: Places, b: Places) -> tuple[Places, Places, Scores]:
        """Of the pairs, each once, those at or above the threshold."""
        code = np.unique(a * len(self._sets) + b)
        a, b = np.divmod(code, len(self._sets))
        small, large = (
            np.minimum(self._sets.sizes[a], self._sets.sizes[b]),
            np.maximum(self._sets.sizes[a], self._sets.sizes[b]),
        )
        near = small >= self._threshold * large - _SLACK
        a, b = a[near], b[near]
        score = jaccard(self._sets, a, b)
        enough = score >= self._threshold - _SLACK
        return a[enough], b[enough], score[enough]

    def _keep(self, group: Places, text: Places) -> None:
        runs = np.bincount(group, minlength=len(self._fill))
        rank = np.arange(len(group)) - (np.cumsum(runs) - runs)[group]
        self._slots[self._base[group] + self._fill[group] + rank] = text
        self._fill += runs


def _pairs_within(group: Places, text: Places) -> tuple[Places, Places]:
    """All pairs of one group, from entries sorted by group, then by text."""
    ends = np.searchsorted(group, group, side="right")
    earlier, later, position, step = [], [], np.arange(len(group)), 1
    while len(position := position[position + step < ends[position]]):
        earlier.append(text[position])
        later.append(text[position + step])
        step += 1
    if not earlier:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(earlier), np.concatenate(later)


def _ramp(counts: Places) -> Places:
    """0, 1, … for each count, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
