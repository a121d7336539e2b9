"""EAD does not fall with length, and its jackknife parts give back what leaving each list out gives."""

import numpy as np
import pytest

from trimtab.stats import ead, ead_contributions


def test_ead_in_closed_form() -> None:
    assert ead([["a", "b"], ["a"]], 4) == pytest.approx(2 / (4 * (1 - (3 / 4) ** 3)))


def test_uniform_draws_score_one_at_any_length() -> None:
    rng = np.random.default_rng(0)
    for length in (100, 1_000, 10_000):
        tokens = rng.integers(500, size=(1, length)).tolist()
        assert ead(tokens, 500) == pytest.approx(1, abs=0.1)
        distinct_n = len(set(tokens[0])) / length
        assert length == 100 or distinct_n < 0.5  # the measure that length fools


def test_repeating_oneself_is_less_diverse() -> None:
    assert ead([["so", "it", "goes"]] * 50, 1000) < 0.1 * ead([[i, i + 50, i + 100] for i in range(50)], 1000)


def test_the_parts_are_the_plain_jackknife() -> None:
    lists = np.random.default_rng(1).integers(60, size=(12, 9)).tolist()
    whole = ead(lists, 80)
    plain = [12 * whole - 11 * ead(lists[:i] + lists[i + 1 :], 80) for i in range(12)]
    assert ead_contributions(lists, 80) == pytest.approx(plain)


def test_no_token_has_no_diversity() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        ead([[]], 10)
