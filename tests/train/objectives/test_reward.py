"""The reward objective is its equations, weighs a group once whatever its size, and adds up over micro-batches."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.conftest import random_groups
from torch import Tensor

from trimtab.train.course import group_importance
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.plant import plant
from trimtab.train.forest.score import Scores
from trimtab.train.objectives.reward import bradley_terry, preferred


def scored(value: Tensor) -> Scores:
    return Scores(value.new_empty(0), value=value)


def pairs(count: int = 3, margin: float = 0.0, importance: float = 1.0) -> Batch:
    groups: list[Group] = [
        tuple(replace(s, reward=margin if s.label > 0 else 0.0, importance=importance) for s in group)
        for group in random_groups(0, groups=count, pair=True)
    ]
    return plant(groups, group_importance(groups), ends=True)


def ranking(rewards: list[float], importance: float = 1.0) -> Group:
    (first,), *_ = random_groups(1, groups=1)
    return tuple(
        replace(first, example_id=str(i), reward=reward, importance=importance) for i, reward in enumerate(rewards)
    )


def by_hand(gap: float) -> float:
    return math.log1p(math.exp(-gap))


def test_a_model_without_an_opinion_is_at_ln_2() -> None:
    loss, metrics = bradley_terry()(scored(torch.zeros(6)), pairs())
    assert loss.item() == pytest.approx(math.log(2), abs=1e-7)
    assert metrics["margin"] == 0.0


def test_pairs_are_bradley_terry_with_margins() -> None:
    value = torch.tensor([1.0, 0.25, -1.0, 0.5, 2.0, 2.5], dtype=torch.float64)
    gaps = [0.75, -1.5, -0.5]
    with_margin, metrics = bradley_terry()(scored(value), pairs(margin=0.3))
    assert with_margin.item() == pytest.approx(sum(by_hand(gap - 0.3) for gap in gaps) / 3, rel=1e-6)
    without, _ = bradley_terry(margins=False)(scored(value), pairs(margin=0.3))
    assert without.item() == pytest.approx(sum(map(by_hand, gaps)) / 3, rel=1e-9)
    assert metrics["accuracy"] == pytest.approx(1 / 3)
    assert metrics["margin"] == pytest.approx(sum(gaps) / 3)


def test_centering_adds_the_squared_sum_of_each_pair() -> None:
    value = torch.tensor([1.0, 0.25, -1.0, 0.5, 2.0, 2.5], dtype=torch.float64)
    bare, _ = bradley_terry()(scored(value), pairs())
    centred, _ = bradley_terry(centering=0.1)(scored(value), pairs())
    assert (centred - bare).item() == pytest.approx(0.1 * (1.25**2 + 0.5**2 + 4.5**2) / 3, rel=1e-9)


def test_a_ranking_is_the_mean_over_its_pairs_of_different_score() -> None:
    batch = plant([ranking([2.0, 1.0, 1.0, -3.0])], 1.0, ends=True)
    value = torch.tensor([0.5, 0.1, -0.2, 0.9], dtype=torch.float64)
    loss, _ = bradley_terry()(scored(value), batch)
    order = [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]
    expected = sum(by_hand(float(value[a] - value[b])) for a, b in order) / len(order)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_a_ranking_of_two_is_the_pair() -> None:
    value = torch.tensor([0.4, -0.3], dtype=torch.float64)
    pair, _ = bradley_terry()(scored(value), pairs(count=1))
    ranked, _ = bradley_terry()(scored(value), plant([ranking([5.0, 1.0])], 1.0, ends=True))
    assert ranked.item() == pytest.approx(pair.item(), rel=1e-12)


def test_importance_weighs_groups_and_its_scale_does_not_matter() -> None:
    value = torch.tensor([0.4, -0.3, 1.0, 2.0, 0.1], dtype=torch.float64)

    def loss_of(first: float, second: float) -> float:
        groups = [ranking([1.0, 0.0], first), ranking([2.0, 1.0, 0.0], second)]
        return bradley_terry()(scored(value), plant(groups, group_importance(groups), ends=True))[0].item()

    alone_first = by_hand(0.7)
    alone_second = (by_hand(-1.0) + by_hand(0.9) + by_hand(1.9)) / 3
    assert loss_of(3.0, 1.0) == pytest.approx((3 * alone_first + alone_second) / 4, rel=1e-6)
    assert loss_of(30.0, 10.0) == pytest.approx(loss_of(3.0, 1.0), rel=1e-6)


def test_micro_batches_add_up_to_the_big_batch() -> None:
    groups = [ranking([1.0, 0.0]), ranking([0.0, 2.0, 1.0]), ranking([4.0, 3.0], 2.0)]
    torch.manual_seed(0)
    value = torch.randn(7, dtype=torch.float64)
    total = group_importance(groups)
    objective = bradley_terry(centering=0.01)
    whole, metrics = objective(scored(value), plant(groups, total, ends=True))
    first, some = objective(scored(value[:5]), plant(groups[:2], total, ends=True))
    second, more = objective(scored(value[5:]), plant(groups[2:], total, ends=True))
    assert whole.item() == pytest.approx((first + second).item(), rel=1e-12)
    for name, measured in metrics.items():
        assert measured == pytest.approx(some[name] + more[name], rel=1e-6, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([-1, 0, 1]), st.integers(-2, 2)), min_size=1, max_size=12))
def test_who_is_preferred_equals_the_plain_loop(rows: list[tuple[int, int, int]]) -> None:
    expected = {
        (i, j)
        for i, (group_i, label_i, reward_i) in enumerate(rows)
        for j, (group_j, label_j, reward_j) in enumerate(rows)
        if group_i == group_j and (label_i > label_j or (label_i == label_j and reward_i > reward_j))
    }
    group, label, reward = (torch.tensor(column) for column in zip(*rows, strict=True))
    better, worse = preferred(group, label, reward)
    assert set(zip(better.tolist(), worse.tolist(), strict=True)) == expected
