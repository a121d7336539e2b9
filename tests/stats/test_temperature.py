"""The fitted temperature undoes overconfidence, is a minimum, and stays within its bounds on what says nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import ece, fit_temperature, tempered


def loss(p: object, y: object, temperature: float) -> float:
    scaled = np.clip(tempered(p, temperature), 1e-300, 1 - 1e-16)  # type: ignore[arg-type]
    right = np.asarray(y, dtype=float)
    return float(-(right * np.log(scaled) + (1 - right) * np.log1p(-scaled)).mean())


def test_a_known_temperature_is_found_and_the_ece_falls() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0.5, 2, 20_000)
    y = rng.random(20_000) < 1 / (1 + np.exp(-logits / 2.5))
    p = 1 / (1 + np.exp(-logits))
    found = fit_temperature(p[:10_000], y[:10_000])
    assert found == pytest.approx(2.5, rel=0.06)
    assert ece(tempered(p[10_000:], found), y[10_000:]) < ece(p[10_000:], y[10_000:]) / 5


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=2, max_size=30))
def test_no_other_temperature_is_better(pairs: list[tuple[float, bool]]) -> None:
    p, y = zip(*pairs, strict=True)
    found = fit_temperature(p, y)
    assert 0.05 <= found <= 20
    best = loss(p, y, found)
    assert all(best <= loss(p, y, other) + 1e-7 for other in np.geomspace(0.05, 20, 60))


def test_outcomes_that_are_all_right_push_to_a_bound_and_coin_flips_stay() -> None:
    assert fit_temperature([0.9, 0.8], [1, 1]) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature([0.9, 0.8], [0, 0]) == pytest.approx(20, rel=1e-3)
    assert fit_temperature([0.5, 0.5], [1, 0]) == 1.0


def test_one_changes_nothing_and_order_is_kept() -> None:
    p = np.linspace(0.01, 0.99, 50)
    assert tempered(p, 1.0) == pytest.approx(p)
    assert (np.diff(tempered(p, 7.0)) > 0).all()
    with pytest.raises(ValueError, match="above 0"):
        tempered(p, 0.0)
