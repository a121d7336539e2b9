"""Supervised fine-tuning. Axes: N scored tokens."""

from torch import Tensor

from trimtab.train.forest.batch import Batch
from trimtab.train.forest.score import Scores
from trimtab.train.objectives.base import Metrics


def sft(scores: Scores, batch: Batch) -> tuple[Tensor, Metrics]:
    """Weighted cross-entropy a token: ``−Σ w log π(y_t | y_<t) / Σ w``; ``denominator`` is the step's ``Σ w``."""
    loss = -(scores.logp * batch.token_weight).sum() / batch.denominator
    return loss, {}
