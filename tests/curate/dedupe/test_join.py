"""The join misses nothing: it agrees with comparing every text with every kept one."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.curate.dedupe import near_duplicates
from trimtab.curate.dedupe.meaning import same_meaning
from trimtab.curate.dedupe.sets import jaccard
from trimtab.text import shingles, words

join = import_module("trimtab.curate.dedupe.join")  # the package's own name is a function's in the room
_WORDS = [*"abcdefghijklmn", "17", "18", "ü"]
texts_of_few_words = st.lists(st.lists(st.sampled_from(_WORDS), max_size=14).map(" ".join), min_size=1, max_size=30)


def runs(text: str) -> frozenset[tuple[str, ...]]:
    found = words(text)
    if len(found) < 3:
        return frozenset([tuple(found)])
    return frozenset(zip(found, found[1:], found[2:], strict=False))


def alike(a: str, b: str) -> float:
    left, right = runs(a), runs(b)
    return len(left & right) / len(left | right)


def plain(texts: Sequence[str], threshold: float, classes: Sequence[int] | None = None) -> list[int]:
    """The slow twin: each text against every kept one, the most alike first, then the earliest."""
    of: list[int] = []
    for i, text in enumerate(texts):
        near = [
            (-alike(text, texts[k]), k)
            for k in range(i)
            if of[k] < 0 and (classes is None or classes[i] == classes[k]) and alike(text, texts[k]) >= threshold
        ]
        of.append(min(near)[1] if near else -1)
    return of


@settings(max_examples=150, deadline=None)
@given(texts_of_few_words, st.sampled_from([0.2, 0.5, 0.75, 0.8, 1.0]))
def test_it_decides_as_comparing_every_pair_does(texts: list[str], threshold: float) -> None:
    assert near_duplicates(shingles(texts), threshold).of.tolist() == plain(texts, threshold)


@settings(max_examples=60, deadline=None)
@given(texts_of_few_words, st.integers(2, 40))
def test_small_batches_decide_as_one_large_does(texts: list[str], pairs: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join, "_FIRST_BATCH", 3)
        patch.setattr(join, "_PAIRS", pairs)
        assert near_duplicates(shingles(texts), 0.5).of.tolist() == plain(texts, 0.5)


windows = st.lists(st.integers(0, 13), min_size=4, max_size=24)  # texts that slide: each is like many, more or less


@settings(max_examples=60, deadline=None)
@given(windows, st.sampled_from([0.3, 0.4, 0.5, 0.7]), st.integers(1, 4), st.sampled_from([2, 10, 1 << 20]))
def test_a_text_gives_way_to_the_most_alike_whatever_the_batches(
    starts: list[int], threshold: float, first: int, pairs: int
) -> None:
    texts = [" ".join(f"w{i}" for i in range(start, start + 16)) for start in starts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join, "_FIRST_BATCH", first)
        patch.setattr(join, "_PAIRS", pairs)
        assert near_duplicates(shingles(texts), threshold).of.tolist() == plain(texts, threshold)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(st.sampled_from("abcde"), max_size=9).map(" ".join), st.integers(0, 1)), min_size=1))
def test_texts_of_unlike_classes_are_never_one(rows: list[tuple[str, int]]) -> None:
    texts, classes = [text for text, _ in rows], [kind for _, kind in rows]
    found = near_duplicates(shingles(texts), 0.6, np.array(classes, np.uint64))
    assert found.of.tolist() == plain(texts, 0.6, classes)


def test_the_score_is_the_similarity() -> None:
    texts = ["a b c d e f g h", "a b c d e f g x", "q r s t"]
    found = near_duplicates(shingles(texts), 0.7)
    assert found.of.tolist() == [-1, 0, -1]
    assert found.score[1] == pytest.approx(alike(texts[0], texts[1]))


def test_a_template_repeated_hundreds_of_times_leaves_one() -> None:
    letter = "dear friend thank you for your letter of last week we are glad to hear from you"
    texts = [f"{letter} {'so ' * (i % 3)}" for i in range(600)]
    assert (near_duplicates(shingles(texts), 0.7).of >= 0).sum() >= 597


TEMPLATE = "please tell me what the current price of a {} is in your shop today since I would like to buy one{}"
blanks = st.tuples(st.sampled_from(["kettle", "blue kettle", "lamp", "desk", "very old desk"]), st.sampled_from("abc"))


@settings(max_examples=60, deadline=None)
@given(st.lists(blanks, min_size=2, max_size=40), st.sampled_from([0.5, 0.6, 0.7, 0.75, 0.8, 0.9]), st.integers(1, 8))
def test_a_template_with_blanks_is_decided_as_comparing_every_pair_does(
    filled: list[tuple[str, str]], threshold: float, first: int
) -> None:
    texts = [TEMPLATE.format(item, f" {end}" if end != "a" else "") for item, end in filled]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join, "_FIRST_BATCH", first)
        assert near_duplicates(shingles(texts), threshold).of.tolist() == plain(texts, threshold)


def test_rows_of_one_template_are_not_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their similarity, 15 of 21 runs, is below the threshold, and so many pairs would take hours at 100,000 rows."""
    compared = 0

    def counted(sets: Any, a: Any, b: Any) -> Any:
        nonlocal compared
        compared += len(a)
        return jaccard(sets, a, b)

    monkeypatch.setattr(join, "jaccard", counted)
    texts = [TEMPLATE.format(f"{'very ' * (i % 2)}item{i}x", "") for i in range(2000)]
    assert (near_duplicates(shingles(texts), 0.8).of < 0).all()
    assert compared < len(texts)


def test_prefixes_that_are_too_short_would_miss_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(60):
        first = [f"w{word}" for word in rng.integers(0, 4000, 30)]
        texts += [" ".join(first), " ".join(first[:26] + [f"v{word}" for word in rng.integers(0, 4000, 4)])]
    wanted = near_duplicates(shingles(texts), 0.7).of
    assert wanted.tolist() == plain(texts, 0.7)
    monkeypatch.setattr(join, "_prefixes", lambda sizes, threshold: np.ones_like(sizes))
    assert (near_duplicates(shingles(texts), 0.7).of >= 0).sum() < (wanted >= 0).sum()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=40), st.integers(0, 1))
def test_meaning_decides_as_comparing_every_pair_does(rows: list[list[int]], kinds: int) -> None:
    vectors = np.array(rows, np.float32)
    classes = np.arange(len(rows)).astype(np.uint64) % np.uint64(kinds + 1)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    of: list[int] = []
    for i in range(len(rows)):
        near = [(-float(unit[i] @ unit[k]), k) for k in range(i) if of[k] < 0 and classes[i] == classes[k]]
        near = [(cosine, k) for cosine, k in near if -cosine >= 0.9]
        of.append(k if (k := (min(near)[1] if near else -1)) >= 0 else -1)
    found = same_meaning(vectors, 0.9, classes)
    assert [other >= 0 for other in found.of] == [other >= 0 for other in of]
    assert all(found.score[i] >= 0.9 for i in np.flatnonzero(found.of >= 0))
