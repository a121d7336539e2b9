"""Kish's effective number and the clipping of weights, against clipping again and again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import clipped, effective_number

WEIGHTS = st.lists(st.just(0.0) | st.floats(1e-3, 100), min_size=1, max_size=12)


def test_kish_counts_equal_voices_and_one_that_has_all() -> None:
    assert effective_number([3.0] * 7) == pytest.approx(7)
    assert effective_number([5.0, 0.0, 0.0]) == 1
    assert effective_number([]) == 0


@given(WEIGHTS)
def test_it_lies_between_one_and_the_voices(weights: list[float]) -> None:
    if sum(weights) > 1e-6:
        assert 1 - 1e-9 <= effective_number(weights) <= len(weights) + 1e-9


@given(WEIGHTS, st.floats(0.05, 1))
@settings(max_examples=200, deadline=None)
def test_no_voice_keeps_more_than_its_share_and_the_small_keep_all(weights: list[float], share: float) -> None:
    after = clipped(weights, share)
    if sum(weight > 0 for weight in weights) * share > 1.001:
        assert max(after) <= share * sum(after) * (1 + 1e-6) + 1e-9
        level = max(after)
        assert all(new == pytest.approx(min(old, level)) for old, new in zip(weights, after, strict=True))


@given(st.lists(st.floats(1, 100), min_size=4, max_size=8), st.floats(0.3, 0.9))
@settings(max_examples=60, deadline=None)
def test_it_is_where_clipping_again_and_again_ends(weights: list[float], share: float) -> None:
    slow = list(weights)
    for _ in range(4000):
        slow = [min(weight, share * sum(slow)) for weight in slow]
    assert clipped(weights, share) == pytest.approx(slow, rel=1e-3)


def test_what_no_level_can_do_is_left_as_it_was() -> None:
    assert clipped([9.0, 1.0], 0.3) == [9.0, 1.0]
    assert clipped([0.0, 0.0], 0.5) == [0.0, 0.0]
    with pytest.raises(ValueError, match="share"):
        clipped([1.0], 0)
