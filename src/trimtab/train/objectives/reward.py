"""The reward model's objective: Bradley-Terry over pairs and rankings. Axes: M sequences, P ordered pairs, G groups."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from trimtab.train.forest.batch import Batch
from trimtab.train.forest.score import Scores
from trimtab.train.objectives.base import Metrics, Objective


def bradley_terry(*, margins: bool = True, centering: float = 0.0) -> Objective:
    """``−log σ(r⁺ − r⁻ − m)`` (Bradley & Terry 1952; the margin m as in Touvron et al. 2023, eq. 2).

    A group of K ranked sequences gives the mean over its pairs of different score (Ouyang et al. 2022, eq. 1), so
    that a group weighs the same whatever K. A pair with a soft label p has ``−p log σ(x) − (1 − p) log σ(−x)``.
    ``centering`` adds ``c (r⁺ + r⁻)²``, which holds rewards around 0 (Eisenstein et al. 2023, eq. 2).
    ``denominator`` is the step's sum of row weights.
    """

    def objective(scores: Scores, batch: Batch) -> tuple[Tensor, Metrics]:
        assert scores.value is not None, "the reward objective needs the values of a scalar head"
        better_P, worse_P = preferred(batch.seq_group, batch.label, batch.reward)
        weight_P = _pair_weights(batch, better_P).to(scores.value.dtype)
        better, worse = scores.value[better_P], scores.value[worse_P]
        logit_P = better - worse
        if margins:
            logit_P = logit_P - margin(batch, better_P, worse_P)
        loss_P = -logsigmoid(logit_P)
        if batch.doubt is not None:
            doubt_P = batch.doubt[better_P].to(logit_P)
            loss_P = (1 - doubt_P) * loss_P - doubt_P * logsigmoid(-logit_P)
        if centering:
            loss_P = loss_P + centering * (better + worse).square()
        with torch.no_grad():
            sums = {
                "accuracy": (weight_P * (better > worse)).sum(),
                "margin": (weight_P * (better - worse)).sum(),
                "chosen_reward": (weight_P * better).sum(),
                "rejected_reward": (weight_P * worse).sum(),
            }
        metrics = {name: float(value) / batch.denominator for name, value in sums.items()}
        return (weight_P * loss_P).sum() / batch.denominator, metrics

    return objective


def preferred(group_M: Tensor, label_M: Tensor, reward_M: Tensor) -> tuple[Tensor, Tensor]:
    """Indices [P] into M of the better and of the worse side of every ordered pair within a group.

    The label decides; between equal labels, as in a ranking, the score does. Ties make no pair.
    """
    same_MM = group_M[:, None] == group_M[None, :]
    above_MM = label_M[:, None] > label_M[None, :]
    level_MM = label_M[:, None] == label_M[None, :]
    higher_MM = reward_M[:, None] > reward_M[None, :]
    better_P, worse_P = (same_MM & (above_MM | (level_MM & higher_MM))).nonzero().unbind(1)
    return better_P, worse_P


def margin(batch: Batch, better_P: Tensor, worse_P: Tensor) -> Tensor:
    """[P]: by how much people preferred a pair's chosen side. Ranked sequences are in order, and have none."""
    labelled_P = batch.label[better_P] != batch.label[worse_P]
    return torch.where(labelled_P, batch.reward[better_P] - batch.reward[worse_P], 0.0)


def _pair_weights(batch: Batch, better_P: Tensor) -> Tensor:
    """[P]: the row's importance, shared among the pairs of its group."""
    group_P = batch.seq_group[better_P].long()
    pairs_G = torch.bincount(group_P, minlength=int(batch.seq_group.max()) + 1)
    return batch.importance[better_P].double() / pairs_G[group_P]
