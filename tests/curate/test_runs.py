"""Shared runs of words: the index finds what comparing all n-grams finds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.curate.runs import RunIndex
from trimtab.text import ngrams

WORDS = st.lists(st.sampled_from("abc"), max_size=12)


def share_a_run(a: list[str], b: list[str], ngram: int, shortest: int) -> bool:
    """The slow twin."""
    needed = min(ngram, len(a), len(b))
    return needed >= shortest and bool(ngrams(a, needed) & ngrams(b, needed))


@settings(max_examples=300)
@given(WORDS, WORDS, st.integers(3, 6))
def test_the_index_finds_what_comparing_all_ngrams_finds(sealed: list[str], other: list[str], ngram: int) -> None:
    index = RunIndex(ngram, 3)
    index.add(sealed)
    found = index.find(other)
    assert (found is not None) == share_a_run(sealed, other, ngram, 3)
    if found is not None:
        assert found[1] in " ".join(sealed)
        assert found[1] in " ".join(other)


@given(st.lists(WORDS, max_size=5), WORDS)
def test_the_text_that_is_named_is_one_that_shares_the_run(sealed: list[list[str]], other: list[str]) -> None:
    index = RunIndex(4, 3)
    for text in sealed:
        index.add(text)
    found = index.find(other)
    assert (found is not None) == any(share_a_run(text, other, 4, 3) for text in sealed)
    if found is not None:
        assert share_a_run(sealed[found[0]], other, 4, 3)
