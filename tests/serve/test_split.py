"""The split: the same user always, only forwards as the share grows, fair, and closed when its provider fails."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.serve import arm_of
from trimtab.serve.split import safe_share


@given(st.text(), st.floats(0, 1), st.floats(0, 1), st.text(max_size=4))
def test_a_greater_share_never_takes_a_user_back(key: str, one: float, other: float, salt: str) -> None:
    if arm_of(key, min(one, other), salt) == "canary":
        assert arm_of(key, max(one, other), salt) == "canary"
    assert arm_of(key, one, salt) == arm_of(key, one, salt)


@given(st.text())
def test_no_share_is_nobody_and_the_whole_share_is_everybody(key: str) -> None:
    assert arm_of(key, 0.0) == "stable"
    assert arm_of(key, 1.0) == "canary"


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5])
def test_the_share_is_met(share: float) -> None:
    n = 20_000
    hits = sum(arm_of(f"user-{i}", share) == "canary" for i in range(n))
    assert abs(hits - n * share) < 5 * math.sqrt(n * share * (1 - share))


def test_another_canary_meets_other_users() -> None:
    first, second = ({i for i in range(4000) if arm_of(str(i), 0.5, salt) == "canary"} for salt in ("r1", "r2"))
    assert abs(len(first & second) - 1000) < 5 * math.sqrt(4000 * 0.25 * 0.75)


def _fails() -> float:
    raise RuntimeError


@pytest.mark.parametrize(
    ("provider", "share"),
    [(lambda: 0.3, 0.3), (lambda: 7, 1.0), (lambda: -1, 0.0), (lambda: math.nan, 0.0), (_fails, 0.0)],
)
def test_a_bad_share_closes_the_canary(provider: Callable[[], float], share: float) -> None:
    assert safe_share(provider) == share
