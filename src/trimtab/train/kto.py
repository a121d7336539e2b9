"""The course of thumbs: before each step a pass without gradient measures the KL from which it sees gains and losses.

Ethayarajh et al. 2024 estimate z0 on completions that belong to other prompts of the batch, and cut gradients there.
Each thumb's group therefore carries a second sequence, its own prompt with another thumb's completion: it is scored
for z0 alone, before the step and without gradient, never in the micro-batches that are learned from. So z0 belongs to
the whole optimiser step, whatever the cut into micro-batches, and a resumed run measures it again to the same bit.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from trimtab.records import UserError
from trimtab.train.config import KtoConfig
from trimtab.train.course import Course, Line, group_importance, tags_of
from trimtab.train.finite import NotFinite, finite, not_a_number
from trimtab.train.forest.batch import Batch, Group, TokenSequence
from trimtab.train.forest.plant import pack
from trimtab.train.forest.score import Scorer
from trimtab.train.objectives import Objective, Standpoint, kto
from trimtab.train.objectives.kto import log_ratio
from trimtab.train.processes.sharding import deal, everyones
from trimtab.train.processes.world import world
from trimtab.train.schedule import learning_rate, step_rows

_TRIES = 64
"""Neighbours that are tried until one differs and fits."""
_STREAM = 0x6B746F
"""Keeps the draw of neighbours apart from the other draws of a seed."""


def with_neighbours(thumbs: Sequence[Group], config: KtoConfig) -> list[Group]:
    """Each thumb's group with a second sequence, ``label`` 0: its prompt with the completion of another thumb.

    The other is the next in one shuffle of all rows whose completion differs and fits into ``max_tokens``; a thumb
    without one stays alone. Raises UserError where thumbs point one way only, or no two completions differ.
    """
    _check_both_ways(thumbs)
    order = np.random.default_rng([config.seed, _STREAM]).permutation(len(thumbs)).tolist()
    found = list(thumbs)
    for place, row in enumerate(order):
        ring = (order[(place + step) % len(order)] for step in range(1, min(len(order), _TRIES + 1)))
        mixed = (_mixed(thumbs[row][0], thumbs[other][0]) for other in ring)
        second = next((one for one in mixed if one is not None and len(one.ids_L) <= config.max_tokens), None)
        found[row] = (thumbs[row][0], second) if second else thumbs[row]
    if all(len(group) == 1 for group in found):
        raise UserError(
            "every completion is the same, so the KL to the reference cannot be measured",
            field="completion",
            expected="completions that differ",
        )
    return found


def _check_both_ways(thumbs: Sequence[Group]) -> None:
    up = sum(group[0].label > 0 for group in thumbs)
    if up in (0, len(thumbs)):
        raise UserError(
            f"all {len(thumbs)} thumbs point {'up' if up else 'down'}",
            field="label",
            expected="both true and false",
            fix="Teach the good answers with sft instead" if up else "Add answers that were good",
        )


def _mixed(own: TokenSequence, other: TokenSequence) -> TokenSequence | None:
    """The prompt of ``own`` with the completion of ``other``; None where the completions are the same."""
    here, there = int(own.scored_N[0]), int(other.scored_N[0])
    if np.array_equal(own.ids_L[here:], other.ids_L[there:]):
        return None
    weight_L = np.concatenate([np.zeros(here, np.float32), other.weight_L[there:]])
    ids_L = np.concatenate([own.ids_L[:here], other.ids_L[there:]])
    return TokenSequence(ids_L, weight_L, f"{own.example_id}~{other.example_id}")


@dataclass(frozen=True, slots=True)
class ThumbRows:
    """The rows of a run of thumbs: each step's micro-batches, then those of the neighbours that its z0 is measured on.

    ``groups`` are those of ``with_neighbours``. What moves the reference wraps this course; ``KtoCourse`` wraps both.
    """

    groups: Sequence[Group]
    config: KtoConfig
    share: bool = True

    @property
    def steps(self) -> int:
        return len(step_rows(len(self.groups), self.config))

    def batches(self, step: int, log: Sequence[Line] = ()) -> list[Batch]:
        rows = [self.groups[row] for row in step_rows(len(self.groups), self.config)[step]]
        thumbs = [group[:1] for group in rows]
        seconds = [group[1:] for group in rows if len(group) > 1]
        parts, budget = ((thumbs, group_importance(rows)), (seconds, float(len(seconds)))), self.config.token_budget
        return [
            batch
            for groups, denominator in parts
            for batch in pack(groups, budget, denominator, share=self.share, multiple=world().size)
        ]

    def objective(self, step: int, log: Sequence[Line] = ()) -> Objective:
        raise AssertionError("the rows alone have no objective: KtoCourse gives it")

    def rate(self, step: int) -> float:
        return learning_rate(step, self.steps, self.config)


class KtoCourse:
    """The thumbs of ``rows``, whose micro-batches carry reference log-probs; ``score`` is the policy's as it stands."""

    def __init__(self, rows: Course, config: KtoConfig, score: Scorer) -> None:
        self._rows = rows
        self._config = config
        self._score = score
        self._newest: tuple[int, list[Batch]] = (-1, [])
        self._seconds = 0.0

    @property
    def steps(self) -> int:
        return self._rows.steps

    def rate(self, step: int) -> float:
        return self._rows.rate(step)

    def batches(self, step: int, log: Sequence[Line] = ()) -> list[Batch]:
        return [batch for batch in self._all(step, log) if not _is_neighbours(batch)]

    def objective(self, step: int, log: Sequence[Line] = ()) -> Objective:
        batches, config = self._all(step, log), self._config
        began = time.perf_counter()
        try:
            kl = reference_kl([batch for batch in batches if _is_neighbours(batch)], self._score)
        except NotFinite as error:
            raise not_a_number("KL reference point", step, [error.batch]) from error
        self._seconds = time.perf_counter() - began
        up = sum(float(batch.importance[batch.label > 0].double().sum()) for batch in batches)
        standpoint = Standpoint(kl, up / batches[0].denominator)
        return kto(config.beta, standpoint, config.desirable_weight, config.undesirable_weight)

    def tags(self, step: int, log: Sequence[Line]) -> Line:
        """The rows' own, and what the pass before the step took: it is not in the step's ``seconds``."""
        return tags_of(self._rows, step, log) | {"seconds_reference_point": self._seconds}

    def _all(self, step: int, log: Sequence[Line]) -> list[Batch]:
        """The step's micro-batches of both kinds, packed once for the two questions that a step asks."""
        if self._newest[0] != step:
            self._newest = (step, self._rows.batches(step, log))
        return self._newest[1]


def _is_neighbours(batch: Batch) -> bool:
    return not bool(batch.label.any())


def reference_kl(neighbours: Sequence[Batch], score: Scorer) -> float:
    """z0, nats a sequence: the mean log-ratio of policy and reference on mismatched completions, at least 0.

    With several processes each scores its share; all return the same. Raises NotFinite.
    """
    here, mine = world(), 0.0
    for batch, share in deal(neighbours, here):
        with torch.no_grad():
            mine += share * finite(float(log_ratio(score(batch), batch).double().sum()), batch)
    return max(0.0, sum(everyones(mine, here)) / max(1, sum(batch.sequences for batch in neighbours)))
