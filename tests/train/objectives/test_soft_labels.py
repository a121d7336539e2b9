"""What the door says of a pair reaches its loss: a weight is the pair so many times, a probability is a soft label."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.conftest import random_groups
from torch import Tensor

from trimtab.model import Dialect
from trimtab.records import Comparison, Message, UserError
from trimtab.train.course import group_importance
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.plant import pack, plant
from trimtab.train.forest.score import Scores
from trimtab.train.objectives import Objective, dpo
from trimtab.train.objectives.reward import bradley_terry
from trimtab.train.rows import comparison_group, signal

BETA = 0.3
VARIANTS: list[dict[str, Any]] = [
    {},
    {"loss": "sigmoid_unscaled_reference"},
    {"loss": "ipo"},
    {"length_normalised": True, "margins": True},
    {"kwise": "plackett_luce"},
]


def with_pairs(count: int = 4, seed: int = 0) -> list[Group]:
    """Pairs with a margin, a reference, and the policy's log-probs where behaviour's would be."""
    made = []
    for number, group in enumerate(random_groups(seed, groups=count, pair=True)):
        draw = torch.Generator().manual_seed(100 * seed + number)
        made.append(
            tuple(
                replace(
                    one,
                    reward=0.2 if one.label > 0 else 0.0,
                    reference_N=-3 * torch.rand(len(one.scored_N), generator=draw, dtype=torch.float64).numpy(),
                    behaviour_N=-3 * torch.rand(len(one.scored_N), generator=draw, dtype=torch.float64).numpy(),
                )
                for one in group
            )
        )
    return made


def doubted(group: Group, doubt: float) -> Group:
    return tuple(replace(one, doubt=doubt) for one in group)


def weighed(group: Group, weight: float) -> Group:
    return tuple(replace(one, importance=weight) for one in group)


def loss_of(groups: list[Group], goal: Objective) -> Tensor:
    return _loss(plant(groups, group_importance(groups)), goal)


def _loss(batch: Batch, goal: Objective) -> Tensor:
    assert batch.behaviour_logp is not None
    return goal(Scores(batch.behaviour_logp), batch)[0]


@pytest.mark.parametrize("option", VARIANTS, ids=str)
def test_a_sure_pair_has_todays_loss_to_the_last_digit(option: dict[str, Any]) -> None:
    groups, goal = with_pairs(), dpo(BETA, **option)
    sure = [doubted(group, 0.0) for group in groups]
    assert plant(sure, 1.0).doubt is None
    assert torch.equal(loss_of(sure, goal), loss_of(groups, goal))
    beside = [*sure[:-1], doubted(sure[-1], 0.25)]
    alone = [*(_loss(plant([group], 1.0), goal) for group in groups[:-1]), _loss(plant(beside[-1:], 1.0), goal)]
    assert _loss(plant(beside, 1.0), goal).item() == pytest.approx(sum(map(float, alone)), rel=1e-12)


@pytest.mark.parametrize("option", VARIANTS, ids=str)
@pytest.mark.parametrize("p", [0.9, 0.5, 0.25])
def test_a_soft_label_is_the_pair_both_ways_by_its_probability(option: dict[str, Any], p: float) -> None:
    """p loss(x) + (1 − p) loss(−x), the sum over the pair and its mirror with weights p and 1 − p."""
    (group,) = with_pairs(1)
    if option.get("margins"):  # a mirrored pair has its margin on the other side, which −x turns with the rest
        group = tuple(replace(one, reward=0.0) for one in group)
    goal = dpo(BETA, **option)
    soft = _loss(plant([doubted(group, 1 - p)], 1.0), goal).item()
    both = p * _loss(plant([group], 1.0), goal).item() + (1 - p) * _loss(plant([turned(group)], 1.0), goal).item()
    assert soft == pytest.approx(both, rel=1e-6)


def turned(group: Group) -> Group:
    return tuple(replace(one, label=-one.label, reward=0.0) for one in group)


def test_half_sure_pairs_pull_nowhere_at_the_reference() -> None:
    (group,) = with_pairs(1)
    at_start = tuple(replace(one, behaviour_N=one.reference_N, doubt=0.5) for one in group)
    batch = plant([at_start], 1.0)
    assert batch.behaviour_logp is not None
    logp = batch.behaviour_logp.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(dpo(BETA)(Scores(logp), batch)[0], logp)
    assert not gradient.any()


@pytest.mark.parametrize("option", VARIANTS, ids=str)
def test_a_weight_of_two_is_the_pair_twice_and_of_zero_its_absence(option: dict[str, Any]) -> None:
    groups, goal = with_pairs(), dpo(BETA, **option)
    heavy = [weighed(groups[0], 2.0), *groups[1:]]
    assert loss_of(heavy, goal).item() == pytest.approx(loss_of([groups[0], *groups], goal).item(), rel=1e-12)
    without = [weighed(groups[0], 0.0), *groups[1:]]
    assert loss_of(without, goal).item() == pytest.approx(loss_of(groups[1:], goal).item(), rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.sampled_from([0.0, 0.1]))
@settings(max_examples=30, deadline=None)
def test_micro_batches_add_up_whatever_is_in_doubt(doubts: list[float], smoothing: float) -> None:
    groups = [doubted(group, doubt) for group, doubt in zip(with_pairs(), doubts, strict=True)]
    goal, total = dpo(BETA, label_smoothing=smoothing), group_importance(groups)
    parts = pack(groups, 24, total)
    assert len(parts) > 1
    whole = loss_of(groups, goal).item()
    assert sum(_loss(part, goal).item() for part in parts) == pytest.approx(whole, rel=1e-9)


def test_smoothing_and_doubt_flip_as_two_independent_coins() -> None:
    (group,) = with_pairs(1)
    flip = 0.1 * 0.7 + 0.9 * 0.3
    joined = loss_of([doubted(group, 0.3)], dpo(BETA, label_smoothing=0.1)).item()
    assert joined == pytest.approx(loss_of([doubted(group, flip)], dpo(BETA)).item(), rel=1e-6)


def test_the_reward_model_learns_soft_labels_too() -> None:
    groups = [tuple(replace(one, reward=0.0, reference_N=None, behaviour_N=None) for one in g) for g in with_pairs(2)]
    value = torch.tensor([1.0, -0.5, 0.25, 2.0], dtype=torch.float64)

    def loss(made: list[Group]) -> float:
        return bradley_terry()(Scores(value.new_empty(0), value=value), plant(made, 2.0, ends=True))[0].item()

    soft = loss([doubted(groups[0], 0.3), groups[1]])
    hard, mirrored = loss(groups), loss([tuple(replace(one, label=-one.label) for one in groups[0]), groups[1]])
    assert soft == pytest.approx(0.7 * hard + 0.3 * mirrored, rel=1e-6)


ASK, GOOD, BAD = Message("user", "Where is it?"), Message("assistant", "It left today."), Message("assistant", "No.")


def test_the_label_of_a_row_becomes_its_doubt(folder: Path) -> None:
    dialect = Dialect.of(folder)
    row = Comparison((ASK,), (GOOD,), (BAD,), labels={"probability": 0.75, "weight": 2})
    group = comparison_group(row, dialect)
    assert [(one.doubt, one.importance) for one in group] == [(0.25, 2.0)] * 2
    assert [one.doubt for one in comparison_group(replace(row, labels={}), dialect)] == [0, 0]


@pytest.mark.parametrize("given_value", [1.5, -0.1, "0.5", True, None, float("nan")])
def test_a_probability_is_a_number_from_0_to_1(folder: Path, given_value: Any) -> None:
    row = Comparison((ASK,), (GOOD,), (BAD,), labels={"probability": given_value})
    with pytest.raises(UserError, match=r"'labels\.probability'"):
        comparison_group(row, Dialect.of(folder))


def test_a_soft_label_makes_another_run() -> None:
    row = Comparison((ASK,), (GOOD,), (BAD,))
    assert signal(row) == [row.id, None]
    assert signal(replace(row, labels={"probability": 0.75})) != signal(row)
    assert signal(replace(row, labels={"weight": 2})) != signal(row)
