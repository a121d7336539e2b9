"""Thumbs: the loss is equations 7 and 8, z0 is the published estimate and the same for every cut of the step."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.conftest import sequence

from trimtab.model import load
from trimtab.records import UserError
from trimtab.train.config import KtoConfig
from trimtab.train.course import group_importance
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.plant import plant
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import Scorer, Scores, forest_scorer
from trimtab.train.kto import KtoCourse, ThumbRows, reference_kl, with_neighbours
from trimtab.train.objectives import Standpoint, kto

CONFIG = KtoConfig(rows_per_step=6, max_tokens=64, beta=0.2, desirable_weight=1.0, undesirable_weight=1.5)


def thumbs(count: int = 6, seed: int = 0) -> list[Group]:
    """Thumbs up and down in turn, under prompts that share a beginning, each with a weight of its own."""
    random = np.random.default_rng(seed)
    begin = random.integers(3, 280, 20).tolist()
    made: list[Group] = []
    for number in range(count):
        prompt = begin + random.integers(3, 280, int(random.integers(1, 5))).tolist()
        answer = random.integers(3, 280, int(random.integers(1, 8))).tolist()
        one = sequence(prompt + answer, len(answer), example=f"t{number}", label=1 if number % 2 else -1)
        made.append((replace(one, importance=1 + number / 4),))
    return made


def referenced(groups: list[Group], model: Any, shift: float = 0.3) -> list[Group]:
    """The groups with reference log-probs a little off the model's, so that no log-ratio is 0."""
    score, random = forest_scorer(model, precision("float64")), np.random.default_rng(1)
    found = []
    for group in groups:
        with torch.no_grad():
            parts = [score(plant([(one,)], 1.0)).logp.numpy() for one in group]
        found.append(
            tuple(replace(s, reference_N=p - shift * random.random(len(p))) for s, p in zip(group, parts, strict=True))
        )
    return found


def course(groups: list[Group], model: Any, budget: int = 4096) -> tuple[KtoCourse, Scorer]:
    config = CONFIG.model_copy(update={"token_budget": budget})
    score = forest_scorer(model, precision("float64"))
    return KtoCourse(ThumbRows(groups, config), config, score), score


def by_hand(groups: list[Group], logp: dict[str, float], reference: dict[str, float]) -> float:
    """A plain loop over the paper's equations, z0 included."""
    ratios = [logp[g[1].example_id] - reference[g[1].example_id] for g in groups if len(g) > 1]
    z0 = max(0.0, sum(ratios) / len(ratios))
    total = 0.0
    for thumb, *_ in groups:
        r = logp[thumb.example_id] - reference[thumb.example_id]
        if thumb.label > 0:
            weight, value = CONFIG.desirable_weight, 1 / (1 + math.exp(-CONFIG.beta * (r - z0)))
        else:
            weight, value = CONFIG.undesirable_weight, 1 / (1 + math.exp(-CONFIG.beta * (z0 - r)))
        total += thumb.importance * (weight - weight * value)
    return total / sum(group[0].importance for group in groups)


@pytest.mark.parametrize("shift", [0.3, -0.3])
def test_a_step_is_the_papers_loop_for_every_cut_of_it(model64: Any, shift: float) -> None:
    groups = referenced(with_neighbours(thumbs(), CONFIG), model64, shift)
    every = [one for group in groups for one in group]
    with torch.no_grad():
        score = forest_scorer(model64, precision("float64"))
        logp = {one.example_id: float(score(plant([(one,)], 1.0)).logp.sum()) for one in every}
    reference = {one.example_id: float(one.reference_N.sum()) for one in every if one.reference_N is not None}
    expected, cuts = by_hand(groups, logp, reference), []
    gradients = []
    for budget in (4096, 64, 16):
        run, score = course(groups, model64, budget)
        batches, objective = run.batches(0), run.objective(0)
        cuts.append(len(batches))
        total: dict[str, float] = {}
        model64.zero_grad()
        for batch in batches:
            loss, metrics = objective(score(batch), batch)
            loss.backward()  # type: ignore[no-untyped-call]
            for name, value in (metrics | {"loss": loss.item()}).items():
                total[name] = total.get(name, 0.0) + value
        assert total["loss"] == pytest.approx(expected, rel=1e-11)
        assert (total["kl"] > 0) == (shift > 0)
        gradients.append((total, torch.cat([p.grad.flatten() for p in model64.parameters()])))
    assert (cuts[0], cuts[2]) == (1, 6)
    for total, gradient in gradients[1:]:
        assert total == pytest.approx(gradients[0][0], rel=1e-10)
        assert torch.allclose(gradient, gradients[0][1], atol=1e-12)


def test_a_reference_point_of_each_micro_batch_alone_would_differ(model64: Any) -> None:
    """The comparison above can fail: z0 from a part of the step is another number."""
    groups = referenced(with_neighbours(thumbs(), CONFIG), model64)
    rows, score = (
        ThumbRows(groups, CONFIG.model_copy(update={"token_budget": 16})),
        forest_scorer(model64, precision("float64")),
    )
    parts = [batch for batch in rows.batches(0) if not batch.label.any()]
    whole = reference_kl(parts, score)
    assert len(parts) > 1
    assert all(abs(reference_kl([part], score) - whole) > 1e-3 for part in parts)


def test_nothing_flows_back_through_the_reference_point(model64: Any) -> None:
    groups = referenced(with_neighbours(thumbs(), CONFIG), model64)
    run, score = course(groups, model64)
    (batch,), objective = run.batches(0), run.objective(0)
    policy = score(batch).logp.detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: objective(Scores(p), batch)[0], (policy,))
    assert all(not example.count("~") for example in batch.example_id)


