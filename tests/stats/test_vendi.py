"""Vendi is the exponential of an entropy: n for strangers, 1 for copies, equal by kernel and by features."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats import vendi, vendi_of


def plain(kernel: Any) -> float:
    """Through the singular values of K/n, which are the eigenvalues of a positive semidefinite matrix."""
    values = np.linalg.svd(np.asarray(kernel) / len(kernel), compute_uv=False)
    return math.exp(-sum(float(v) * math.log(v) for v in values if v > 1e-300))


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 6))
def test_kernel_and_features_give_one_score(seed: int, n: int, d: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    kernel = x @ x.T
    np.fill_diagonal(kernel, 1.0)
    assert vendi(kernel) == pytest.approx(plain(kernel), rel=1e-9)
    assert vendi_of(3 * x) == pytest.approx(vendi(kernel), rel=1e-9)
    assert 1 - 1e-9 <= vendi(kernel) <= min(n, d) + 1e-9


def test_strangers_copies_and_halves() -> None:
    assert vendi(np.eye(7)) == pytest.approx(7)
    assert vendi(np.ones((7, 7))) == pytest.approx(1)
    blocks = np.kron(np.eye(2), np.ones((3, 3)))
    assert vendi(blocks) == pytest.approx(2)


def test_copying_the_whole_sample_changes_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert vendi_of(np.concatenate([x, x])) == pytest.approx(vendi_of(x))


@pytest.mark.parametrize("kernel", [np.ones((2, 3)), np.array([[1.0, 0.2], [0.3, 1.0]]), 2 * np.eye(2), np.eye(0)])
def test_what_is_no_kernel_is_refused(kernel: Any) -> None:
    with pytest.raises(ValueError, match="kernel"):
        vendi(kernel)
    with pytest.raises(ValueError, match="not 0"):
        vendi_of(np.zeros((2, 2)))
