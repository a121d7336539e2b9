"""Self-BLEU, Vendi and distinct-n equal their definitions written plainly, and so do their jackknives."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import (
    distinct,
    distinct_contributions,
    ngram_kernel,
    self_bleu,
    self_bleu_contributions,
    vendi,
    vendi_contributions,
)

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), min_size=2, max_size=7)
MORE = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), min_size=3, max_size=7)


def grams(text: list[str], n: int) -> Counter[str]:
    return Counter(" ".join(text[i : i + n]) for i in range(len(text) - n + 1))


def plain_bleu(hypothesis: list[str], references: list[list[str]]) -> float:
    """Papineni's, n-gram by n-gram over every reference."""
    total = 0.0
    for n in (1, 2, 3, 4):
        own = grams(hypothesis, n)
        matched = sum(min(count, max(grams(one, n)[gram] for one in references)) for gram, count in own.items())
        total += 0.25 * math.log((matched or 0.1) / max(1, len(hypothesis) - n + 1))
    nearest = min((abs(len(one) - len(hypothesis)), len(one)) for one in references)[1]
    return (1.0 if len(hypothesis) > nearest else math.exp(1 - nearest / len(hypothesis))) * math.exp(total)


def plain_self_bleu(texts: list[list[str]]) -> float:
    return float(np.mean([plain_bleu(one, texts[:i] + texts[i + 1 :]) for i, one in enumerate(texts)]))


def plain_vendi(texts: list[list[str]]) -> float:
    """Entropy of the singular values of K/m, each cosine from the counts themselves."""
    m = len(texts)
    kernel = np.zeros((m, m))
    for n in (1, 2, 3, 4):
        for i, a in enumerate(texts):
            for j, b in enumerate(texts):
                x, y = grams(a, n), grams(b, n)
                size = math.sqrt(sum(v * v for v in x.values()) * sum(v * v for v in y.values()))
                kernel[i, j] += 0.25 * (sum(x[g] * y[g] for g in x) / size if size else 0.0)
    np.fill_diagonal(kernel, 1.0)
    values = np.linalg.svd(kernel / m, compute_uv=False)
    return math.exp(-sum(v * math.log(v) for v in values if v > 1e-12))


@settings(deadline=None)
@given(TEXTS)
def test_self_bleu_is_the_mean_of_plain_bleus(texts: list[list[str]]) -> None:
    assert self_bleu(texts) == pytest.approx(plain_self_bleu(texts), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(MORE)
def test_its_parts_are_the_plain_jackknife(texts: list[list[str]]) -> None:
    m, whole = len(texts), plain_self_bleu(texts)
    plain = [m * whole - (m - 1) * plain_self_bleu(texts[:i] + texts[i + 1 :]) for i in range(m)]
    assert self_bleu_contributions(texts) == pytest.approx(plain, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_vendi_is_the_entropy_of_the_plain_kernel(texts: list[list[str]]) -> None:
    assert vendi(ngram_kernel(texts)) == pytest.approx(plain_vendi(texts), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(MORE)
def test_vendis_parts_are_the_plain_jackknife(texts: list[list[str]]) -> None:
    m, whole = len(texts), vendi(ngram_kernel(texts))
    plain = [m * whole - (m - 1) * vendi(ngram_kernel(texts[:i] + texts[i + 1 :])) for i in range(m)]
    assert vendi_contributions(ngram_kernel(texts)) == pytest.approx(plain, abs=1e-9)


def test_vendi_counts_unlike_texts() -> None:
    assert vendi(np.eye(7)) == pytest.approx(7)
    assert vendi(np.ones((7, 7))) == pytest.approx(1)
    blocks = np.kron(np.eye(3), np.ones((4, 4)))
    assert vendi(blocks) == pytest.approx(3)


def test_distinct_is_new_n_grams_over_all_and_its_parts_the_plain_jackknife() -> None:
    texts = [list("abab"), list("abcd"), list("a")]
    assert distinct(texts) == pytest.approx(4 / 9)
    assert distinct(texts, 2) == pytest.approx(4 / 6)  # ab ba bc cd
    whole = distinct(texts)
    plain = [3 * whole - 2 * distinct(texts[:i] + texts[i + 1 :]) for i in range(3)]
    assert distinct_contributions(texts) == pytest.approx(plain)


def test_the_same_answer_again_and_again_is_seen() -> None:
    rng = np.random.default_rng(0)
    varied = [[str(word) for word in rng.integers(400, size=12)] for _ in range(30)]
    bland = varied[:10] + [varied[0]] * 20
    assert self_bleu(bland) > self_bleu(varied) + 0.4
    assert vendi(ngram_kernel(bland)) < 0.6 * vendi(ngram_kernel(varied))


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="two texts"):
        self_bleu([["a"]])
    with pytest.raises(ValueError, match="no text has 2 words"):
        distinct([["a"]], 2)
    with pytest.raises(ValueError, match="square kernel"):
        vendi(np.zeros((2, 2)))
