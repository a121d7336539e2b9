"""Quantiles agree with the printed tables and with their own distribution functions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import normal_quantile, t_quantile
from trimtab.stats.quantiles import normal_cdf, t_cdf


@pytest.mark.parametrize(
    ("p", "df", "printed"),
    [
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.95, 4, 2.132),
        (0.975, 10, 2.228),
        (0.995, 30, 2.750),
        (0.975, 120, 1.980),
        (0.9995, 5, 6.869),
    ],
)
def test_students_t_agrees_with_the_table(p: float, df: int, printed: float) -> None:
    assert t_quantile(p, df) == pytest.approx(printed, abs=6e-4)


def test_one_degree_of_freedom_is_cauchys_closed_form() -> None:
    for p in (0.6, 0.9, 0.99, 0.9999):
        assert t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-9)


def test_many_degrees_of_freedom_are_the_normal() -> None:
    assert t_quantile(0.975, 1e7) == pytest.approx(normal_quantile(0.975), rel=1e-6)


@given(st.floats(0.001, 0.999), st.integers(1, 200))
def test_the_quantile_inverts_the_distribution(p: float, df: int) -> None:
    assert t_cdf(t_quantile(p, df), df) == pytest.approx(p, abs=1e-9)
    assert normal_cdf(normal_quantile(p)) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize(("p", "df"), [(0.0, 3), (1.0, 3), (0.5, 0)])
def test_no_quantile_outside_the_open_interval(p: float, df: int) -> None:
    with pytest.raises(ValueError, match="0 < p < 1"):
        t_quantile(p, df)
