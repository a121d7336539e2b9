"""Policy gradient on groups of completions: J(π) = E[r] − β KL(π ‖ π_ref), each term by an unbiased gradient.

Axes: N scored tokens, M sequences (completions), G groups (prompts), L places in a completion. ``denominator`` is the
step's number of completions; ``weigh`` puts what a token counts for into ``importance``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor

from trimtab.train.config import RlConfig
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.score import Scores
from trimtab.train.objectives.base import Metrics, Objective

_STD_FLOOR = 1e-4
_BETA_RATE, _BETA_CLIP = 0.1, 0.2


def policy(config: RlConfig, beta: float) -> Objective:
    """The surrogate whose gradient is that of −J: ``−Σ_t min(ρ_t A_t, clip(ρ_t, 1−ε, 1+ε_high) A_t)``
    (Schulman et al. 2017, eq. 7), ``ρ_t = π(y_t)/π_old(y_t)``.

    ``A_t`` is the return from token t on (the sequence's reward, plus what ``token_reward`` still gives) less what
    the group's other completions got from that place on: ``rloo`` their mean (Ahmadian et al. 2024, eq. 8); ``grpo``
    the group's mean, over its standard deviation (Shao et al. 2024, section 4.1.2).

    ``kl: reward`` puts ``−β Σ_t (log π_old − log π_ref)`` into the sequence's reward. ``kl: gradient`` adds
    ``β Σ_t ρ_t C_t`` to the loss, ``C_t`` the detached log-ratio from t on less the others' mean: its expected
    gradient is ∇KL exactly. (That of a differentiated estimate is not: log π/π_ref gives 0, and the ever positive
    π_ref/π − 1 − log π_ref/π gives the gradient of KL(π_ref ‖ π).) It stands outside the clipping and outside
    ``grpo``'s division.

    With ``reuse`` 1 the rollouts are the policy's own: ``π_old = π``, the ratio is exactly 1, and
    ``engine_correction`` weighs tokens by ``min(π/π_engine, cap)``. Above 1 ``behaviour_logp`` is ``π_old``.
    Groups need two completions or more, and reference log-probs unless β is 0 (assertions).
    """

    def objective(scores: Scores, batch: Batch) -> tuple[Tensor, Metrics]:
        now_N = scores.logp.detach()
        old_N, weight_N = now_N, _token_weight(batch).to(now_N)
        if config.reuse > 1:
            assert batch.behaviour_logp is not None, "rollouts that are used again need their log-probs"
            old_N = batch.behaviour_logp.to(now_N)
        elif config.engine_correction is not None and batch.behaviour_logp is not None:
            weight_N = weight_N * (now_N - batch.behaviour_logp.to(now_N)).exp().clamp(max=config.engine_correction)
        advantage_N = _advantage(config, batch, old_N, beta)
        ratio_N = (scores.logp - old_N).exp()
        free_N = ratio_N * advantage_N
        held_N = ratio_N.clamp(1 - config.clip_ratio, 1 + (config.clip_high or config.clip_ratio)) * advantage_N
        gain_N = torch.minimum(free_N, held_N)
        if config.kl == "gradient" and beta:
            cost_ML = _to_go(_log_ratio(now_N, batch), batch)
            gain_N = gain_N - beta * ratio_N * _at_tokens(_less_others(cost_ML, batch), batch)
        loss = -(weight_N * gain_N).sum() / batch.denominator
        return loss, _metrics(scores, batch, old_N, (held_N < free_N).to(now_N))

    return objective


def weigh(groups: Sequence[Group], config: RlConfig) -> list[Group]:
    """The groups of one whole optimiser step, each sequence's ``importance`` times what one of its tokens counts for.

    ``constant``: 1 / ``max_new_tokens``, the only one whose expected gradient is proportional to ∇J (Liu et al.
    2025, "Understanding R1-Zero-like training", section 3.1). ``sequence``: 1 / its length, the mean over sequences
    of the mean over tokens (Shao et al. 2024, eq. 3). ``token``: completions / tokens of the step, the mean over all
    tokens (Yu et al. 2025, DAPO, eq. 8).
    """
    lengths = [len(sequence.scored_N) for sequence in chain.from_iterable(groups)]
    a_token = {"constant": 1 / config.max_new_tokens, "token": len(lengths) / sum(lengths), "sequence": 0.0}
    fixed = a_token[config.aggregation]
    return [
        tuple(replace(s, importance=s.importance * (fixed or 1 / len(s.scored_N))) for s in group) for group in groups
    ]


def completion_count(groups: Sequence[Group]) -> float:
    """What ``policy`` divides by."""
    return float(sum(map(len, groups)))


def adaptive_beta(config: RlConfig, log: Sequence[Mapping[str, float]]) -> float:
    """β after the steps of ``log``: ``β ← β (1 + 0.1 clip((KL − target) / target, ±0.2))`` for each step that measured
    a KL (Ziegler et al. 2019, section 2.2). Without ``kl_target`` it stays."""
    beta, target = config.beta, config.kl_target
    if target is None:
        return beta
    for line in log:
        if "kl" in line:
            error = min(max((line["kl"] - target) / target, -_BETA_CLIP), _BETA_CLIP)
            beta *= 1 + _BETA_RATE * error
    return beta


def _advantage(config: RlConfig, batch: Batch, old_N: Tensor, beta: float) -> Tensor:
    """[N], detached."""
    reward_M = batch.reward.to(old_N)
    if config.kl == "reward" and beta:
        drift_N = _log_ratio(old_N, batch)
        reward_M = reward_M - beta * torch.zeros_like(reward_M).index_add(0, batch.score_seq, drift_N)
    bonus_N = torch.zeros_like(old_N) if batch.token_reward is None else batch.token_reward.to(old_N)
    return_ML = reward_M.unsqueeze(1) + _to_go(bonus_N, batch)
    if config.advantage == "rloo":
        return _at_tokens(_less_others(return_ML, batch), batch)
    size_M, mean_ML = _sizes(batch), _group_sum(return_ML, batch) / _sizes(batch).unsqueeze(1)
    whole_M = return_ML[:, 0] - mean_ML[:, 0]
    std_M = (_group_sum(whole_M.square().unsqueeze(1), batch).squeeze(1) / (size_M - 1)).sqrt()
    return _at_tokens((return_ML - mean_ML) / (std_M + _STD_FLOOR).unsqueeze(1), batch)


def _log_ratio(logp_N: Tensor, batch: Batch) -> Tensor:
    assert batch.reference_logp is not None, "the KL needs reference log-probs"
    return logp_N - batch.reference_logp.to(logp_N)


def _to_go(value_N: Tensor, batch: Batch) -> Tensor:
    """[M, L]: at each place of a completion the sum from there on; 0 past its end."""
    dense_ML = value_N.new_zeros(batch.sequences, int(batch.seq_len.max()))
    dense_ML[batch.score_seq, _place(batch)] = value_N
    return dense_ML.flip(1).cumsum(1).flip(1)


def _less_others(value_ML: Tensor, batch: Batch) -> Tensor:
    """Each value less the mean of the group's others at the same place, which does not depend on this token."""
    size_M1 = _sizes(batch).unsqueeze(1)
    return value_ML - (_group_sum(value_ML, batch) - value_ML) / (size_M1 - 1)


def _group_sum(value_ML: Tensor, batch: Batch) -> Tensor:
    """[M, L]: the sum over the sequence's group."""
    group_M = batch.seq_group.long()
    total_GL = value_ML.new_zeros(int(group_M.max()) + 1, value_ML.shape[1]).index_add(0, group_M, value_ML)
    return total_GL[group_M]


def _sizes(batch: Batch) -> Tensor:
    """[M], completions of each sequence's group."""
    group_M = batch.seq_group.long()
    size_M = group_M.bincount()[group_M]
    assert bool((size_M > 1).all()), "a group needs two completions or more"
    return size_M


def _place(batch: Batch) -> Tensor:
    """[N], each scored token's number in its sequence."""
    start_M = batch.seq_len.long().cumsum(0) - batch.seq_len
    return torch.arange(len(batch.score_seq), device=batch.score_seq.device) - start_M[batch.score_seq]


def _at_tokens(value_ML: Tensor, batch: Batch) -> Tensor:
    """[N]"""
    return value_ML[batch.score_seq, _place(batch)]


def _token_weight(batch: Batch) -> Tensor:
    return batch.token_weight * batch.importance[batch.score_seq]


def _metrics(scores: Scores, batch: Batch, old_N: Tensor, clipped_N: Tensor) -> Metrics:
    """Means over the step's completions. ``kl`` is the unbiased estimate at the rollouts, nats a sequence;
    ``kl_token``, ``entropy`` and ``clipped`` are means over tokens within each."""

    def mean(value_M: Tensor) -> float:
        return float(value_M.sum()) / batch.denominator

    def within(value_N: Tensor) -> Tensor:
        return value_N.new_zeros(batch.sequences).index_add(0, batch.score_seq, value_N)

    length_M = batch.seq_len.to(old_N)
    metrics = {
        "reward": mean(batch.reward),
        "length": mean(length_M),
        "clipped": mean(within(clipped_N) / length_M),
    }
    if batch.token_reward is not None:
        metrics["token_reward"] = mean(within(batch.token_reward.to(old_N)))
    if batch.reference_logp is not None:
        drift_M = within(_log_ratio(old_N, batch))
        metrics |= {"kl": mean(drift_M), "kl_token": mean(drift_M / length_M)}
    if scores.entropy is not None:
        metrics["entropy"] = mean(within(scores.entropy.to(old_N)) / length_M)
    return metrics
