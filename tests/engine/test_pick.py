"""Draws follow temperature and nucleus; the log-prob told is the model's own."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine import Sampling
from trimtab.engine.pick import _nucleus, generator_of, pick

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, -5.0])


def draws(sampling: Sampling, count: int = 4000) -> Counter[int]:
    generator = generator_of(sampling)
    return Counter(pick(LOGITS, sampling, generator)[0] for _ in range(count))


def test_greedy_takes_the_likeliest_and_tells_its_log_prob() -> None:
    token, logprob = pick(LOGITS, Sampling(), generator_of(Sampling()))
    assert token == 0
    assert logprob == pytest.approx(2.0 - math.log(sum(math.exp(x) for x in LOGITS.tolist())))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_have_the_tempered_frequencies(temperature: float) -> None:
    counts = draws(Sampling(temperature=temperature, seed=1))
    for token, probability in enumerate((LOGITS / temperature).softmax(0).tolist()):
        error = 4.5 * math.sqrt(probability * (1 - probability) / 4000)
        assert counts[token] / 4000 == pytest.approx(probability, abs=error)


def test_the_nucleus_cuts_the_tail_and_no_more() -> None:
    assert set(draws(Sampling(temperature=1.0, top_p=0.8, seed=2))) == {0, 1}
    assert set(draws(Sampling(temperature=1.0, top_p=1e-6, seed=2))) == {0}


@pytest.mark.parametrize("sampling", [Sampling(temperature=1.0, top_p=5e-324), Sampling(temperature=5e-324)])
def test_what_is_nothing_to_float32_leaves_the_likeliest(sampling: Sampling) -> None:
    assert set(draws(sampling, 50)) == {0}


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=8), st.floats(0.05, 0.99))
def test_the_nucleus_is_the_smallest_that_reaches_its_mass(weights: list[float], top_p: float) -> None:
    probs = torch.tensor(weights, dtype=torch.float64)
    probs /= probs.sum()
    kept = _nucleus(probs, top_p)
    mass = float(kept.sum())
    assert mass >= top_p - 1e-9
    assert mass - float(kept[kept > 0].min()) < top_p + 1e-9
    assert float(probs[kept == 0].max() if (kept == 0).any() else 0) <= float(kept[kept > 0].min()) + 1e-12


def test_a_log_prob_ignores_the_sampling() -> None:
    draw = Sampling(temperature=0.3, top_p=0.5, seed=3)
    token, logprob = pick(LOGITS, draw, generator_of(draw))
    assert logprob == pytest.approx(float(LOGITS.log_softmax(0)[token]))


def test_without_a_seed_two_runs_differ() -> None:
    sampling = Sampling(temperature=1.0)
    assert generator_of(sampling).initial_seed() != generator_of(sampling).initial_seed()
