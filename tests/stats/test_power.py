"""Power promised is power shown, and n, difference and power are three views of one equation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import design_effect, detectable, needed_n, paired_deviation, paired_interval, power_of


@given(st.floats(0.005, 0.5), st.floats(0.05, 2), st.floats(0.5, 0.99), st.sampled_from([0.01, 0.05, 0.1]))
def test_the_needed_n_sees_the_difference_and_one_less_does_not(d: float, s: float, power: float, alpha: float) -> None:
    n = needed_n(d, s, power, alpha)
    assert detectable(n, s, power, alpha) <= d * (1 + 1e-9)
    assert n == 1 or detectable(n - 1, s, power, alpha) > d * (1 - 1e-9)
    assert power_of(d, n, s, alpha) >= power - 1e-9


def test_the_usual_number() -> None:
    assert needed_n(0.1, 0.5) == math.ceil(((1.959964 + 0.8416212) * 5) ** 2) == 197
    assert paired_deviation(0.04, 0.2, 0.2, 4, 1) == pytest.approx(math.sqrt(0.04 + 0.05 + 0.2))
    assert design_effect(5, 0.25) == 2.0


def test_what_is_promised_is_found_by_the_interval() -> None:
    rng, n, flips = np.random.default_rng(0), 300, 0.2
    difference = detectable(n, math.sqrt(flips), 0.8)
    draws = rng.random((1500, n))
    better = draws < (flips + difference) / 2
    worse = draws > 1 - (flips - difference) / 2
    found = [paired_interval(b.astype(float), w.astype(float)) for b, w in zip(better, worse, strict=True)]
    assert np.mean([one.low > 0 for one in found]) >= 0.78


def test_nonsense_is_refused() -> None:
    for call in (lambda: detectable(0, 1), lambda: needed_n(0, 1), lambda: power_of(1, 1, 0)):
        with pytest.raises(ValueError, match="needs"):
            call()
    with pytest.raises(ValueError, match="between 0 and 1"):
        detectable(10, 1, power=1.0)
