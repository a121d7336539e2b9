"""A signature estimates the overlap of shingle sets, and equal normal forms share one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.text import jaccard_estimate, ngrams, shingle_signature, words


def jaccard(a: str, b: str) -> float:
    one, other = ngrams(words(a), 3), ngrams(words(b), 3)
    return len(one & other) / len(one | other)


@pytest.mark.parametrize("kept", [0, 40, 120, 190, 200])
def test_the_estimate_is_near_the_plain_jaccard(kept: int) -> None:
    a = " ".join(f"w{i}" for i in range(200))
    b = " ".join(f"w{i}" if i < kept else f"v{i}" for i in range(200))
    estimate = jaccard_estimate(shingle_signature(a, 1024), shingle_signature(b, 1024))
    assert estimate == pytest.approx(jaccard(a, b), abs=3 * 0.5 / 32)


def test_the_estimate_is_unbiased_over_seeds() -> None:
    a, b = " ".join(f"w{i}" for i in range(60)), " ".join(f"w{i}" for i in range(20, 80))
    estimates = [
        jaccard_estimate(shingle_signature(a, seed=seed), shingle_signature(b, seed=seed)) for seed in range(60)
    ]
    assert np.mean(estimates) == pytest.approx(jaccard(a, b), abs=3 * np.std(estimates) / 60**0.5)


@given(st.text(max_size=60))
def test_form_alone_decides(text: str) -> None:
    assert (shingle_signature(text) == shingle_signature(f"  {text.upper()}!! ")).all() or text.upper().lower() != text


def test_texts_shorter_than_a_shingle_still_differ() -> None:
    assert jaccard_estimate(shingle_signature("yes"), shingle_signature("Yes.")) == 1
    assert jaccard_estimate(shingle_signature("yes"), shingle_signature("no")) < 0.1
    assert jaccard_estimate(shingle_signature("yes"), shingle_signature("")) == 0


def test_word_order_counts() -> None:
    assert jaccard_estimate(shingle_signature("a b c d e f"), shingle_signature("f e d c b a")) < 0.1


def test_signatures_of_different_kinds_do_not_compare() -> None:
    with pytest.raises(ValueError, match="one length"):
        jaccard_estimate(shingle_signature("a", 64), shingle_signature("a", 128))


def test_the_signature_is_the_plain_minimum() -> None:
    """The same numbers by Python's integers, one permutation after the other."""
    from trimtab.text.signature import _permutations, _shingles

    factor, offset = _permutations(16, 7)
    shingles = [int(one) for one in _shingles(words("one two three four five"), 3)]
    plain = [min((s * int(f) + int(o)) % 2**64 >> 32 for s in shingles) for f, o in zip(factor, offset, strict=True)]
    assert shingle_signature("one two three four five", 16, seed=7).tolist() == plain
