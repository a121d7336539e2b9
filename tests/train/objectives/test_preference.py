"""The preference loss is its papers' equations, in every variant, on pairs and on rankings."""

import math
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.train.conftest import sequence
from torch import Tensor

from trimtab.train.config import PreferenceConfig
from trimtab.train.course import group_importance
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.plant import pack, plant
from trimtab.train.forest.score import Scores
from trimtab.train.objectives import dpo

BETA = 0.3


def ranking(number: int, scores: list[float], *, weight: float = 1.0, pair: bool = False) -> Group:
    """Sequences over one prompt with random answers; ``pair`` labels the first chosen and the second rejected."""
    random = np.random.default_rng([number, len(scores)])
    prompt = random.integers(3, 280, 5).tolist()
    made = []
    for k, score in enumerate(scores):
        answer = random.integers(3, 280, int(random.integers(1, 7))).tolist()
        one = sequence(prompt + answer, len(answer), example=f"{number}/{k}", label=(1 - 2 * k) if pair else 0)
        made.append(replace(one, reward=score, importance=float(np.float32(weight))))
    return tuple(made)


def scored(groups: list[Group], seed: int = 0) -> tuple[Batch, Tensor]:
    """The groups as one batch with random reference log-probs, and random policy log-probs, in float64."""
    random = np.random.default_rng(seed)
    batch = plant(groups, group_importance(groups))
    reference, policy = (torch.from_numpy(-3 * random.random(len(batch.target_ids))) for _ in range(2))
    return replace(batch, reference_logp=reference), policy.requires_grad_()


def sums(batch: Batch, policy: Tensor) -> list[tuple[Tensor, Tensor, int]]:
    """(log π, log π_ref, tokens) of each sequence."""
    assert batch.reference_logp is not None
    lengths = batch.seq_len.tolist()
    parts = zip(torch.split(policy, lengths), torch.split(batch.reference_logp, lengths), lengths, strict=True)
    return [(p.sum(), r.sum(), n) for p, r, n in parts]


def plain(groups: list[Group], batch: Batch, policy: Tensor, **option: Any) -> Tensor:
    """The loss as the papers write it: a loop over groups and over the pairs of each."""
    every = [s for one in groups for s in one]
    loss, eps = option.get("loss", "sigmoid"), option.get("label_smoothing", 0.0)
    found, total, at = sums(batch, policy), torch.zeros((), dtype=torch.float64), 0
    for group in groups:
        members = range(at, at + len(group))
        at += len(group)

        def x(i: int, j: int) -> Tensor:
            (pi, ri, ni), (pj, rj, nj) = found[i], found[j]
            if option.get("length_normalised"):
                pi, ri, pj, rj = pi / ni, ri / ni, pj / nj, rj / nj
            unscaled = loss == "sigmoid_unscaled_reference"
            value = BETA * (pi - pj) - (ri - rj) if unscaled else BETA * ((pi - pj) - (ri - rj))
            return value - (every[i].reward - every[j].reward if option.get("margins") else 0.0)

        def penalty(value: Tensor) -> Tensor:
            if loss == "ipo":
                return (value / BETA - 1 / (2 * BETA)) ** 2
            return torch.log1p(torch.exp(-value))

        key = {i: (every[i].label, every[i].reward) for i in members}
        ordered = [(i, j) if key[i] > key[j] else (j, i) for i, j in combinations(members, 2) if key[i] != key[j]]
        weight = group[0].importance
        if option.get("kwise") == "plackett_luce":
            for i in members:
                behind = [torch.exp(-x(i, j)) for k, j in ordered if k == i]
                total = total + weight * torch.log(1 + sum(behind, torch.zeros((), dtype=torch.float64)))
        else:
            for i, j in ordered:
                value = (1 - eps) * penalty(x(i, j)) + eps * penalty(-x(i, j))
                total = total + weight * value / len(ordered)
        best = [i for i in members if key[i] == max(key.values())]
        for i in best:
            total = total - option.get("sft_weight", 0.0) * weight * found[i][0] / found[i][2] / len(best)
    return total / batch.denominator


VARIANTS: list[dict[str, Any]] = [
    {},
    {"loss": "sigmoid_unscaled_reference"},
    {"loss": "ipo"},
    {"label_smoothing": 0.2},
    {"loss": "ipo", "label_smoothing": 0.1, "margins": True},
    {"length_normalised": True},
    {"loss": "ipo", "length_normalised": True},
    {"margins": True},
    {"sft_weight": 0.4},
    {"kwise": "plackett_luce"},
    {"kwise": "plackett_luce", "margins": True, "sft_weight": 0.2, "length_normalised": True},
]
GROUPS = [
    ranking(0, [1.0, 0.0], pair=True),
    ranking(1, [2.0, 0.5, 2.0, -1.0], weight=0.5),
    ranking(2, [0.0, 3.0], weight=2.0),
    ranking(3, [0.25, 0.0], pair=True, weight=1.7),
]


@pytest.mark.parametrize("option", VARIANTS, ids=str)
def test_loss_and_gradient_are_those_of_a_plain_loop(option: dict[str, Any]) -> None:
    batch, policy = scored(GROUPS)
    expected = plain(GROUPS, batch, policy, **option)
    (slow,) = torch.autograd.grad(expected, policy)
    loss, _ = dpo(BETA, **option)(Scores(policy), batch)
    (fast,) = torch.autograd.grad(loss, policy)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    assert torch.allclose(fast, slow, rtol=1e-10, atol=1e-14)


