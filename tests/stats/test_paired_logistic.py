"""The paired logistic model: it finds what was planted, is at its minimum, and folds never see themselves."""

import numpy as np
import pytest

from trimtab.stats import fit_paired_logistic, held_out_logits


def planted(n: int, beta: list[float], seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Differences of pairs whose sides were put in the order that the model draws."""
    draw = np.random.default_rng(seed)
    d = draw.normal(size=(n, len(beta)))
    first = draw.random(n) < 1 / (1 + np.exp(-d @ np.array(beta)))
    turned: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.where(first[:, None], d, -d)
    return turned


def test_planted_coefficients_are_found() -> None:
    np.testing.assert_allclose(
        fit_paired_logistic(planted(8000, [1.0, 0.0, -0.5], 0), ridge=1e-3), [1, 0, -0.5], atol=0.1
    )


def test_the_gradient_is_zero_and_exchanged_sides_turn_the_sign() -> None:
    d = planted(200, [0.7, -0.3], 1)
    beta = fit_paired_logistic(d, ridge=0.5)
    gradient = -(d * (1 / (1 + np.exp(d @ beta)))[:, None]).sum(0) + 0.5 * beta
    np.testing.assert_allclose(gradient, 0, atol=1e-4)
    np.testing.assert_allclose(fit_paired_logistic(-d, ridge=0.5), -beta, atol=1e-6)


def test_a_weight_of_two_is_the_pair_twice_and_of_zero_its_absence() -> None:
    d = planted(50, [1.0], 2)
    weighed = fit_paired_logistic(d, np.array([2.0, 0.0] + [1.0] * 48))
    np.testing.assert_allclose(weighed, fit_paired_logistic(np.vstack([d[:1], d[:1], d[2:]])), atol=1e-6)


def test_a_feature_that_decides_all_pairs_still_has_a_finite_coefficient() -> None:
    assert 0 < fit_paired_logistic(np.ones((100, 1)))[0] < 10
    with pytest.raises(ValueError, match="ridge"):
        fit_paired_logistic(np.ones((3, 1)), ridge=0)


def test_on_noise_held_out_guesses_are_no_better_than_a_coin() -> None:
    rates = []
    for seed in range(30):
        draw = np.random.default_rng(seed)
        logits = held_out_logits(draw.normal(size=(100, 8)), draw.integers(0, 5, 100))
        rates.append(np.mean(logits > 0))
    assert np.mean(rates) == pytest.approx(0.5, abs=0.03)
    assert not held_out_logits(np.ones((5, 1)), np.zeros(5, dtype=np.intp)).any()
