"""Preference optimisation over pairs and rankings. Axes: N scored tokens, M sequences, G groups, P preferences."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from trimtab.train.config import Kwise, PreferenceLoss
from trimtab.train.forest.batch import Batch, sum_by_sequence
from trimtab.train.forest.score import Scores
from trimtab.train.objectives.base import Metrics, Objective


def dpo(
    beta: float = 0.1,
    loss: PreferenceLoss = "sigmoid",
    sft_weight: float = 0.0,
    *,
    label_smoothing: float = 0.0,
    length_normalised: bool = False,
    margins: bool = False,
    kwise: Kwise = "pairs",
) -> Objective:
    """Direct preference optimisation; ``denominator`` is the step's sum of the groups' ``importance``.

    Of two sequences of a group the one with the higher ``label`` is preferred, or with equal labels the one with the
    higher ``reward``; equals are not compared, and each group must hold a preference (an assertion).

    ``sigmoid``: ``−log σ(x)`` with ``x = β [(log π(y⁺) − log π(y⁻)) − (log π_ref(y⁺) − log π_ref(y⁻))]``
    (Rafailov et al. 2023, eq. 7).

    ``sigmoid_unscaled_reference``: β multiplies the policy bracket alone, as some code in the wild has it.
    **Warning:** this is no KL-anchored objective. With β < 1 it optimises against a reference sharpened by 1/β: it
    does not start at ln 2, pulls π away from π_ref on pairs without any preference (coin-flip labels), and is here
    only to reproduce runs that used it.

    ``ipo``: ``(x/β − 1/(2β))²`` (Azar et al. 2023, eq. 17, with τ = β), log-ratios of whole sequences as published.

    ``label_smoothing`` ε: ``(1 − ε) loss(x) + ε loss(−x)``, for labels that are flipped with probability ε (Mitchell
    2023, conservative DPO). A pair's own ``doubt`` d (one minus its soft label p) joins it as ε + d − 2εd, so that
    without smoothing the loss is ``p loss(x) + (1 − p) loss(−x)``. ``length_normalised``: each log-prob divided by
    its sequence's scored tokens.
    ``margins``: the difference of the rewards is taken from x (Touvron et al. 2023, Llama 2, eq. 2).

    ``kwise`` is for groups of more than two. ``pairs``: every preference of a group, averaged within it (Ouyang et
    al. 2022, eq. 1, on the implicit rewards). ``plackett_luce``: ``Σ_i log(1 + Σ_{j worse than i} exp(−x_ij))``,
    which for strict rankings is Rafailov et al. 2023, appendix A.3; sigmoid losses only. On a group of two
    both are the pair loss.

    ``sft_weight`` α adds ``−α log π(y⁺) / |y⁺|`` for the best of each group, which keeps chosen answers likely (Pang
    et al. 2024, Iterative Reasoning Preference Optimization, eq. 1).
    """
    assert kwise == "pairs" or (loss != "ipo" and not label_smoothing), "Plackett-Luce is for unsmoothed sigmoid losses"

    def objective(scores: Scores, batch: Batch) -> tuple[Tensor, Metrics]:
        better_MM = _better(batch)
        winner_P, loser_P = better_MM.nonzero().unbind(1)
        implicit_M, ratio_M = _implicit(scores, batch, beta, loss, length_normalised)
        advance_P = implicit_M[winner_P] - implicit_M[loser_P]
        logit_P = advance_P - (batch.reward[winner_P] - batch.reward[loser_P]) if margins else advance_P
        weight_P = _shares(batch, batch.seq_group[winner_P]).to(logit_P)
        if kwise == "plackett_luce":
            total = _doubted_ranking(logit_P, winner_P, loser_P, weight_P, batch)
        else:
            right_P, flipped_P = (_penalty(sign * logit_P, beta, loss) for sign in (1, -1))
            flip = _flipped(batch, winner_P, logit_P, label_smoothing)
            total = weight_P @ ((1 - flip) * right_P + flip * flipped_P)
        if sft_weight:
            total = total - sft_weight * _best_answers(scores, batch, better_MM)
        metrics = _measures(advance_P, beta * ratio_M[winner_P], beta * ratio_M[loser_P], weight_P)
        return total / batch.denominator, {name: value / batch.denominator for name, value in metrics.items()}

    return objective


def _doubted_ranking(logit_P: Tensor, winner_P: Tensor, loser_P: Tensor, weight_P: Tensor, batch: Batch) -> Tensor:
    """The rankings' loss; doubt is of pairs alone, and −log σ(−x) is −log σ(x) + x."""
    total = _plackett_luce(logit_P, winner_P, loser_P, batch)
    return total if batch.doubt is None else total + weight_P @ (batch.doubt[winner_P].to(logit_P) * logit_P)


