"""What an objective is: its share of the optimiser step's loss, and its metrics."""

from collections.abc import Callable

from torch import Tensor

from trimtab.train.forest.batch import Batch
from trimtab.train.forest.score import Scores

Metrics = dict[str, float]
Objective = Callable[[Scores, Batch], tuple[Tensor, Metrics]]
"""A pure function of scored tokens. A batch's ``denominator`` is that of the whole step, so the losses and metrics of
micro-batches simply add up."""
