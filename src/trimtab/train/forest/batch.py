"""The packed forest: one layout for every objective, no padding, every shared prefix stored once.

Axes: T packed tokens, S segments, N scored tokens, M sequences (completions), L tokens of one sequence.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TokenSequence:
    """One completion with everything before it, as tokens.

    ``weight_L``: 0 = only read, above 0 = learned with that weight. The first token is never scored, for nothing
    predicts it. ``reference_N``, ``behaviour_N`` and ``bonus_N`` hold a number for each scored token, in order.
    """

    ids_L: Ints
    weight_L: Floats
    example_id: str = ""
    label: int = 0
    """+1 chosen or desirable, -1 rejected or undesirable, 0 neither."""
    reward: float = 0.0
    """What people or a reward function gave the whole sequence; between the sides of a pair its difference is the
    margin."""
    importance: float = 1.0
    """Weight of the row among rows, such as trust in its annotators."""
    doubt: float = 0.0
    """Probability that the labels of the pair should be the other way round."""
    reference_N: npt.NDArray[np.floating] | None = None
    behaviour_N: npt.NDArray[np.floating] | None = None
    """The sampler's log-probs."""
    bonus_N: npt.NDArray[np.floating] | None = None
    """Reward a token, such as the penalty of an unsupported span."""

    @property
    def scored_N(self) -> Ints:
        """Positions of the scored tokens, ascending, each at least 1."""
        return np.flatnonzero(self.weight_L[1:]) + 1

    @property
    def weight(self) -> float:
        """Sum of the weights of the scored tokens."""
        return float(self.weight_L[1:].sum(dtype=np.float64))


Group = tuple[TokenSequence, ...]
"""The sequences that answer one prompt; the unit that is never split over micro-batches."""


@dataclass(frozen=True, slots=True)
class Segments:
    """Runs of packed tokens, depth first: a parent before its children, a subtree in one piece. On the host."""

    start: tuple[int, ...]
    length: tuple[int, ...]
    parent: tuple[int, ...]
    subtree_end: tuple[int, ...]
    """Packed row after the last token of the segment's last descendant."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A micro-batch, as the design's table has it; tokens of weight 0 are packed but not scored."""

    input_ids: Tensor
    """int64 [T]"""
    position_ids: Tensor
    """int64 [T], along the path from the root."""
    segments: Segments
    score_row: Tensor
    """int64 [N], the packed row whose state predicts the target; several targets may share a row."""
    target_ids: Tensor
    """int64 [N]"""
    score_seq: Tensor
    """int64 [N], in 0..M-1"""
    token_weight: Tensor
    """float32 [N]"""
    seq_group: Tensor
    """int32 [M]"""
    seq_len: Tensor
    """int32 [M], scored tokens of the sequence."""
    label: Tensor
    """int8 [M]: +1 chosen, -1 rejected, 0 neither."""
    example_id: tuple[str, ...]
    denominator: float
    """What the *whole* optimiser step is divided by (weights or groups), so that accumulation is exact."""
    real_tokens: int
    """Tokens of the sequences as if nothing were shared."""
    reward: Tensor
    """float32 [M], of the whole sequence: 0 where there is none."""
    importance: Tensor
    """float32 [M]"""
    end_row: Tensor
    """int64 [M], the packed row of the last computed token: with ``plant(..., ends=True)`` the sequence's very last."""
    reference_logp: Tensor | None = None
    """float [N]"""
    behaviour_logp: Tensor | None = None
    """float [N], the sampler's."""
    token_reward: Tensor | None = None
    """float [N]"""
    doubt: Tensor | None = None
    """float32 [M], that each sequence's pair is labelled the wrong way round; None where no pair is in doubt."""

    @property
    def seg_start(self) -> tuple[int, ...]:
        return self.segments.start

    @property
    def seg_len(self) -> tuple[int, ...]:
        return self.segments.length

    @property
    def seg_parent(self) -> tuple[int, ...]:
        return self.segments.parent

    @property
    def processed_tokens(self) -> int:
        """T: what the model really computes."""
        return self.input_ids.numel()

    def to(self, device: torch.device) -> "Batch":
        """The same on ``device``; itself where it is there. The segments stay on the host."""
        if self.input_ids.device == device:
            return self
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in found.items() if isinstance(value, Tensor)}
        return replace(self, **moved)

    @property
    def sequences(self) -> int:
        """M"""
        return len(self.example_id)


def sum_by_sequence(value_N: Tensor, batch: Batch) -> Tensor:
    """[N] to [M]: the sum over each sequence's scored tokens."""
    return torch.zeros(batch.sequences, dtype=value_N.dtype, device=value_N.device).index_add(
        0, batch.score_seq, value_N
    )
