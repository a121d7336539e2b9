"""Token sequences into packed forests: a radix tree finds what rows share, a token budget cuts micro-batches.

Axes: T packed tokens, S segments, N scored tokens, M sequences.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trimtab.train.forest.batch import Batch, Group, Ints, Segments, TokenSequence

MIN_SAVING = 32
"""Tokens that a shared segment must save to be worth its own attention call in each layer."""


def pack(
    groups: Sequence[Group],
    token_budget: int,
    denominator: float,
    *,
    share: bool = True,
    ends: bool = False,
    multiple: int = 1,
) -> list[Batch]:
    """One optimiser step's groups as micro-batches of at most ``token_budget`` packed tokens.

    Rows that share a prefix go into the same micro-batch. A group is never split, so one that is longer than the
    budget gets a micro-batch to itself. Their number is a ``multiple`` of that of the processes, where there are
    groups enough.
    """
    parts = even(cut(groups, token_budget, share=share), multiple)
    return [plant(part, denominator, share=share, ends=ends) for part in parts]


def even(parts: list[list[Group]], multiple: int) -> list[list[Group]]:
    """The parts with the largest halved, until their number is a multiple or every part is one group."""
    parts = list(parts)
    while len(parts) % multiple:
        sizes = [packed_tokens(part) if len(part) > 1 else 0 for part in parts]
        largest = max(range(len(parts)), key=sizes.__getitem__)
        if not sizes[largest]:
            break
        parts[largest : largest + 1] = _halves(parts[largest])
    return parts


def _halves(part: list[Group]) -> list[list[Group]]:
    """Cut where the tokens of both sides are nearest to each other."""
    ends = np.cumsum([sum(len(sequence.ids_L) for sequence in group) for group in part])
    middle = 1 + int(np.argmin(np.abs(ends[:-1] * 2 - ends[-1])))
    return [part[:middle], part[middle:]]


def cut(groups: Sequence[Group], token_budget: int, *, share: bool = True) -> list[list[Group]]:
    """The groups in order of their tokens (neighbours share most), cut greedily by the budget."""
    parts: list[list[Group]] = []
    for group in sorted(groups, key=lambda group: _sort_key(group[0].ids_L)):
        joined = [*parts[-1], group] if parts else [group]
        if parts and packed_tokens(joined, share=share) <= token_budget:
            parts[-1] = joined
        else:
            parts.append([group])
    return parts


def packed_tokens(groups: Sequence[Group], *, share: bool = True) -> int:
    """T of the forest that ``plant`` would make."""
    segments, _ = _grow([_inputs(sequence) for group in groups for sequence in group], share)
    return sum(segments.length)


def plant(
    groups: Sequence[Group],
    denominator: float,
    *,
    share: bool = True,
    min_saving: int = MIN_SAVING,
    ends: bool = False,
) -> Batch:
    """One packed forest; sequences keep the order in which they came, groups are numbered from 0.

    ``share=False`` gives each sequence a segment of its own: the slow twin, and the layout for models that cannot
    share a prefix. ``ends`` computes the last token of each sequence too, for objectives that read its state. Every
    sequence must have something to score (an assertion).
    """
    sequences = [sequence for group in groups for sequence in group]
    inputs = [sequence.ids_L if ends else _inputs(sequence) for sequence in sequences]
    segments, rows = _grow(inputs, share, min_saving)
    total = sum(segments.length)
    input_ids, position_ids = np.empty(total, np.int64), np.empty(total, np.int64)
    for ids, row in zip(inputs, rows, strict=True):
        input_ids[row] = ids
        position_ids[row] = np.arange(len(ids))
    scored = [sequence.scored_N for sequence in sequences]
    lengths = [len(positions) for positions in scored]
    return Batch(
        input_ids=torch.from_numpy(input_ids),
        position_ids=torch.from_numpy(position_ids),
        segments=segments,
        score_row=_joined([row[positions - 1] for row, positions in zip(rows, scored, strict=True)]),
        target_ids=_joined([s.ids_L[positions] for s, positions in zip(sequences, scored, strict=True)]),
        score_seq=torch.from_numpy(np.repeat(np.arange(len(sequences)), lengths)),
        token_weight=_joined([s.weight_L[positions] for s, positions in zip(sequences, scored, strict=True)]),
        seq_group=torch.from_numpy(np.repeat(np.arange(len(groups), dtype=np.int32), [len(g) for g in groups])),
        seq_len=torch.tensor(lengths, dtype=torch.int32),
        label=torch.tensor([sequence.label for sequence in sequences], dtype=torch.int8),
        example_id=tuple(sequence.example_id for sequence in sequences),
        denominator=denominator,
        real_tokens=sum(len(sequence.ids_L) for sequence in sequences),
        reward=torch.tensor([sequence.reward for sequence in sequences], dtype=torch.float32),
        importance=torch.tensor([sequence.importance for sequence in sequences], dtype=torch.float32),
        end_row=torch.tensor([int(row[-1]) for row in rows]),
        reference_logp=_given([sequence.reference_N for sequence in sequences], "a reference"),
        behaviour_logp=_given([sequence.behaviour_N for sequence in sequences], "behaviour log-probs"),
        token_reward=_given([sequence.bonus_N for sequence in sequences], "token rewards"),
        doubt=_doubt([sequence.doubt for sequence in sequences]),
    )


def _inputs(sequence: TokenSequence) -> Ints:
    """The tokens that must be computed: all before the last scored one."""
    scored_N = sequence.scored_N
    assert len(scored_N), "a sequence with nothing to score cannot be packed"
    return sequence.ids_L[: scored_N[-1]]


def _given(parts: Sequence[npt.NDArray[Any] | None], what: str) -> torch.Tensor | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    assert len(known) == len(parts), f"{what} for some sequences only"
    return _joined(known)


def _doubt(doubts: Sequence[float]) -> torch.Tensor | None:
    return torch.tensor(doubts, dtype=torch.float32) if any(doubts) else None


def _joined(parts: Sequence[npt.NDArray[Any]]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts))


def _sort_key(ids: Ints) -> bytes:
    """Bytes whose order is the lexicographic order of the tokens."""
    return ids.astype(">u4").tobytes()


@dataclass(slots=True)
class _Growing:
    start: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    total: int = 0

    def add(self, length: int, parent: int) -> tuple[int, Ints]:
        """A new segment: its index and its packed rows."""
        self.start.append(self.total)
        self.length.append(length)
        self.parent.append(parent)
        self.total += length
        return len(self.start) - 1, np.arange(self.total - length, self.total)

    def done(self) -> Segments:
        ends = [start + length for start, length in zip(self.start, self.length, strict=True)]
        for index in range(len(ends) - 1, -1, -1):
            if (above := self.parent[index]) >= 0:
                ends[above] = max(ends[above], ends[index])
        return Segments(tuple(self.start), tuple(self.length), tuple(self.parent), tuple(ends))


def _grow(inputs: Sequence[Ints], share: bool, min_saving: int = MIN_SAVING) -> tuple[Segments, list[Ints]]:
    """The forest's segments, and for each sequence the packed row of each of its tokens.

    In sorted order a sequence that is a prefix of any other is a prefix of the next: it rides on that one. The
    rest is prefix-free, so every sequence ends in a leaf of its own and inner segments are longest common prefixes.
    """
    growing, rows = _Growing(), [np.empty(0, np.int64)] * len(inputs)
    if not share:
        for index, ids in enumerate(inputs):
            rows[index] = growing.add(len(ids), -1)[1]
        return growing.done(), rows
    order = sorted(range(len(inputs)), key=lambda index: _sort_key(inputs[index]))
    leaves, carrier = _leaves([inputs[index] for index in order])
    for leaf, row in _walk([inputs[order[place]] for place in leaves], growing, min_saving):
        rows[order[leaves[leaf]]] = row
    for place, on in enumerate(carrier):
        rows[order[place]] = rows[order[on]][: len(inputs[order[place]])]
    return growing.done(), rows


def _leaves(ordered: Sequence[Ints]) -> tuple[list[int], list[int]]:
    """Places of the sequences that are no prefix of the next, and for each place the leaf that carries it."""
    last = len(ordered) - 1
    carrier = list(range(len(ordered)))
    for place in range(last - 1, -1, -1):
        ids = ordered[place]
        if _common(ids, ordered[place + 1], 0) == len(ids):
            carrier[place] = carrier[place + 1]
    return [place for place, on in enumerate(carrier) if on == place], carrier


def _walk(leaves: Sequence[Ints], growing: _Growing, min_saving: int) -> list[tuple[int, Ints]]:
    """Adds segments depth first over the sorted, prefix-free ``leaves``; each leaf with all its packed rows."""
    found: list[tuple[int, Ints]] = []
    stack = [(0, len(leaves), 0, -1, np.empty(0, np.int64))]
    while stack:
        low, high, depth, parent, above = stack.pop()
        if high - low == 1:
            found.append((low, np.concatenate([above, growing.add(len(leaves[low]) - depth, parent)[1]])))
            continue
        end = _common(leaves[low], leaves[high - 1], depth)
        turns = [low, *(i for i in range(low + 1, high) if leaves[i][end] != leaves[i - 1][end]), high]
        children = list(pairwise(turns))
        if end > depth and (end - depth) * (len(children) - 1) >= min_saving:
            parent, own = growing.add(end - depth, parent)
            depth, above = end, np.concatenate([above, own])
        stack.extend((first, after, depth, parent, above) for first, after in reversed(children))
    return found


def _common(a: Ints, b: Ints, start: int) -> int:
    """Length of the common prefix of two sequences that agree up to ``start``."""
    shorter = min(len(a), len(b))
    differing = np.flatnonzero(a[start:shorter] != b[start:shorter])
    return start + int(differing[0]) if len(differing) else shorter
