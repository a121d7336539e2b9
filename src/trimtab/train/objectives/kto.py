"""Kahneman-Tversky optimisation of unpaired thumbs. Axes: N scored tokens, M sequences, one a thumb."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trimtab.train.forest.batch import Batch, sum_by_sequence
from trimtab.train.forest.score import Scores
from trimtab.train.objectives.base import Metrics, Objective


@dataclass(frozen=True, slots=True)
class Standpoint:
    """What every micro-batch of one optimiser step shares."""

    kl: float
    """z0 ≥ 0, the KL to the reference in nats a sequence from which gains and losses are seen."""
    desirable: float
    """Share of the step's importance that lies on thumbs up, for metrics a class."""


def kto(
    beta: float, standpoint: Standpoint, desirable_weight: float = 1.0, undesirable_weight: float = 1.0
) -> Objective:
    """``λ_y − v(x, y)`` (Ethayarajh et al. 2024, eqs. 7 and 8); ``denominator`` is the step's sum of ``importance``.

    With ``r = log π(y|x) − log π_ref(y|x)`` and z0 the standpoint's KL, ``v = λ_D σ(β (r − z0))`` for a thumb up
    (``label`` +1) and ``λ_U σ(β (z0 − r))`` for a thumb down. Nothing flows back through z0. With λ = 1 the loss is
    1/2 where policy and reference are equal.
    """

    def objective(scores: Scores, batch: Batch) -> tuple[Tensor, Metrics]:
        ratio_M = log_ratio(scores, batch)
        sign_M = batch.label.to(ratio_M)
        assert bool((sign_M != 0).all()), "each sequence needs a thumb"
        gain_M = sign_M * beta * (ratio_M - standpoint.kl)
        lambda_M = torch.where(sign_M > 0, desirable_weight, undesirable_weight).to(ratio_M)
        weight_M = batch.importance.to(ratio_M)
        total = weight_M @ (lambda_M * (1 - gain_M.sigmoid()))
        with torch.no_grad():
            sums = {"accuracy": weight_M @ (gain_M > 0).to(weight_M), "margin": weight_M @ gain_M}
            sums["kl"] = weight_M.sum() * standpoint.kl
            shares = {"desirable": standpoint.desirable, "undesirable": 1 - standpoint.desirable}
            for sign, (name, share) in zip((1, -1), shares.items(), strict=True):
                if share > 0:
                    sums[f"{name}_reward"] = weight_M @ (beta * ratio_M * (sign_M == sign)) / share
        return total / batch.denominator, {name: float(value) / batch.denominator for name, value in sums.items()}

    return objective


def log_ratio(scores: Scores, batch: Batch) -> Tensor:
    """[M] ``log π − log π_ref`` of each sequence, in nats."""
    assert batch.reference_logp is not None, "the log-ratio needs reference log-probs"
    return sum_by_sequence(scores.logp - batch.reference_logp.to(scores.logp), batch)
