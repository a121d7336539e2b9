"""The diagram's bins are the ECE's, its band holds what is calibrated, and the Brier parts add up exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import brier, brier_split, ece, reliability

PAIRS = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40)


@given(PAIRS, st.integers(1, 12), st.booleans())
def test_the_bins_give_the_ece(pairs: list[tuple[float, bool]], bins: int, equal_mass: bool) -> None:
    p, y = zip(*pairs, strict=True)
    found = reliability(p, y, bins, draws=5, equal_mass=equal_mass)
    assert sum(one.n for one in found) == len(p)
    gaps = sum(one.n * abs(one.accuracy - one.confidence) for one in found)
    assert gaps / len(p) == pytest.approx(ece(p, y, bins, equal_mass), abs=1e-9)


@given(PAIRS, st.integers(1, 12), st.booleans())
def test_the_parts_add_up_to_the_brier_score(pairs: list[tuple[float, bool]], bins: int, equal_mass: bool) -> None:
    p, y = zip(*pairs, strict=True)
    split = brier_split(p, y, bins, equal_mass)
    whole = split.reliability - split.resolution + split.uncertainty + split.within
    assert whole == pytest.approx(brier(p, y), abs=1e-9)
    assert min(split.reliability, split.resolution, split.uncertainty) >= 0


def test_murphys_three_parts_suffice_where_a_bin_has_one_confidence() -> None:
    p, y = [0.2] * 5 + [0.8] * 5, [0, 0, 0, 1, 0, 1, 1, 1, 0, 1]
    split = brier_split(p, y, 2)
    assert split.within == pytest.approx(0)
    assert (split.reliability, split.resolution, split.uncertainty) == pytest.approx((0.0, 0.09, 0.25))


def test_the_band_holds_a_calibrated_model_and_not_an_overconfident_one() -> None:
    rng = np.random.default_rng(0)
    inside: list[bool] = []
    outside: list[bool] = []
    for seed in range(60):
        p = rng.uniform(0.5, 1, 300)
        for told, kept in ((p, inside), (np.minimum(p + 0.2, 1), outside)):
            found = reliability(told, rng.random(300) < p, 5, draws=300, seed=seed)
            kept += [one.low <= one.accuracy <= one.high for one in found]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)
    assert np.mean(outside) < 0.4


def test_the_band_narrows_with_n() -> None:
    widths = []
    for n in (40, 4000):
        p = np.linspace(0.3, 0.7, n)
        widths.append(np.mean([one.high - one.low for one in reliability(p, p > 0.5, 5, draws=200)]))
    assert widths[0] > 8 * widths[1]