def _flipped(batch: Batch, winner_P: Tensor, logit_P: Tensor, smoothing: float) -> Tensor | float:
    """[P] How likely each preference is the wrong way round: by smoothing, and where pairs are in doubt by that too."""
    if batch.doubt is None:
        return smoothing
    doubt_P = batch.doubt[winner_P].to(logit_P)
    return smoothing + doubt_P - 2 * smoothing * doubt_P


def _measures(advance_P: Tensor, chosen_P: Tensor, rejected_P: Tensor, weight_P: Tensor) -> Metrics:
    """Weighted sums over preferences: how many are right, by how much, and the implicit rewards of both sides."""
    values = {
        "accuracy": (advance_P > 0).to(weight_P),
        "margin": advance_P,
        "chosen_reward": chosen_P,
        "rejected_reward": rejected_P,
    }
    return {name: float(weight_P @ value_P.detach()) for name, value_P in values.items()}


def _better(batch: Batch) -> Tensor:
    """bool [M, M]: whether the row's sequence is preferred to the column's, which answers the same prompt."""
    group_M, label_M, reward_M = batch.seq_group, batch.label, batch.reward
    equal_MM = label_M[:, None] == label_M
    better_MM = (label_M[:, None] > label_M) | (equal_MM & (reward_M[:, None] > reward_M))
    better_MM &= group_M[:, None] == group_M
    lead_M = better_MM.any(1).int()
    preferences_G = torch.bincount(group_M, lead_M)
    assert bool((preferences_G > 0).all()), "each group needs one sequence that is better than another"
    return better_MM


def _shares(batch: Batch, group_P: Tensor) -> Tensor:
    """[P] The importance of each item's group, divided evenly among the group's items."""
    importance_G = batch.importance.new_zeros(int(batch.seq_group[-1]) + 1)
    importance_G = importance_G.index_put((batch.seq_group.long(),), batch.importance)
    return (importance_G.double() / torch.bincount(group_P, minlength=len(importance_G)))[group_P.long()]


def _implicit(
    scores: Scores, batch: Batch, beta: float, loss: PreferenceLoss, length_normalised: bool
) -> tuple[Tensor, Tensor]:
    """[M] The reward that the loss compares, and [M] the log-ratio of policy and reference."""
    assert batch.reference_logp is not None, "preferences need reference log-probs"
    policy_M = sum_by_sequence(scores.logp, batch)
    reference_M = sum_by_sequence(batch.reference_logp.to(scores.logp), batch)
    if length_normalised:
        policy_M, reference_M = policy_M / batch.seq_len, reference_M / batch.seq_len
    ratio_M = policy_M - reference_M
    return (beta * policy_M - reference_M if loss == "sigmoid_unscaled_reference" else beta * ratio_M), ratio_M


def _penalty(logit_P: Tensor, beta: float, loss: PreferenceLoss) -> Tensor:
    return ((logit_P - 0.5) / beta).square() if loss == "ipo" else -logsigmoid(logit_P)


def _plackett_luce(logit_P: Tensor, winner_P: Tensor, loser_P: Tensor, batch: Batch) -> Tensor:
    """Σ over sequences of ``log(1 + Σ_{worse} exp(−logit))``, each weighted by its importance."""
    behind_MM = logit_P.new_full((batch.sequences, batch.sequences), -torch.inf)
    behind_MM = behind_MM.index_put((winner_P, loser_P), -logit_P)
    itself_M = logit_P.new_zeros(batch.sequences, 1)
    return batch.importance.to(logit_P) @ torch.cat([itself_M, behind_MM], dim=1).logsumexp(1)


def _best_answers(scores: Scores, batch: Batch, better_MM: Tensor) -> Tensor:
    """Σ over groups of the mean log-prob a token of the sequences that none is better than."""
    best_B = (~better_MM.any(0)).nonzero().squeeze(1)
    token_mean_M = sum_by_sequence(scores.logp, batch) / batch.seq_len
    return _shares(batch, batch.seq_group[best_B]).to(token_mean_M) @ token_mean_M[best_B]