def test_no_two_variants_are_the_same_loss() -> None:
    """The comparison above can fail: each option changes the number."""
    batch, policy = scored(GROUPS)
    losses = [dpo(BETA, **option)(Scores(policy), batch)[0].item() for option in VARIANTS]
    assert len({round(loss, 9) for loss in losses}) == len(VARIANTS)


def test_the_gradient_is_that_of_finite_differences() -> None:
    batch, policy = scored(GROUPS)
    for option in VARIANTS:
        torch.autograd.gradcheck(lambda p, o=option: dpo(BETA, **o)(Scores(p), batch)[0], (policy,))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 3), min_size=2, max_size=5).filter(lambda s: len(set(s)) > 1), st.floats(0.1, 5)
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(VARIANTS),
    st.integers(0, 10_000),
)
def test_any_rankings_with_ties_and_weights(
    rows: list[tuple[list[int], float]], option: dict[str, Any], seed: int
) -> None:
    groups = [ranking(i, [float(s) for s in scores], weight=weight) for i, (scores, weight) in enumerate(rows)]
    batch, policy = scored(groups, seed)
    loss, metrics = dpo(BETA, **option)(Scores(policy), batch)
    assert loss.item() == pytest.approx(plain(groups, batch, policy, **option).item(), rel=1e-10, abs=1e-12)
    assert 0 <= metrics["accuracy"] <= 1 + 1e-9


def test_a_strict_ranking_is_plackett_and_luces_product_of_choices() -> None:
    groups = [ranking(0, [0.1, 3.0, 1.0, 2.0])]
    batch, policy = scored(groups)
    reward = [BETA * float(p - r) for p, r, _ in sums(batch, policy.detach())]
    likelihood, left = 1.0, [1, 3, 2, 0]
    while left:
        likelihood *= math.exp(reward[left[0]]) / sum(math.exp(reward[i]) for i in left)
        left.pop(0)
    loss, _ = dpo(BETA, kwise="plackett_luce")(Scores(policy), batch)
    assert loss.item() == pytest.approx(-math.log(likelihood), rel=1e-12)


@pytest.mark.parametrize("kwise", ["pairs", "plackett_luce"])
@pytest.mark.parametrize("scores", [[4.0, 1.0], [1.0, 4.0]])
def test_a_ranking_of_two_is_the_pair(kwise: Any, scores: list[float]) -> None:
    ranked = [ranking(0, scores)]
    first = 1 if scores[0] > scores[1] else -1
    pair = [tuple(replace(s, reward=0.0, label=label) for s, label in zip(ranked[0], (first, -first), strict=True))]
    (a, policy), (b, _) = scored(ranked), scored(pair)
    loss, metrics = dpo(BETA, kwise=kwise)(Scores(policy), a)
    expected, same = dpo(BETA)(Scores(policy), b)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-15)
    assert metrics == same


def test_a_label_decides_before_the_score_does() -> None:
    """A pair whose margin is 0, or whose rewards a file turned round, is still the pair that people gave."""
    straight, turned = [ranking(0, [1.0, 0.0], pair=True)], [ranking(0, [0.0, 1.0], pair=True)]
    (a, policy), (b, _) = scored(straight), scored(turned)
    assert dpo(BETA)(Scores(policy), a)[0].item() == dpo(BETA)(Scores(policy), b)[0].item()


@pytest.mark.parametrize("option", VARIANTS, ids=str)
def test_micro_batches_add_up_to_the_big_batch(option: dict[str, Any]) -> None:
    groups = [ranking(i, [2.0, 1.0, 0.0][: 2 + i % 2], weight=1 + i / 3) for i in range(7)]
    whole, policy = scored(groups)
    known = dict(zip(whole.example_id, torch.split(policy.detach(), whole.seq_len.tolist()), strict=True))
    objective = dpo(BETA, **option)
    totals: dict[str, float] = {}
    parts = pack(groups, 40, group_importance(groups))
    for part in parts:
        logp = torch.cat([known[example] for example in part.example_id])
        assert whole.reference_logp is not None
        split = dict(zip(whole.example_id, torch.split(whole.reference_logp, whole.seq_len.tolist()), strict=True))
        reference = torch.cat([split[example] for example in part.example_id])
        loss, metrics = objective(Scores(logp), replace(part, reference_logp=reference))
        for name, value in (metrics | {"loss": loss.item()}).items():
            totals[name] = totals.get(name, 0.0) + value
    loss, metrics = objective(Scores(policy), whole)
    assert len(parts) > 2
    assert totals == pytest.approx(metrics | {"loss": loss.item()}, rel=1e-12)


def test_weights_leave_the_start_at_ln_2_and_move_the_rest() -> None:
    batch, policy = scored(GROUPS)
    assert dpo()(Scores(batch.reference_logp), batch)[0].item() == pytest.approx(math.log(2), rel=1e-15)  # type: ignore[arg-type]
    even = [tuple(replace(s, importance=1.0) for s in group) for group in GROUPS]
    assert dpo()(Scores(policy), batch)[0].item() != dpo()(Scores(policy), scored(even)[0])[0].item()


def test_a_group_without_a_preference_is_our_mistake() -> None:
    batch, policy = scored([GROUPS[0], ranking(9, [1.0, 1.0, 1.0])])
    with pytest.raises(AssertionError, match="better than another"):
        dpo()(Scores(policy), batch)


@pytest.mark.parametrize("wrong", [{"loss": "ipo"}, {"label_smoothing": 0.1}])
def test_plackett_luce_goes_with_sigmoid_alone(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="plackett_luce"):
        PreferenceConfig(kwise="plackett_luce", **wrong)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_an_annotators_weight_is_above_zero_and_finite(weight: float) -> None:
    with pytest.raises(ValidationError):
        PreferenceConfig(annotator_weights={"a": weight})
