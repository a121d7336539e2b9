"""Temperature scaling finds the temperature that was planted, and never makes the fitted loss worse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import fit_softmax_temperature, fit_temperature, log_odds, scaled

ROWS = st.lists(
    st.tuples(st.lists(st.floats(-6, 6), min_size=2, max_size=5), st.integers(0, 1)), min_size=2, max_size=15
)


def loss(rows: list[list[float]], chosen: list[int], temperature: float) -> float:
    return -sum(float(np.log(scaled(row, temperature)[i])) for row, i in zip(rows, chosen, strict=True))


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_no_temperature_of_a_fine_grid_is_better(found: list[tuple[list[float], int]]) -> None:
    rows, chosen = [row for row, _ in found], [i for _, i in found]
    best = loss(rows, chosen, fit_softmax_temperature(rows, chosen))
    assert all(best <= loss(rows, chosen, t) + 1e-6 for t in np.geomspace(0.021, 49, 60))


@pytest.mark.parametrize("planted", [0.5, 1.0, 3.0])
def test_the_planted_temperature_is_found(planted: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 4, 4000)
    correct = rng.random(4000) < 1 / (1 + np.exp(-logits / planted))
    assert fit_temperature(logits, correct) == pytest.approx(planted, rel=0.1)


def test_two_options_are_the_binary_case() -> None:
    logits, correct = [2.0, -1.0, 0.5, 3.0], [True, True, False, False]
    rows = [(one, 0.0) for one in logits]
    assert fit_softmax_temperature(rows, [0, 0, 1, 1]) == pytest.approx(fit_temperature(logits, correct))


def test_what_is_always_right_grows_cold_and_what_never_is_hot_within_bounds() -> None:
    assert fit_temperature([1.0, 2.0], [True, True]) == pytest.approx(0.02)
    assert fit_temperature([1.0, 2.0], [False, False]) == pytest.approx(50.0)


def test_scaling_keeps_the_order_and_odds_are_finite() -> None:
    assert list(np.argsort(scaled([0.1, 2.0, 1.0], 7.0))) == [0, 2, 1]
    assert log_odds(0.5) == 0
    assert np.isfinite([log_odds(0.0), log_odds(1.0)]).all()


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="as many"):
        fit_temperature([1.0], [True, False])
    with pytest.raises(ValueError, match="at least one"):
        fit_temperature([], [])
