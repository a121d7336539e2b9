"""Preference optimisation over groups. Axes: N scored tokens, M sequences, P pairs."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from trimtab.train.batch import Batch, sum_by_sequence
from trimtab.train.config import PreferenceLoss
from trimtab.train.objectives.base import Metrics, Objective
from trimtab.train.score import Scores


def dpo(beta: float = 0.1, loss: PreferenceLoss = "sigmoid", sft_weight: float = 0.0) -> Objective:
    """Direct preference optimisation; ``denominator`` is the step's number of pairs.

    ``sigmoid``: ``−log σ(β [(log π(y⁺) − log π(y⁻)) − (log π_ref(y⁺) − log π_ref(y⁻))])``
    (Rafailov et al. 2023, eq. 7).

    ``sigmoid_unscaled_reference``: β multiplies the policy bracket alone, as some code in the wild has it.
    **Warning:** this is no KL-anchored objective. With β < 1 it optimises against a reference sharpened by 1/β: it
    does not start at ln 2, pulls π away from π_ref on pairs without any preference (coin-flip labels), and is here
    only to reproduce runs that used it.

    ``sft_weight`` α adds ``−α log π(y⁺) / |y⁺|``, which keeps chosen answers likely (Pang et al. 2024, Iterative
    Reasoning Preference Optimization, eq. 1).
    """

    def objective(scores: Scores, batch: Batch) -> tuple[Tensor, Metrics]:
        assert batch.reference_logp is not None, "preference pairs need reference log-probs"
        chosen_P, rejected_P = _pairs(batch)
        policy_M = sum_by_sequence(scores.logp, batch)
        reference_M = sum_by_sequence(batch.reference_logp.to(scores.logp), batch)
        ratio_M = policy_M - reference_M
        if loss == "sigmoid":
            logit_P = beta * (ratio_M[chosen_P] - ratio_M[rejected_P])
        else:
            logit_P = beta * (policy_M[chosen_P] - policy_M[rejected_P])
            logit_P = logit_P - (reference_M[chosen_P] - reference_M[rejected_P])
        total = -logsigmoid(logit_P).sum()
        if sft_weight:
            total = total - sft_weight * (policy_M[chosen_P] / batch.seq_len[chosen_P]).sum()
        with torch.no_grad():
            sums = {
                "accuracy": (logit_P > 0).sum(),
                "margin": logit_P.sum(),
                "chosen_reward": beta * ratio_M[chosen_P].sum(),
                "rejected_reward": beta * ratio_M[rejected_P].sum(),
            }
        return total / batch.denominator, {name: float(value) / batch.denominator for name, value in sums.items()}

    return objective


def _pairs(batch: Batch) -> tuple[Tensor, Tensor]:
    """Indices [P] into M of the chosen and the rejected of each group, group by group."""
    chosen_P, rejected_P = (batch.label == 1).nonzero().squeeze(1), (batch.label == -1).nonzero().squeeze(1)
    groups = batch.seq_group
    assert torch.equal(groups[chosen_P], groups[rejected_P]), "each group needs one chosen and one rejected"
    return chosen_P, rejected_P
