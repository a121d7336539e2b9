"""The objectives are their equations, start where they must, and stay put where there is nothing to learn."""

import math
from dataclasses import replace

import pytest
import torch
from tests.train.conftest import random_groups
from torch import Tensor

from trimtab.train.config import PreferenceLoss
from trimtab.train.forest.batch import Batch
from trimtab.train.forest.plant import plant
from trimtab.train.forest.score import Scores
from trimtab.train.objectives import dpo, sft


def pairs(seed: int = 0, count: int = 3) -> tuple[Batch, Tensor, Tensor]:
    """A batch of pairs with random policy and reference log-probs."""
    torch.manual_seed(seed)
    batch = plant(random_groups(seed, groups=count, pair=True), float(count))
    policy, reference = (-torch.rand(len(batch.target_ids), dtype=torch.float64) for _ in range(2))
    return replace(batch, reference_logp=reference), policy.requires_grad_(), reference


def by_hand(batch: Batch, value: Tensor) -> list[tuple[float, float]]:
    """(chosen, rejected) sums of each pair."""
    parts = [float(part.sum()) for part in torch.split(value.detach(), batch.seq_len.tolist())]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_sft_is_the_weighted_mean_a_token() -> None:
    batch = plant(random_groups(0), 10.0)
    weighted = replace(batch, token_weight=torch.arange(len(batch.target_ids), dtype=torch.float32))
    logp = -torch.rand(len(batch.target_ids))
    loss, _ = sft(Scores(logp), weighted)
    assert loss.item() == pytest.approx(-sum(i * float(x) for i, x in enumerate(logp)) / 10, rel=1e-6)


def test_dpo_is_equation_seven() -> None:
    batch, policy, reference = pairs()
    loss, metrics = dpo(beta=0.3)(Scores(policy), batch)
    expected = 0.0
    for (pc, pr), (rc, rr) in zip(by_hand(batch, policy), by_hand(batch, reference), strict=True):
        expected += math.log1p(math.exp(-0.3 * ((pc - pr) - (rc - rr)))) / 3
    assert loss.item() == pytest.approx(expected, rel=1e-9)
    assert metrics["margin"] == pytest.approx(metrics["chosen_reward"] - metrics["rejected_reward"])


def test_the_unscaled_variant_multiplies_beta_into_the_policy_alone() -> None:
    batch, policy, reference = pairs()
    loss, _ = dpo(beta=0.3, loss="sigmoid_unscaled_reference")(Scores(policy), batch)
    expected = 0.0
    for (pc, pr), (rc, rr) in zip(by_hand(batch, policy), by_hand(batch, reference), strict=True):
        expected += math.log1p(math.exp(-(0.3 * (pc - pr) - (rc - rr)))) / 3
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_dpo_starts_at_exactly_ln_2() -> None:
    batch, _, reference = pairs()
    loss, metrics = dpo()(Scores(reference.float()), replace(batch, reference_logp=reference.float()))
    assert loss.item() == pytest.approx(math.log(2), abs=1e-7)
    assert metrics["margin"] == 0.0
    unscaled, _ = dpo(loss="sigmoid_unscaled_reference")(Scores(reference), batch)
    assert abs(float(unscaled) - math.log(2)) > 1e-3


def test_the_sft_term_is_the_chosen_answer_a_token() -> None:
    batch, policy, _ = pairs()
    without, _ = dpo()(Scores(policy), batch)
    with_term, _ = dpo(sft_weight=0.5)(Scores(policy), batch)
    lengths = batch.seq_len.tolist()[::2]
    mean = sum(chosen / n for (chosen, _), n in zip(by_hand(batch, policy), lengths, strict=True)) / 3
    assert (with_term - without).item() == pytest.approx(-0.5 * mean, rel=1e-9)


def categorical_drift(loss: PreferenceLoss) -> float:
    """Train a categorical policy over three answers on every ordered pair both ways round: coin-flip labels.

    Returns the largest |π − π0| at the end.
    """
    start = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    logits = start.log().clone().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.02)
    template = plant(random_groups(0, groups=1, pair=True), 6.0)
    order = [(a, b) for a in range(3) for b in range(3) if a != b]
    answers = torch.tensor([answer for both in order for answer in both])
    batch = replace(
        template,
        score_seq=torch.arange(12),
        seq_group=torch.arange(6, dtype=torch.int32).repeat_interleave(2),
        seq_len=torch.ones(12, dtype=torch.int32),
        label=torch.tensor([1, -1] * 6, dtype=torch.int8),
        example_id=tuple(str(i) for i in range(12)),
        reward=torch.zeros(12),
        importance=torch.ones(12),
        reference_logp=start.log()[answers],
    )
    objective = dpo(beta=0.1, loss=loss)
    for _ in range(300):
        optimizer.zero_grad()
        objective(Scores(logits.log_softmax(0)[answers]), batch)[0].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return float((logits.detach().softmax(0) - start).abs().max())


def test_coin_flip_labels_leave_the_policy_where_it_was() -> None:
    assert categorical_drift("sigmoid") < 1e-6


def test_the_unscaled_variant_does_drift_on_coin_flip_labels() -> None:
    assert categorical_drift("sigmoid_unscaled_reference") > 0.05


def test_micro_batches_add_up_to_the_big_batch() -> None:
    groups = random_groups(1, groups=6, pair=True)
    values = {s.example_id: -torch.rand(len(s.scored_N), dtype=torch.float64) for group in groups for s in group}

    def loss_of(part: list) -> float:  # type: ignore[type-arg]
        batch = plant(part, 6.0)
        logp = torch.cat([values[example] for example in batch.example_id])
        loss, metrics = dpo(sft_weight=0.1)(Scores(logp), replace(batch, reference_logp=logp * 0.5))
        return loss.item() + metrics["margin"]

    assert loss_of(groups) == pytest.approx(loss_of(groups[:2]) + loss_of(groups[2:3]) + loss_of(groups[3:]), rel=1e-12)


def test_a_pair_without_its_other_half_is_our_mistake() -> None:
    batch, policy, _ = pairs()
    with pytest.raises(AssertionError, match="one sequence that is better"):
        dpo()(Scores(policy), replace(batch, label=torch.tensor([1, -1, 1, -1, -1, 1], dtype=torch.int8).roll(1)))
