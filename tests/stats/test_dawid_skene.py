"""Dawid and Skene's EM: it never goes down, finds planted error rates, and beats the majority where raters differ."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import dawid_skene

PLANTED = np.array(
    [
        [[0.95, 0.05], [0.05, 0.95]],
        [[0.8, 0.2], [0.3, 0.7]],
        [[0.5, 0.5], [0.5, 0.5]],
        [[0.9, 0.1], [0.2, 0.8]],
        [[0.85, 0.15], [0.1, 0.9]],
    ]
)


def rated(items: int, seed: int) -> tuple[list[tuple[int, int, int]], Any]:
    draw = np.random.default_rng(seed)
    truth = (draw.random(items) < 0.6).astype(int)
    said = [
        (item, rater, int(draw.random() < PLANTED[rater, truth[item], 1]))
        for item in range(items)
        for rater in range(5)
    ]
    return said, truth


def test_planted_confusion_matrices_are_recovered() -> None:
    said, truth = rated(3000, 0)
    found = dawid_skene(said, 3000, 5, 2)
    np.testing.assert_allclose(found.confusion_AKK, PLANTED, atol=0.04)
    assert found.prior_K[1] == pytest.approx(truth.mean(), abs=0.03)


def test_posteriors_are_right_more_often_than_the_majority_and_mean_what_they_say() -> None:
    better, confidence, right = 0, [], []
    for seed in range(10):
        said, truth = rated(300, seed)
        posterior = dawid_skene(said, 300, 5, 2, smoothing=0.5).posterior_IK[:, 1]
        votes = np.bincount([i for i, _, _ in said], [v for _, _, v in said]) / 5
        better += int(((posterior > 0.5) == truth).sum() - ((votes > 0.5) == truth).sum())
        confidence += np.maximum(posterior, 1 - posterior).tolist()
        right += ((posterior > 0.5) == truth).tolist()
    assert better > 0
    assert np.mean(confidence) == pytest.approx(np.mean(right), abs=0.02)


RATINGS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)


@given(RATINGS, st.sampled_from([0.0, 0.5]))
@settings(max_examples=100, deadline=None)
def test_no_step_lowers_the_objective(ratings: list[tuple[int, int, int]], smoothing: float) -> None:
    objectives = dawid_skene(ratings, 6, 3, 3, smoothing=smoothing).objectives
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(objectives))


def plain_step(ratings: list[tuple[int, int, int]], posterior: Any, raters: int, smoothing: float) -> Any:
    """One round of equations 2.3, 2.4 and 2.5 by loops."""
    items, classes = posterior.shape
    confusion = np.zeros((raters, classes, classes))
    for a in range(raters):
        for k in range(classes):
            row = [
                smoothing + sum(posterior[i, k] for i, who, said in ratings if who == a and said == c)
                for c in range(classes)
            ]
            confusion[a, k] = np.array(row) / sum(row) if sum(row) else 1 / classes
    prior = posterior.mean(0)
    after = np.zeros_like(posterior)
    for i in range(items):
        for k in range(classes):
            after[i, k] = prior[k] * np.prod([confusion[a, k, said] for j, a, said in ratings if j == i])
        after[i] /= after[i].sum()
    return after


def test_it_is_the_papers_equations_step_by_step() -> None:
    ratings, _ = rated(12, 3)
    votes = np.zeros((12, 2))
    for item, _, said in ratings:
        votes[item, said] += 0.2
    slow = votes
    for steps in (1, 2, 3):
        slow = plain_step(ratings, slow, 5, 0.5)
        fast = dawid_skene(ratings, 12, 5, 2, smoothing=0.5, steps=steps, tolerance=0.0)
        np.testing.assert_allclose(fast.posterior_IK, slow, atol=1e-12)


def test_an_item_that_nobody_rated_gets_the_prior() -> None:
    found = dawid_skene([(0, 0, 1), (1, 0, 1)], 3, 1, 2, smoothing=1.0)
    np.testing.assert_allclose(found.posterior_IK.sum(1), 1)
    np.testing.assert_allclose(found.posterior_IK[2], found.prior_K, atol=0.2)


@pytest.mark.parametrize("ratings", [[], [(3, 0, 0)], [(0, 0, 2)], [(-1, 0, 0)]])
def test_ratings_out_of_range_are_refused(ratings: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="within"):
        dawid_skene(ratings, 3, 1, 2)