def test_it_starts_at_one_half_and_metrics_are_means_of_their_class() -> None:
    batch, ratio = measured()
    even = replace(batch, reference_logp=torch.zeros_like(ratio))
    loss, metrics = kto(0.1, Standpoint(0.0, 0.5))(Scores(torch.zeros_like(ratio)), even)
    assert loss.item() == 0.5
    assert metrics["kl"] == metrics["margin"] == metrics["accuracy"] == 0.0
    up = sum(s.importance for (s,) in thumbs() if s.label > 0) / group_importance(thumbs())
    _, metrics = kto(0.1, Standpoint(0.7, up))(Scores(ratio), replace(batch, reference_logp=torch.zeros_like(ratio)))
    assert metrics["kl"] == pytest.approx(0.7)
    sums = [float(part.sum()) for part in torch.split(ratio, batch.seq_len.tolist())]
    rows = [(s.label, s.importance, r) for (s,), r in zip(thumbs(), sums, strict=True)]
    for label, name in ((1, "desirable_reward"), (-1, "undesirable_reward")):
        own = [(w, r) for sign, w, r in rows if sign == label]
        assert metrics[name] == pytest.approx(0.1 * sum(w * r for w, r in own) / sum(w for w, _ in own))
    accuracy = sum(w for sign, w, r in rows if sign * (r - 0.7) > 0) / sum(w for _, w, _ in rows)
    assert metrics["accuracy"] == pytest.approx(accuracy)


def measured() -> tuple[Batch, torch.Tensor]:
    batch = plant(thumbs(), group_importance(thumbs()))
    return batch, torch.from_numpy(np.random.default_rng(2).normal(0.2, 0.5, len(batch.target_ids)))


def test_a_step_of_one_class_has_no_reward_of_the_other() -> None:
    only = [group for group in thumbs() if group[0].label > 0]
    batch = plant(only, group_importance(only))
    zero = torch.zeros(len(batch.target_ids))
    _, metrics = kto(0.1, Standpoint(0.0, 1.0))(Scores(zero), replace(batch, reference_logp=zero))
    assert "desirable_reward" in metrics
    assert "undesirable_reward" not in metrics


@pytest.mark.parametrize(("label", "fix"), [(1, "sft"), (-1, "good")])
def test_thumbs_that_point_one_way_are_refused_with_a_fix(label: int, fix: str) -> None:
    one_sided: list[Group] = [(replace(one, label=label),) for (one,) in thumbs()]
    with pytest.raises(UserError, match=fix):
        with_neighbours(one_sided, CONFIG)


def test_completions_that_are_all_the_same_are_refused() -> None:
    same: list[Group] = [(sequence([5, 6, 7 + i, 9], 1, label=1 - 2 * (i % 2)),) for i in range(4)]
    with pytest.raises(UserError, match="every completion is the same"):
        with_neighbours(same, CONFIG)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(3, 6), min_size=1, max_size=6),
            st.lists(st.integers(3, 6), min_size=1, max_size=4),
            st.sampled_from([1, -1]),
        ),
        min_size=2,
        max_size=8,
    ),
    st.integers(0, 99),
    st.integers(6, 10),
)
def test_a_neighbour_is_the_own_prompt_with_another_completion_that_fits(
    rows: list[tuple[list[int], list[int], int]], seed: int, longest: int
) -> None:
    groups: list[Group] = [
        (sequence(prompt + answer, len(answer), example=str(i), label=label),)
        for i, (prompt, answer, label) in enumerate(rows)
        if len(prompt) + len(answer) <= longest
    ]
    config = KtoConfig(seed=seed, max_tokens=longest)
    kept = [row for row in rows if len(row[0]) + len(row[1]) <= longest]
    try:
        found = with_neighbours(groups, config)
    except UserError:
        pairs = [(a, b) for a in kept for b in kept if a[1] != b[1] and len(a[0]) + len(b[1]) <= longest]
        assert not pairs or len({label for *_, label in kept}) < 2
        return
    assert [group[0] for group in found] == [group[0] for group in groups]
    for (own, *more), (prompt, answer, _) in zip(found, kept, strict=True):
        for second in more:
            other = int(second.example_id.split("~")[1])
            of = next(row for i, row in enumerate(rows) if i == other)
            assert second.example_id.split("~")[0] == own.example_id
            assert second.ids_L.tolist() == prompt + of[1]
            assert of[1] != answer
            assert len(second.ids_L) <= longest
            assert second.label == 0
            assert len(second.scored_N) == len(of[1])
        assert more or all(b == answer or len(prompt) + len(b) > longest for _, b, _ in kept)
    again = with_neighbours(groups, config)
    assert [s.example_id for g in again for s in g] == [s.example_id for g in found for s in g]


def test_the_next_step_is_measured_anew(folder: Path) -> None:
    """z0 follows the policy: the same step asked again by a moved model, as after a resume, has another z0."""
    model: Any = load(folder, dtype="float64")
    groups = referenced(with_neighbours(thumbs(12), CONFIG), model)
    run, score = course(groups, model)
    first = kl_of(run, score, 0)
    assert kl_of(run, score, 1) != first
    with torch.no_grad():
        model.lm_head.weight.mul_(1.01)
    assert kl_of(course(groups, model)[0], score, 0) != first


def kl_of(run: KtoCourse, score: Scorer, step: int) -> float:
    batches, objective = run.batches(step), run.objective(step)
    return sum(objective(score(batch), batch)[1]["kl"] for batch in batches)
