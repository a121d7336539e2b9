"""Calibration error is 0 for honest confidence, the gap for a constant lie, and blind to the order of cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import brier, ece, ece_contributions, expected_ece

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def test_a_constant_confidence_misses_by_its_gap() -> None:
    assert ece([0.9] * 10, [1] * 5 + [0] * 5) == pytest.approx(0.4)
    assert ece([0.5] * 10, [1] * 5 + [0] * 5) == pytest.approx(0.0)


def test_bins_of_equal_width_are_the_textbooks() -> None:
    p, y = [0.05, 0.15, 0.95, 0.85, 1.0], [0, 1, 1, 0, 1]
    by_hand = (abs(0.05 - 0) + abs(0.15 - 1) + abs(0.85 - 0) + abs(0.95 + 1.0 - 2)) / 5
    assert ece(p, y, bins=10, equal_mass=False) == pytest.approx(by_hand)


def test_bins_of_equal_count_are_a_sort_and_a_split() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(60)
    y = rng.random(60) < p**2
    order = np.argsort(p)
    plain = sum(abs((p[part] - y[part]).sum()) for part in np.array_split(order, 6)) / 60
    assert ece(p, y, bins=6) == pytest.approx(plain)


def test_equal_confidences_go_together_to_the_bin_of_their_middle() -> None:
    assert ece([0.1, 0.5, 0.5, 0.5], [1, 0, 0, 0], bins=2) == pytest.approx((abs(0.1 - 1) + abs(1.5 - 0)) / 4)


@given(PAIRS, st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_cases_never_matters(pairs: list[tuple[float, bool]], random: object, mass: bool) -> None:
    mixed = list(pairs)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    found = [ece([p for p, _ in rows], [y for _, y in rows], equal_mass=mass) for rows in (pairs, mixed)]
    assert found[0] == pytest.approx(found[1], abs=1e-9)
    assert 0 <= found[0] <= 1


@given(PAIRS)
def test_the_parts_add_up_to_the_whole(pairs: list[tuple[float, bool]]) -> None:
    p, y = [a for a, _ in pairs], [b for _, b in pairs]
    assert ece_contributions(p, y).mean() == pytest.approx(ece(p, y))


def test_an_honest_model_shows_what_chance_alone_would() -> None:
    rng = np.random.default_rng(5)
    p = rng.random(300)
    honest = ece(p, rng.random(300) < p)
    boastful = ece(np.sqrt(p), rng.random(300) < p)
    null = expected_ece(p, bins=15, draws=100, seed=0)
    assert 0.5 * null < honest < 2 * null < boastful


def test_brier_in_closed_form() -> None:
    assert brier([0.8, 0.3], [1, 0]) == pytest.approx((0.04 + 0.09) / 2)


@pytest.mark.parametrize(("p", "y"), [([], []), ([1.2], [1]), ([0.5], [1, 0]), ([float("nan")], [1])])
def test_what_is_no_probability_is_refused(p: list[float], y: list[int]) -> None:
    with pytest.raises(ValueError, match=r"confidence|outcome"):
        brier(p, y)
