"""A course: what each optimiser step of a run learns from, by which objective, at which rate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from trimtab.train.config import TrainConfig
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.plant import pack
from trimtab.train.objectives import Objective
from trimtab.train.processes.world import world
from trimtab.train.schedule import learning_rate, step_rows

Line = dict[str, float]
"""What one optimiser step measured: a line of the run's log."""
REFRESH = "refresh"
"""The name that is 1 on the line of an SFT refresh, so that its measures are not mixed with the method's."""


class Course(Protocol):
    """A run's plan. Each method is a function of its arguments, the seed and the model's state: a run that is cut
    and goes on from a checkpoint asks the same questions and must get the same answers."""

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""

    def batches(self, step: int, log: Sequence[Line]) -> list[Batch]:
        """The micro-batches of ``step``; ``log`` has a line for each step before it."""

    def objective(self, step: int, log: Sequence[Line]) -> Objective:
        """What the step minimises."""

    def rate(self, step: int) -> float:
        """The step's learning rate."""


@runtime_checkable
class Tagged(Protocol):
    """A course whose steps are of several kinds, which its log lines tell apart."""

    def tags(self, step: int, log: Sequence[Line]) -> Line:
        """Names for the line of ``step``; ``log`` has a line for each step before it."""


def tags_of(course: Course, step: int, log: Sequence[Line]) -> Line:
    """What the line of ``step`` carries beside what the step measured."""
    return course.tags(step, log) if isinstance(course, Tagged) else {}


Denominator = Callable[[Sequence[Group]], float]


def trained_weight(groups: Sequence[Group]) -> float:
    """Σ of the token weights: what SFT divides by."""
    return sum(sequence.weight for group in groups for sequence in group)


def group_count(groups: Sequence[Group]) -> float:
    """Number of groups: what preference objectives divide by."""
    return float(len(groups))


def group_importance(groups: Sequence[Group]) -> float:
    """Σ of the rows' weights: what a mean over weighted groups divides by."""
    return sum(group[0].importance for group in groups)


@dataclass(frozen=True, slots=True)
class RowsCourse:
    """Rows in shuffled epochs under one objective: the course of every method that learns from files."""

    groups: Sequence[Group]
    config: TrainConfig
    goal: Objective
    denominator: Denominator
    share: bool = True
    ends: bool = False
    """Whether the objective reads the state of each sequence's very last token."""

    @property
    def steps(self) -> int:
        return len(step_rows(len(self.groups), self.config))

    def batches(self, step: int, log: Sequence[Line] = ()) -> list[Batch]:
        rows = [self.groups[row] for row in step_rows(len(self.groups), self.config)[step]]
        budget, processes = self.config.token_budget, world().size
        return pack(rows, budget, self.denominator(rows), share=self.share, ends=self.ends, multiple=processes)

    def objective(self, step: int, log: Sequence[Line] = ()) -> Objective:
        return self.goal

    def rate(self, step: int) -> float:
        return learning_rate(step, self.steps, self.config)
